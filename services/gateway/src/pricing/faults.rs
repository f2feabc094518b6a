//! The price list's errors. The texts are ours.

use domain::bill::explorer::usage_type::SERVICE_CODE;
use wire::Fault;

use super::product::ATTRIBUTES;

pub(super) fn invalid(text: impl Into<String>) -> Fault {
    Fault::new(400, "InvalidParameterException", text)
}

pub(super) fn no_service(code: &str) -> Fault {
    invalid(format!(
        "There is no service {code:?}, only {SERVICE_CODE}."
    ))
}

pub(super) fn no_format(version: &str) -> Fault {
    invalid(format!(
        "There is no format version {version:?}, only aws_v1."
    ))
}

pub(super) fn no_attribute(name: &str) -> Fault {
    invalid(format!(
        "{name:?} is not an attribute. There are {}.",
        ATTRIBUTES.join(", ")
    ))
}

pub(super) fn bad_token() -> Fault {
    Fault::new(
        400,
        "InvalidNextTokenException",
        "The NextToken is not one that was answered here.",
    )
}
