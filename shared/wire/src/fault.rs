//! What a handler answers when it cannot do what was asked.

use std::fmt;

use serde_json::{Map, Value};

/// An error as clients of AWS know it: status, code and text. Each protocol encodes it in its own form.
#[derive(Clone, PartialEq)]
pub struct Fault {
    status: u16,
    code: &'static str,
    message: String,
    members: Map<String, Value>,
}

impl Fault {
    /// A fault with an HTTP status, the error's name in the model, and AWS's text.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            members: Map::new(),
        }
    }

    /// Adds a member of the error's shape, such as `Reason`.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// Our own failure. Its cause is logged by whoever makes this, and never told to the client.
    pub fn internal() -> Self {
        Self::new(
            500,
            "ServiceException",
            "Service encountered an internal error. Please try your request again.",
        )
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The error's name, such as `ResourceNotFoundException`.
    pub fn code(&self) -> &str {
        self.code
    }

    /// AWS's text.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the client is to blame.
    pub fn is_sender(&self) -> bool {
        self.status < 500
    }

    /// The members beyond the text.
    pub(crate) fn members(&self) -> &Map<String, Value> {
        &self.members
    }
}

/// Without the members: they may quote what the client sent.
impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.message)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Fault {}
