//! Aliases: a name that points at one version, or at two with a weight.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ParseError, Version};

/// An alias' name: 1 to 128 letters, digits, dashes and underscores, not all digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AliasName(String);

impl AliasName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AliasName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let number = text.bytes().all(|b| b.is_ascii_digit());
        if text.is_empty() || text.len() > 128 || number || !text.bytes().all(legal) {
            return Err(ParseError::new(format!(
                "alias must be 1 to 128 letters, digits, dashes or underscores and not a number, got {text:?}"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for AliasName {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<AliasName> for String {
    fn from(name: AliasName) -> Self {
        name.0
    }
}

/// An alias of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Alias {
    pub name: AliasName,
    pub version: Version,
    pub description: String,
    /// Another version and its share of invocations, more than 0 and at most 1.
    pub routing: Option<(Version, f64)>,
    pub revision_id: String,
}

impl Alias {
    /// The version that an invocation runs, for a `draw` in `[0, 1)`.
    pub fn pick(&self, draw: f64) -> Version {
        match self.routing {
            Some((other, weight)) if draw < weight => other,
            _ => self.version,
        }
    }
}
