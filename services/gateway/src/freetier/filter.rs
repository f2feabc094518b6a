//! Which offers are meant.

use aws_model::freetier::{DimensionValues, Expression};
use domain::bill::budget::parse_amount;
use domain::bill::explorer::usage_type::SERVICE;
use domain::price::rating::ROW_DIGITS;
use wire::Fault;

use super::usage::{FREE_TIER_TYPE, REGION, Used};

/// Conditions that an expression may have.
const SIZE_MAX: usize = 100;

/// A tree of conditions.
#[derive(Debug)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    /// Key, values, how.
    Dimension(String, Vec<String>, How),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    Equals,
    StartsWith,
    EndsWith,
    Contains,
    AtLeast,
}

/// The texts are ours.
fn invalid(text: &str) -> Fault {
    Fault::new(400, "ValidationException", text)
}

pub(super) fn read(expression: Expression) -> Result<Filter, Fault> {
    let mut left = SIZE_MAX;
    node(expression, &mut left)
}

fn node(expression: Expression, left: &mut usize) -> Result<Filter, Fault> {
    *left = left
        .checked_sub(1)
        .ok_or_else(|| invalid("The filter has too many conditions."))?;
    let mut all = |list: Vec<Expression>| -> Result<Vec<Filter>, Fault> {
        if list.is_empty() {
            return Err(invalid("And and Or need operands."));
        }
        list.into_iter().map(|one| node(one, left)).collect()
    };
    match (
        expression.and,
        expression.or,
        expression.not,
        expression.dimensions,
    ) {
        (Some(list), None, None, None) => all(list).map(Filter::And),
        (None, Some(list), None, None) => all(list).map(Filter::Or),
        (None, None, Some(one), None) => Ok(Filter::Not(Box::new(node(*one, left)?))),
        (None, None, None, Some(by)) => dimension(by),
        _ => Err(invalid(
            "An expression must have exactly one of And, Or, Not, Dimensions.",
        )),
    }
}

fn dimension(by: DimensionValues) -> Result<Filter, Fault> {
    let how = match by
        .match_options
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()[..]
    {
        [] | ["EQUALS"] => How::Equals,
        ["STARTS_WITH"] => How::StartsWith,
        ["ENDS_WITH"] => How::EndsWith,
        ["CONTAINS"] => How::Contains,
        ["GREATER_THAN_OR_EQUAL"] => How::AtLeast,
        _ => return Err(invalid("A dimension takes one match option.")),
    };
    let percentage = by.key == "USAGE_PERCENTAGE";
    if percentage != matches!(how, How::AtLeast) {
        return Err(invalid(
            "GREATER_THAN_OR_EQUAL goes with USAGE_PERCENTAGE, and with nothing else.",
        ));
    }
    if percentage && by.values.iter().any(|value| parse_amount(value).is_err()) {
        return Err(invalid("A USAGE_PERCENTAGE is compared with a number."));
    }
    Ok(Filter::Dimension(by.key, by.values, how))
}

impl Filter {
    pub(super) fn passes(&self, used: &Used) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.passes(used)),
            Self::Or(any) => any.iter().any(|filter| filter.passes(used)),
            Self::Not(filter) => !filter.passes(used),
            Self::Dimension(key, values, how) => {
                values.iter().any(|value| fits(used, key, value, *how))
            }
        }
    }
}

fn fits(used: &Used, key: &str, wanted: &str, how: How) -> bool {
    let value = match key {
        "SERVICE" => SERVICE,
        "USAGE_TYPE" => used.offer.usage_type,
        "REGION" => REGION,
        "FREE_TIER_TYPE" => FREE_TIER_TYPE,
        "DESCRIPTION" => used.offer.description,
        // An offer is of no operation.
        _ => "",
    };
    match how {
        How::Equals => value == wanted,
        How::StartsWith => value.starts_with(wanted),
        How::EndsWith => value.ends_with(wanted),
        How::Contains => value.contains(wanted),
        How::AtLeast => {
            // Percent at ten digits: the quotient of two figures at ten digits has none of them left.
            let hundred_e10 = 100 * 10_i128.pow(ROW_DIGITS);
            let percent_e10 = used.actual_e10.saturating_mul(hundred_e10) / used.limit_e10.max(1);
            parse_amount(wanted).is_ok_and(|wanted| percent_e10 >= wanted)
        }
    }
}
