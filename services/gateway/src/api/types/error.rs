//! Errors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Example;

/// Why a request was not served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// For programs, such as `ResourceNotFoundException`.
    pub code: String,
    /// For people: a sentence.
    pub message: String,
}

impl Example for ErrorBody {
    fn example() -> Self {
        Self {
            code: "ValidationException".to_owned(),
            message: "unknown field `by`, expected `advance_ms`".to_owned(),
        }
    }
}
