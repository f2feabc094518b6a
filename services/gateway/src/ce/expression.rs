//! Filters and groups as clients write them.

use aws_model::ce::{Expression, GroupDefinition};
use domain::bill::explorer::{Filter, GroupBy, How, Match};
use wire::Fault;

use super::faults;
use crate::call::Call;

/// Conditions and values that an expression may have: each is held against every charge.
const SIZE_MAX: usize = 1_000;

/// The filter of a request; without one, everything passes.
pub(crate) fn filter(expression: Option<Expression>) -> Result<Filter, Fault> {
    let mut left = SIZE_MAX;
    expression.map_or_else(|| Ok(Filter::everything()), |one| read(one, &mut left))
}

fn read(expression: Expression, left: &mut usize) -> Result<Filter, Fault> {
    take(left, 1)?;
    let Expression {
        or,
        and,
        not,
        dimensions,
        tags,
        cost_categories,
        product_attributes,
    } = expression;
    if product_attributes.is_some() {
        return Err(faults::not_supported("Filtering by ProductAttributes"));
    }
    match (or, and, not, dimensions, tags, cost_categories) {
        (Some(any), None, None, None, None, None) => operands(any, left).map(Filter::Or),
        (None, Some(all), None, None, None, None) => operands(all, left).map(Filter::And),
        (None, None, Some(not), None, None, None) => Ok(Filter::Not(Box::new(read(*not, left)?))),
        (None, None, None, Some(by), None, None) => {
            let key = by
                .key
                .ok_or_else(|| faults::without("Dimensions", "a Key"))?;
            let dimension = key.parse().map_err(|_| faults::no_dimension(&key))?;
            let rule = rule("Dimensions", by.values, by.match_options, left)?;
            Ok(Filter::Dimension(dimension, rule))
        }
        (None, None, None, None, Some(by), None) => {
            let key = by.key.ok_or_else(|| faults::without("Tags", "a Key"))?;
            let rule = rule("Tags", by.values, by.match_options, left)?;
            Ok(Filter::Tag(key, rule))
        }
        (None, None, None, None, None, Some(by)) => {
            let key = by.key;
            let key = key.ok_or_else(|| faults::without("CostCategories", "a Key"))?;
            let rule = rule("CostCategories", by.values, by.match_options, left)?;
            Ok(Filter::CostCategory(key, rule))
        }
        _ => Err(faults::not_one_member()),
    }
}

fn take(left: &mut usize, size: usize) -> Result<(), Fault> {
    *left = left
        .checked_sub(size)
        .ok_or_else(|| faults::too_large_an_expression(SIZE_MAX))?;
    Ok(())
}

fn operands(list: Vec<Expression>, left: &mut usize) -> Result<Vec<Filter>, Fault> {
    if list.is_empty() {
        return Err(faults::empty_operands());
    }
    list.into_iter().map(|one| read(one, left)).collect()
}

fn rule(
    what: &str,
    values: Option<Vec<String>>,
    options: Option<Vec<String>>,
    left: &mut usize,
) -> Result<Match, Fault> {
    let values = values.unwrap_or_default();
    take(left, values.len())?;
    let options = options.unwrap_or_default();
    let (how, case_sensitive) = how(&options)?;
    if values.is_empty() && how != How::Absent {
        return Err(faults::without(what, "Values"));
    }
    Ok(Match {
        values,
        how,
        case_sensitive,
    })
}

/// What match options mean together; without any, a value must be equal.
fn how(options: &[String]) -> Result<(How, bool), Fault> {
    let (mut how, mut case_sensitive) = (None, None);
    for option in options {
        let twice = match option.as_str() {
            "EQUALS" => how.replace(How::Equals).is_some(),
            "STARTS_WITH" => how.replace(How::StartsWith).is_some(),
            "ENDS_WITH" => how.replace(How::EndsWith).is_some(),
            "CONTAINS" => how.replace(How::Contains).is_some(),
            "ABSENT" => how.replace(How::Absent).is_some(),
            "CASE_SENSITIVE" => case_sensitive.replace(true).is_some(),
            "CASE_INSENSITIVE" => case_sensitive.replace(false).is_some(),
            _ => true,
        };
        if twice {
            return Err(faults::match_options(options));
        }
    }
    Ok((how.unwrap_or(How::Equals), case_sensitive.unwrap_or(true)))
}

/// What results are grouped by, in the order asked for.
pub(super) fn groups(definitions: &[GroupDefinition]) -> Result<Vec<GroupBy>, Fault> {
    if definitions.len() > 2 {
        return Err(faults::too_many_groups());
    }
    definitions.iter().map(group).collect()
}

fn group(definition: &GroupDefinition) -> Result<GroupBy, Fault> {
    let (Some(kind), Some(key)) = (&definition.r#type, &definition.key) else {
        return Err(faults::group_without_key());
    };
    match kind.as_str() {
        "DIMENSION" => {
            let dimension = key.parse().map_err(|_| faults::no_dimension(key))?;
            Ok(GroupBy::Dimension(dimension))
        }
        "TAG" => Ok(GroupBy::Tag(key.clone())),
        "COST_CATEGORY" => Ok(GroupBy::CostCategory(key.clone())),
        _ => Err(faults::not_supported("Grouping by PRODUCT_ATTRIBUTE")),
    }
}

/// Refuses all billing views but the account's own.
pub(super) fn check_view(cx: &Call, arn: Option<&str>) -> Result<(), Fault> {
    let primary = format!("arn:aws:billing::{}:billingview/primary", cx.account);
    match arn {
        Some(arn) if arn != primary => Err(faults::no_view(arn)),
        _ => Ok(()),
    }
}
