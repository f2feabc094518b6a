//! Lambda's errors: codes, statuses and texts in one place.
//!
//! The texts are AWS's, taken from recorded answers, unless a comment says that they are ours.

use std::fmt::Display;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::bill::cap::Scope;
use domain::{FunctionArn, FunctionName, Region, State};
use store::versions::Refusal;
use wire::Fault;

use crate::call::Call;

pub(crate) fn invalid(text: impl Into<String>) -> Fault {
    Fault::new(400, "InvalidParameterValueException", text)
}

fn conflict(text: impl Into<String>) -> Fault {
    Fault::new(409, "ResourceConflictException", text)
}

fn not_found(text: impl Into<String>) -> Fault {
    Fault::new(404, "ResourceNotFoundException", text)
}

fn validation(value: &str, member: &str, constraint: &str) -> Fault {
    let text = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    );
    Fault::new(400, "ValidationException", text)
}

// Names.

/// AWS's pattern of function names, as it quotes it.
const NAME_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";

pub(crate) fn bad_function_name(name: &str) -> Fault {
    let constraint = format!("Member must satisfy regular expression pattern: {NAME_PATTERN}");
    validation(name, "functionName", &constraint)
}

pub(crate) fn bad_qualifier(text: &str) -> Fault {
    let constraint = "Member must satisfy regular expression pattern: (|[a-zA-Z0-9$_-]+)";
    validation(text, "qualifier", constraint)
}

pub(crate) fn not_in_set(value: &str, member: &str, set: &str) -> Fault {
    validation(
        value,
        member,
        &format!("Member must satisfy enum value set: {set}"),
    )
}

/// `CreateFunction` with a name of more than 64 characters.
pub(crate) fn name_too_long(name: &str) -> Fault {
    invalid(format!(
        "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: Member must have \
         length less than or equal to 64"
    ))
}

pub(crate) fn qualifiers_differ() -> Fault {
    invalid("The derived qualifier from the function name does not match the specified qualifier.")
}

pub(crate) fn function_not_found(arn: impl Display) -> Fault {
    not_found(format!("Function not found: {arn}"))
}

pub(crate) fn alias_not_found(arn: impl Display) -> Fault {
    not_found(format!("Cannot find alias arn: {arn}"))
}

pub(crate) fn other_region(theirs: &Region, ours: &Region) -> Fault {
    not_found(format!(
        "Functions from '{theirs}' are not reachable in this region ('{ours}')"
    ))
}

/// A function of another account, to which nothing gives the caller access.
pub(crate) fn other_account(cx: &Call, action: &str, arn: impl Display) -> Fault {
    let text = format!(
        "User: arn:aws:iam::{}:root is not authorized to perform: {action} on resource: {arn} because no resource-based \
         policy allows the {action} action",
        cx.account
    );
    Fault::new(403, "AccessDeniedException", text)
}

/// A version or alias where only the whole function can be meant.
pub(crate) fn functions_only() -> Fault {
    invalid(
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
         Please specify either a function name or an unqualified function ARN.",
    )
}

// Functions and versions.

pub(crate) fn function_exists(name: &FunctionName) -> Fault {
    conflict(format!("Function already exist: {name}"))
}

pub(crate) fn revision_differs() -> Fault {
    let text = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                retrieve the latest Revision Id";
    Fault::new(412, "PreconditionFailedException", text)
}

/// Why the store did not change a function; `demanded` is the code hash that the caller demanded.
pub(crate) fn refused(arn: &FunctionArn, refusal: Refusal, demanded: Option<&str>) -> Fault {
    match refusal {
        Refusal::NoFunction => function_not_found(arn),
        Refusal::RevisionDiffers => revision_differs(),
        Refusal::CodeDiffers(hex) => {
            let demanded = demanded.unwrap_or_default();
            let current = base64_of_hex(&hex);
            invalid(format!(
                "CodeSHA256 ({demanded}) is different from current CodeSHA256 in $LATEST ({current}). Please try again \
                 with the CodeSHA256 in $LATEST."
            ))
        }
        Refusal::UsedByAliases(aliases) => conflict(format!(
            "Unable to delete version because the following aliases reference it: [{}]",
            aliases.join(", ")
        )),
    }
}

/// A digest as AWS writes it, from the hex that names the blob.
pub(crate) fn base64_of_hex(hex: &str) -> String {
    STANDARD.encode(hex::decode(hex).unwrap_or_default())
}

pub(crate) fn latest_not_deletable() -> Fault {
    invalid("$LATEST version cannot be deleted without deleting the function.")
}

pub(crate) fn aliases_not_deletable() -> Fault {
    invalid("Deletion of aliases is not currently supported.")
}

pub(crate) fn code_storage_exceeded() -> Fault {
    Fault::new(
        400,
        "CodeStorageExceededException",
        "Code storage limit exceeded.",
    )
}

pub(crate) fn too_large(text: impl Into<String>) -> Fault {
    Fault::new(413, "RequestEntityTooLargeException", text)
}

/// Ours: something AWS has and we do not, refused so that nothing is dropped in silence.
pub(crate) fn not_supported(what: &str) -> Fault {
    invalid(format!("{what} is not supported by Tollgate yet."))
}

// Aliases.

pub(crate) fn alias_exists(arn: impl Display) -> Fault {
    conflict(format!("Alias already exists: {arn}"))
}

// Asynchronous invocation.

/// Operations on event invoke configs say it so, whether the function or its version or alias is missing.
pub(crate) fn function_missing() -> Fault {
    not_found("The function doesn't exist.")
}

pub(crate) fn no_event_invoke_config(arn: impl Display) -> Fault {
    not_found(format!(
        "The function {arn} doesn't have an EventInvokeConfig"
    ))
}

