//! Filter expressions of budgets: what Cost Explorer has, in shapes of their own.

use aws_model::budgets::{CostCategoryValues, Expression, ExpressionDimensionValues, TagValues};
use domain::bill::explorer::{Filter, How, Match};
use wire::Fault;

use super::faults;
use crate::ce;

/// Reads an expression.
pub(super) fn read(given: &Expression) -> Result<Filter, Fault> {
    // On the wire, it is the same in both services.
    let same = serde_json::to_value(given).and_then(serde_json::from_value);
    let same = same.map_err(|_| Fault::internal())?;
    let read = ce::expression::filter(Some(same));
    let read = read.map_err(|fault| faults::invalid(fault.message()))?;
    if has_nul(&read) {
        return Err(faults::nul("FilterExpression"));
    }
    Ok(read)
}

/// Whether there is a character in it that the database does not keep.
fn has_nul(filter: &Filter) -> bool {
    let in_rule = |rule: &Match| rule.values.iter().any(|value| value.contains('\0'));
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().any(has_nul),
        Filter::Not(filter) => has_nul(filter),
        Filter::Dimension(_, rule) => in_rule(rule),
        Filter::Tag(key, rule) | Filter::CostCategory(key, rule) => {
            key.contains('\0') || in_rule(rule)
        }
    }
}

/// An expression as it was given.
pub(super) fn show(filter: Filter) -> Expression {
    let all = |filters: Vec<Filter>| Some(filters.into_iter().map(show).collect());
    let mut shown = Expression::default();
    match filter {
        Filter::And(filters) => shown.and = all(filters),
        Filter::Or(filters) => shown.or = all(filters),
        Filter::Not(filter) => shown.not = Some(Box::new(show(*filter))),
        Filter::Dimension(dimension, rule) => {
            shown.dimensions = Some(ExpressionDimensionValues {
                key: dimension.as_str().to_owned(),
                match_options: options(&rule),
                values: rule.values,
            });
        }
        Filter::Tag(key, rule) => {
            shown.tags = Some(TagValues {
                key: Some(key),
                match_options: options(&rule),
                values: Some(rule.values),
            });
        }
        Filter::CostCategory(key, rule) => {
            shown.cost_categories = Some(CostCategoryValues {
                key: Some(key),
                match_options: options(&rule),
                values: Some(rule.values),
            });
        }
    }
    shown
}

/// Match options that say more than nothing does.
fn options(rule: &Match) -> Option<Vec<String>> {
    let how = match rule.how {
        How::Equals => None,
        How::StartsWith => Some("STARTS_WITH"),
        How::EndsWith => Some("ENDS_WITH"),
        How::Contains => Some("CONTAINS"),
        How::Absent => Some("ABSENT"),
    };
    let case = (!rule.case_sensitive).then_some("CASE_INSENSITIVE");
    let all: Vec<String> = how.into_iter().chain(case).map(str::to_owned).collect();
    (!all.is_empty()).then_some(all)
}
