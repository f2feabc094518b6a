//! Cost Explorer's errors: codes, statuses and texts in one place.
//!
//! The texts are AWS's, taken from reports of its users, unless a comment says that they are ours.

use domain::price::Currency;
use wire::Fault;

pub(super) fn invalid(text: impl Into<String>) -> Fault {
    Fault::new(400, "ValidationException", text)
}

fn unavailable(text: impl Into<String>) -> Fault {
    Fault::new(400, "DataUnavailableException", text)
}

/// Ours, as every sentence about what AWS has and we do not.
pub(super) fn not_supported(what: &str) -> Fault {
    invalid(format!("{what} is not supported by Tollgate yet."))
}

// Spans of time.

/// Ours.
pub(super) fn no_date(text: &str) -> Fault {
    invalid(format!(
        "{text} is not a date, or no hour of one: dates look like 2026-11-01, hours like 2026-11-01T13:00:00Z."
    ))
}

pub(super) fn hours_not_asked_for() -> Fault {
    invalid("Hourly timePeriod is not supported for this request")
}

pub(super) fn ends_before_it_starts() -> Fault {
    invalid("Start date (and hour) should be before end date (and hour)")
}

pub(super) fn ends_too_late() -> Fault {
    invalid("end date past the beginning of next month")
}

/// Ours.
pub(super) fn starts_after_today() -> Fault {
    invalid("The start date must not be later than today.")
}

pub(super) fn beyond_14_months() -> Fault {
    invalid(
        "To retrieve data beyond the past 14 months, your start date needs to be the first day of the month.",
    )
}

/// Ours.
pub(super) fn too_long_ago(what: &str, how_long: &str) -> Fault {
    invalid(format!(
        "{what} data is available for the past {how_long} only."
    ))
}

// Metrics, groups, filters.

/// Ours.
pub(super) fn no_metric(text: &str, known: &[&str]) -> Fault {
    invalid(format!(
        "Metric {text:?} is invalid. Valid metrics are: {}.",
        known.join(", ")
    ))
}

/// Ours.
pub(super) fn no_metrics() -> Fault {
    invalid("At least one metric must be named.")
}

/// Ours.
pub(super) fn too_many_groups() -> Fault {
    invalid("Results can be grouped by two keys at most.")
}

/// Ours.
pub(super) fn no_dimension(key: &str) -> Fault {
    let known: Vec<&str> = domain::bill::explorer::Dimension::names().collect();
    invalid(format!(
        "{key} is not a dimension of a charge. Valid dimensions are: {}.",
        known.join(", ")
    ))
}

/// Ours.
pub(super) fn group_without_key() -> Fault {
    invalid("A group definition needs a Type and a Key.")
}

/// Ours.
pub(super) fn not_one_member() -> Fault {
    invalid(
        "An expression must have exactly one of Or, And, Not, Dimensions, Tags, CostCategories.",
    )
}

/// Ours.
pub(super) fn empty_operands() -> Fault {
    invalid("And and Or need operands.")
}

/// Ours.
pub(super) fn without(what: &str, member: &str) -> Fault {
    invalid(format!("{what} in an expression need {member}."))
}

/// Ours.
pub(super) fn match_options(options: &[String]) -> Fault {
    invalid(format!(
        "MatchOptions [{}] do not go together or are not served: name one of EQUALS, STARTS_WITH, ENDS_WITH, CONTAINS, ABSENT, and \
         CASE_SENSITIVE or CASE_INSENSITIVE.",
        options.join(", ")
    ))
}

/// Ours.
pub(super) fn too_large_an_expression(max: usize) -> Fault {
    Fault::new(
        400,
        "LimitExceededException",
        format!("An expression may have {max} conditions and values at most."),
    )
}

/// Ours.
pub(super) fn sort_key(key: &str) -> Fault {
    invalid(format!(
        "Results cannot be sorted by {key:?}, only by a cost metric or UsageQuantity."
    ))
}

/// Ours.
pub(super) fn no_view(arn: &str) -> Fault {
    Fault::new(
        400,
        "ResourceNotFoundException",
        format!("There is no billing view {arn}, only the account's primary one."),
    )
}

/// Ours.
pub(super) fn currencies(currencies: &[Currency]) -> Fault {
    let codes: Vec<&str> = currencies.iter().map(Currency::as_str).collect();
    unavailable(format!(
        "The costs are in {}, which cannot be added up: filter by REGION for one of them.",
        codes.join(" and ")
    ))
}

// Pages.

/// Ours.
pub(super) fn bad_token() -> Fault {
    Fault::new(
        400,
        "InvalidNextTokenException",
        "The NextPageToken is not one that was answered here.",
    )
}

/// Ours.
pub(super) fn another_request() -> Fault {
    Fault::new(
        400,
        "RequestChangedException",
        "The NextPageToken belongs to another request: all parameters must stay as they were.",
    )
}

// Forecasts.

pub(super) fn too_little_history() -> Fault {
    unavailable("Insufficient amount of historical data to generate forecast.")
}

/// Ours.
pub(super) fn forecast_of_the_past() -> Fault {
    invalid("A forecast must start today or later.")
}

/// Ours.
pub(super) fn forecast_too_far(what: &str, months: u32) -> Fault {
    invalid(format!(
        "A {what} forecast must end within {months} months."
    ))
}
