//! Scheduler's errors: codes, statuses and texts in one place.
//!
//! The texts are AWS's, taken from recorded answers, unless a comment says that they are ours.

use wire::Fault;

pub(super) fn invalid(text: impl Into<String>) -> Fault {
    Fault::new(400, "ValidationException", text)
}

fn conflict(text: impl Into<String>) -> Fault {
    Fault::new(409, "ConflictException", text)
}

fn not_found(text: impl Into<String>) -> Fault {
    Fault::new(404, "ResourceNotFoundException", text)
}

/// Ours, as every sentence about what AWS has and we do not.
pub(super) fn not_supported(what: &str) -> Fault {
    invalid(format!("{what} is not supported by Tollgate yet."))
}

// Names.

pub(super) fn no_schedule(name: &str) -> Fault {
    not_found(format!("Schedule {name} does not exist."))
}

pub(super) fn schedule_exists(name: &str) -> Fault {
    conflict(format!("Schedule {name} already exists."))
}

pub(super) fn no_group(name: &str) -> Fault {
    not_found(format!("Schedule group {name} does not exist."))
}

/// Ours, by the pattern of [`schedule_exists`].
pub(super) fn group_exists(name: &str) -> Fault {
    conflict(format!("Schedule group {name} already exists."))
}

/// Ours: AWS's text is not known to us.
pub(super) fn group_deleting(name: &str) -> Fault {
    conflict(format!("Schedule group {name} is being deleted."))
}

pub(super) fn default_group() -> Fault {
    invalid("This operation cannot be performed on schedule group default.")
}

/// Ours: AWS's text is not known to us.
pub(super) fn token_used() -> Fault {
    conflict("The ClientToken was used before with another request.")
}

/// Ours.
pub(super) fn bad_token() -> Fault {
    invalid("The NextToken is not one that this listing has answered.")
}

/// Ours: neither the database nor a header can hold it.
pub(super) fn nul(member: &str) -> Fault {
    invalid(format!("{member} must not contain the character NUL."))
}

// When.

/// Ours, by the pattern of the text for expressions.
pub(super) fn bad_timezone(zone: &str) -> Fault {
    invalid(format!("Invalid Schedule Expression Timezone {zone}."))
}

pub(super) fn start_in_past() -> Fault {
    invalid("The StartDate you specify cannot be earlier than 5 minutes ago.")
}

pub(super) fn start_behind_end() -> Fault {
    invalid("The StartDate you specify must come before the EndDate.")
}

/// Ours.
pub(super) fn bad_time(member: &str) -> Fault {
    invalid(format!(
        "The {member} you specify is not a time between the years 1970 and 9999."
    ))
}

pub(super) fn window_missing() -> Fault {
    invalid(
        "MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is set to FLEXIBLE.",
    )
}

pub(super) fn window_in_vain() -> Fault {
    invalid(
        "MaximumWindowInMinutes must not be provided when FlexibleTimeWindowMode is set to OFF.",
    )
}

// Targets.

/// By the word of Terraform's users; not recorded by us.
pub(super) fn bad_arn() -> Fault {
    invalid("Provided Arn is not in correct format.")
}

pub(super) fn not_a_target(service: &str) -> Fault {
    invalid(format!(
        "{service} is not a supported service for a target."
    ))
}

pub(super) fn other_region(region: &domain::Region) -> Fault {
    invalid(format!(
        "The target ARN provided does not match the current region {region}."
    ))
}

/// Ours, by the pattern of [`other_region`].
pub(super) fn other_account() -> Fault {
    invalid("The target ARN provided does not match the current account.")
}

pub(super) fn parameters_in_vain(names: &str) -> Fault {
    invalid(format!("Parameters {names} not supported for the target."))
}

pub(super) fn bad_input() -> Fault {
    invalid("JSON syntax error in input for the target.")
}

/// Ours: an invocation would be refused.
pub(super) fn input_too_large(bytes_max: usize) -> Fault {
    invalid(format!("Input must not have more than {bytes_max} bytes."))
}