pub(crate) fn no_event_invoke_setting() -> Fault {
    invalid("You must specify at least one of error handling or destination setting.")
}

/// A function as a destination that does not exist.
pub(crate) fn bad_destination(arn: impl Display) -> Fault {
    invalid(format!("The destination ARN {arn} is invalid."))
}

pub(crate) fn own_destination() -> Fault {
    invalid("You can't specify the function as a destination for itself.")
}

/// A destination that is of no kind that a record can go to.
pub(crate) fn bad_destination_config(on_success: Option<&str>, on_failure: Option<&str>) -> Fault {
    let side = |name: &str, arn: Option<&str>| {
        arn.map_or_else(
            || "null".to_owned(),
            |arn| format!("{name}(destination={arn})"),
        )
    };
    invalid(format!(
        "The provided destination config DestinationConfig(onSuccess={}, onFailure={}) is invalid.",
        side("OnSuccess", on_success),
        side("OnFailure", on_failure)
    ))
}

/// Ours, and so is a function in that place.
pub(crate) fn bad_dead_letter_target(arn: impl Display) -> Fault {
    invalid(format!(
        "The dead-letter target {arn} is invalid. It must be the ARN of a standard SQS queue, a standard SNS topic or a \
         function."
    ))
}

// Concurrency and tags.

pub(crate) fn too_few_unreserved(minimum: u32) -> Fault {
    invalid(format!(
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
         minimum value of [{minimum}]."
    ))
}

pub(crate) fn too_many_tags() -> Fault {
    invalid("Number of tags exceeds resource tag limit.")
}

// Invoke.

pub(crate) fn throttled(reserved: bool) -> Fault {
    let reason = if reserved {
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    } else {
        "ConcurrentInvocationLimitExceeded"
    };
    Fault::new(429, "TooManyRequestsException", "Rate Exceeded.").with("Reason", reason)
}

/// Ours: AWS has no hard caps.
pub(crate) fn spend_cap_exceeded(scope: &Scope) -> Fault {
    let text = format!("The spend cap of this month for {scope} is used up.");
    Fault::new(429, "TooManyRequestsException", text).with("Reason", "SpendCapExceeded")
}

pub(crate) fn payload_too_large(bytes: usize, kind: &str, limit: usize) -> Fault {
    too_large(format!(
        "{bytes} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
    ))
}

fn bad_content(text: impl Into<String>) -> Fault {
    Fault::new(400, "InvalidRequestContentException", text)
}

/// AWS's words up to the parser's own, which are its Java library's there.
pub(crate) fn payload_not_json(error: &serde_json::Error) -> Fault {
    bad_content(format!(
        "Could not parse request body into json: Could not parse payload into json: {error}"
    ))
}

pub(crate) fn client_context_not_json() -> Fault {
    bad_content("Client context must be a valid Base64-encoded JSON object.")
}

/// Ours: AWS only documents the limit.
pub(crate) fn client_context_too_large(bytes: usize, limit: usize) -> Fault {
    bad_content(format!(
        "Client context of {bytes} bytes is too large (limit {limit} bytes)."
    ))
}

pub(crate) fn not_active(state: State) -> Fault {
    conflict(format!(
        "The operation cannot be performed at this time. The function is currently in the following state: {}",
        state.as_str()
    ))
}

/// Ours: AWS's queue does not run full.
pub(crate) fn queue_full() -> Fault {
    let text = "The queue still holds events of 32 hours ago that have no end. Start `tollgate queue-service`, or wait until it has \
                given them up.";
    Fault::new(503, "ServiceUnavailableException", text)
}

/// Ours: nothing is promised, so nothing is accepted.
pub(crate) fn queue_away() -> Fault {
    let text = "The database does not take events at the moment. The event may or may not have been accepted: try again, \
                with the header X-Tollgate-Idempotency-Key if it must not run twice.";
    Fault::new(503, "ServiceUnavailableException", text)
}

/// Ours, as the header is.
pub(crate) fn bad_idempotency_key(max: usize) -> Fault {
    invalid(format!(
        "X-Tollgate-Idempotency-Key must have 1 to {max} characters."
    ))
}

/// Ours, in the manner of durable executions' `DurableExecutionAlreadyStartedException`.
pub(crate) fn idempotency_key_used(key: &str) -> Fault {
    conflict(format!(
        "The idempotency key '{key}' was used for this function with another payload in the last 24 hours."
    ))
}

/// AWS's code; its text is not documented.
pub(crate) fn recursive_invocation(arn: &str, max: u32) -> Fault {
    let text = format!(
        "{arn} was invoked {max} times in one chain of invocations: Lambda has detected a recursive loop. Allow it with \
         PutFunctionRecursionConfig if it is meant."
    );
    Fault::new(400, "RecursiveInvocationException", text)
}

/// Ours: AWS has no such thing to say.
pub(crate) fn no_executor() -> Fault {
    Fault::new(
        500,
        "ServiceException",
        "No executor is available to run the function. Start one with `tollgate executor`, or use `tollgate up`.",
    )
}

/// Ours, as [`no_executor`].
pub(crate) fn executor_lost() -> Fault {
    Fault::new(
        500,
        "ServiceException",
        "The executor was lost while it ran the function, which may or may not have completed.",
    )
}

/// AWS's code for a runtime that cannot be run; the text is ours and says which, and where.
/// The operator keeps the function from running; `text` is a clause of the executor's.
pub(crate) fn denied(text: &str) -> Fault {
    Fault::new(403, "AccessDeniedException", format!("{text}."))
}

pub(crate) fn runtime_not_installed(text: &str) -> Fault {
    Fault::new(
        502,
        "InvalidRuntimeException",
        format!("{text}. `tollgate doctor` lists what is there and how to add what is missing."),
    )
}
