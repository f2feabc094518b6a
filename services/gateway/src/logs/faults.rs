//! The errors of `CloudWatch` Logs. The texts are AWS's unless a comment says that they are ours.

use wire::Fault;

pub(super) fn invalid(text: impl Into<String>) -> Fault {
    Fault::new(400, "InvalidParameterException", text)
}

fn not_found(text: &str) -> Fault {
    Fault::new(400, "ResourceNotFoundException", text)
}

fn already_exists(text: &str) -> Fault {
    Fault::new(400, "ResourceAlreadyExistsException", text)
}

pub(super) fn no_group() -> Fault {
    not_found("The specified log group does not exist.")
}

pub(super) fn no_stream() -> Fault {
    not_found("The specified log stream does not exist.")
}

pub(super) fn group_exists() -> Fault {
    already_exists("The specified log group already exists")
}

pub(super) fn stream_exists() -> Fault {
    already_exists("The specified log stream already exists")
}

pub(super) fn bad_token() -> Fault {
    invalid("The specified nextToken is invalid.")
}

/// Ours: the part of `CloudWatch` Logs that functions' logs need is here, the rest is not.
pub(super) fn unsupported(what: &str) -> Fault {
    invalid(format!("Tollgate does not support {what}."))
}
