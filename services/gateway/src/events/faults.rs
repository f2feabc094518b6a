//! `EventBridge`'s errors: codes, statuses and texts in one place.
//!
//! The texts are AWS's, taken from recorded answers, unless a comment says that they are ours.

use std::fmt::Display;

use wire::Fault;

pub(super) fn invalid(text: impl Into<String>) -> Fault {
    Fault::new(400, "ValidationException", text)
}

fn not_found(text: impl Into<String>) -> Fault {
    Fault::new(400, "ResourceNotFoundException", text)
}

/// Ours, as every sentence about what AWS has and we do not.
pub(super) fn not_supported(what: &str) -> Fault {
    invalid(format!("{what} is not supported by Tollgate yet."))
}

/// Ours.
pub(super) fn bad_token() -> Fault {
    invalid("The NextToken is not one that this listing has answered.")
}

/// Ours: the database cannot hold it.
pub(super) fn nul(member: &str) -> Fault {
    invalid(format!("{member} must not contain the character NUL."))
}

// Rules.

pub(super) fn no_rule(name: &str) -> Fault {
    not_found(format!("Rule {name} does not exist on EventBus default."))
}

pub(super) fn no_bus(name: &str) -> Fault {
    not_found(format!("Event bus {name} does not exist."))
}

pub(super) fn default_bus_only() -> Fault {
    invalid("ScheduleExpression is supported only on the default event bus.")
}

pub(super) fn neither_pattern_nor_schedule() -> Fault {
    invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
}

pub(super) fn has_targets() -> Fault {
    invalid("Rule can't be deleted since it has targets.")
}

pub(super) fn bad_arn(arn: &str) -> Fault {
    invalid(format!(
        "Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
    ))
}

// Targets.

pub(super) fn too_many_targets() -> Fault {
    Fault::new(
        400,
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    )
}

pub(super) fn same_id(id: &str) -> Fault {
    invalid(format!(
        "Parameter targets is not valid. Reason: More than one target with Id '{id}' is provided."
    ))
}

pub(super) fn not_a_target(service: &str) -> Fault {
    invalid(format!(
        "{service} is not a supported service for a target."
    ))
}

/// Ours: AWS's text is not known to us.
pub(super) fn elsewhere(arn: &str, account: impl Display, region: impl Display) -> Fault {
    invalid(format!(
        "Parameter {arn} is not valid. Reason: The function is not one of account {account} in {region}."
    ))
}

pub(super) fn parameters_in_vain(names: &str, id: &str) -> Fault {
    invalid(format!(
        "Parameter(s) {names} not supported for target: {id}."
    ))
}

pub(super) fn inputs_differ(id: &str) -> Fault {
    invalid(format!(
        "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
    ))
}

pub(super) fn bad_input(id: &str) -> Fault {
    invalid(format!("JSON syntax error in input for target {id}."))
}

pub(super) fn bad_input_path(id: &str) -> Fault {
    invalid(format!("InputPath for target {id} is invalid."))
}

pub(super) fn no_dead_letter_queue(service: &str) -> Fault {
    invalid(format!(
        "{service} is not supported as a dead letter resource."
    ))
}

pub(super) fn fifo() -> Fault {
    invalid("SQS FIFO is not supported by Dead Letter Queues.")
}
