//! What an Invoke refuses, in AWS's words.

use domain::{FunctionArn, FunctionName, Qualifier};
use store::functions::State;
use wire::Fault;

use crate::call::Call;

pub(super) fn arn_of(call: &Call, name: &FunctionName, qualifier: Option<&Qualifier>) -> FunctionArn {
    FunctionArn {
        region: call.region.clone(),
        account: call.account,
        name: name.clone(),
        qualifier: qualifier.cloned(),
    }
}

pub(super) fn function_not_found(arn: &FunctionArn) -> Fault {
    Fault::new(404, "ResourceNotFoundException", format!("Function not found: {arn}"))
        .with("Type", "User")
}

pub(super) fn other_account(call: &Call, action: &str, arn: &FunctionArn) -> Fault {
    let account = call.account;
    Fault::new(
        403,
        "AccessDeniedException",
        format!(
            "User: arn:aws:iam::{account}:root is not authorized to perform: {action} on resource: {arn} \
             because no resource-based policy allows the {action} action"
        ),
    )
}

pub(super) fn bad_function_name(text: &str) -> Fault {
    constraint(format!(
        "Value '{text}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: \
         (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{{2}}((-gov)|(-iso(b?)))?-[a-z]+-\\d{{1}}:)?(\\d{{12}}:)?(function:)?\
         ([a-zA-Z0-9-_\\.]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"
    ))
}

pub(super) fn bad_qualifier(text: &str) -> Fault {
    constraint(format!(
        "Value '{text}' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: \
         (|[a-zA-Z0-9$_-]+)"
    ))
}

pub(super) fn qualifiers_differ() -> Fault {
    invalid_parameter("The derived qualifier from the function name does not match the specified qualifier.")
}

pub(super) fn not_in_set(value: &str, member: &str, set: &str) -> Fault {
    constraint(format!(
        "Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy enum value set: {set}"
    ))
}

pub(super) fn payload_too_large(bytes: usize, kind: &str, limit: usize) -> Fault {
    Fault::new(
        413,
        "RequestTooLargeException",
        format!("{bytes} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"),
    )
    .with("Type", "User")
}

pub(super) fn payload_not_json(error: &serde_json::Error) -> Fault {
    Fault::new(
        400,
        "InvalidRequestContentException",
        format!("Could not parse request body into json: Could not parse payload into json: {error}"),
    )
    .with("Type", "User")
}

pub(super) fn client_context_not_json() -> Fault {
    Fault::new(
        400,
        "InvalidRequestContentException",
        "Client context must be a valid Base64-encoded JSON object.",
    )
}

pub(super) fn client_context_too_large(bytes: usize, limit: usize) -> Fault {
    Fault::new(
        400,
        "InvalidRequestContentException",
        format!("Client context must be at most {limit} bytes of JSON, got {bytes}."),
    )
}

/// Throttled: by the function's own reservation, or by the account's (or the executors') room.
pub(super) fn throttled(reserved: bool) -> Fault {
    let reason = if reserved {
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    } else {
        "ConcurrentInvocationLimitExceeded"
    };
    Fault::new(429, "TooManyRequestsException", "Rate Exceeded.")
        .with("Reason", reason)
        .with("Type", "User")
}

pub(super) fn event_not_yet() -> Fault {
    invalid_parameter(
        "InvocationType Event is not available yet: this version of Tollgate has no queue. Use RequestResponse.",
    )
}

pub(super) fn not_active(state: State) -> Fault {
    Fault::new(
        409,
        "ResourceConflictException",
        format!(
            "The operation cannot be performed at this time. The function is currently in the following state: {}",
            state.as_str()
        ),
    )
    .with("Type", "User")
}

pub(super) fn executor_lost() -> Fault {
    Fault::new(
        500,
        "ServiceException",
        "The executor was lost while the function ran; it may have run. Try again where that is safe.",
    )
    .with("Type", "Service")
}

pub(super) fn no_executor() -> Fault {
    Fault::new(503, "ServiceException", "No executor is available to run the function. Try again.")
        .with("Type", "Service")
}

fn invalid_parameter(message: &str) -> Fault {
    Fault::new(400, "InvalidParameterValueException", message).with("Type", "User")
}

fn constraint(what: String) -> Fault {
    Fault::new(400, "ValidationException", format!("1 validation error detected: {what}"))
}
