//! Functions and their versions: what runs, with which limits.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AccountId, AliasName, Egress, FunctionArn, ParseError, Region};

/// A function's own name: 1 to 64 letters, digits, dashes and underscores.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct FunctionName(String);

impl FunctionName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FunctionName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if text.is_empty() || text.len() > 64 || !text.bytes().all(legal) {
            return Err(ParseError::new(format!(
                "function name must be 1 to 64 letters, digits, dashes or underscores, got {text:?}"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for FunctionName {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<FunctionName> for String {
    fn from(name: FunctionName) -> Self {
        name.0
    }
}

/// A version of a function: the unpublished `$LATEST`, or a published number that never changes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Version {
    Latest,
    Published(u32),
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("$LATEST"),
            Self::Published(number) => write!(f, "{number}"),
        }
    }
}

impl FromStr for Version {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == "$LATEST" {
            return Ok(Self::Latest);
        }
        text.parse().map(Self::Published).map_err(|_| {
            ParseError::new(format!("version must be $LATEST or a number, got {text:?}"))
        })
    }
}

impl TryFrom<String> for Version {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

/// What a caller writes behind a function's name: a version or an alias.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Qualifier {
    Version(Version),
    Alias(AliasName),
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => version.fmt(f),
            Self::Alias(alias) => alias.fmt(f),
        }
    }
}

impl FromStr for Qualifier {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == "$LATEST" || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())) {
            return text.parse().map(Self::Version);
        }
        text.parse().map(Self::Alias)
    }
}

/// The processor a function is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Architecture {
    #[serde(rename = "x86_64")]
    X86_64,
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// AWS's word for it: `x86_64` or `arm64`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }
}

impl FromStr for Architecture {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "x86_64" => Ok(Self::X86_64),
            "arm64" => Ok(Self::Arm64),
            _ => Err(ParseError::new(format!(
                "architecture must be x86_64 or arm64, got {text:?}"
            ))),
        }
    }
}

/// All that an executor needs to run one version of a function. Sent by the gateway, cached by `spec_id`.
///
/// `Debug` leaves the environment out: its values are secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionSpec {
    /// Changes whenever anything below changes.
    pub spec_id: String,
    pub account: AccountId,
    pub region: Region,
    pub name: FunctionName,
    pub version: Version,
    /// Lambda's runtime identifier, such as `python3.11`.
    pub runtime: String,
    /// As given at `CreateFunction`; empty for a custom runtime that has none.
    pub handler: String,
    pub architecture: Architecture,
    /// 128 to 10,240.
    pub memory_mb: u32,
    /// 1 to 900.
    pub timeout_s: u32,
    /// Size of `/tmp`: 512 to 10,240.
    pub ephemeral_mb: u32,
    /// What it reaches beyond the platform.
    pub egress: Egress,
    /// The function's environment variables, in clear.
    pub environment: BTreeMap<String, String>,
    /// Lower-case hex SHA-256 of the zip, which names it in the blob store.
    pub code_sha256: String,
    /// Bytes of the zip.
    pub code_size: u64,
}

impl FunctionSpec {
    /// The ARN without a qualifier: the resource that usage is booked on.
    pub fn arn(&self) -> FunctionArn {
        FunctionArn {
            region: self.region.clone(),
            account: self.account,
            name: self.name.clone(),
            qualifier: None,
        }
    }

    /// The log group that the function writes to.
    pub fn log_group(&self) -> String {
        format!("/aws/lambda/{}", self.name)
    }
}

impl fmt::Debug for FunctionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionSpec")
            .field("arn", &self.arn().to_string())
            .field("version", &self.version)
            .field("spec_id", &self.spec_id)
            .field("runtime", &self.runtime)
            .field("memory_mb", &self.memory_mb)
            .field("timeout_s", &self.timeout_s)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualifiers() {
        let check = |text: &str, want: Option<&str>| {
            let got = text.parse::<Qualifier>().ok().map(|q| match q {
                Qualifier::Version(v) => format!("version {v}"),
                Qualifier::Alias(a) => format!("alias {a}"),
            });
            assert_eq!(got.as_deref(), want, "{text}");
        };
        check("$LATEST", Some("version $LATEST"));
        check("7", Some("version 7"));
        check("prod", Some("alias prod"));
        check("7a", Some("alias 7a"));
        check("", None);
        check("a b", None);
    }
}
