//! A version of a function as the catalog keeps it: code, configuration, identity and state.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    Architecture, Destination, Egress, FunctionArn, FunctionSpec, ParseError, Qualifier, Version,
};

/// Whether a version can be invoked. The names are AWS's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    Active,
    Inactive,
    Failed,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Active => "Active",
            Self::Inactive => "Inactive",
            Self::Failed => "Failed",
        }
    }
}

impl FromStr for State {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        [Self::Pending, Self::Active, Self::Inactive, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| ParseError::new(format!("{text:?} is not a function's state")))
    }
}

/// Where a version's log lines go and in which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// `Text` or `JSON`.
    pub format: String,
    /// Only with `JSON`.
    pub application_level: Option<String>,
    /// Only with `JSON`.
    pub system_level: Option<String>,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            format: "Text".to_owned(),
            application_level: None,
            system_level: None,
        }
    }
}

/// What a user sets for a function, apart from its code.
///
/// `Debug` leaves the environment out: its values are secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Configuration {
    pub description: String,
    /// ARN of the execution role.
    pub role: String,
    /// Lambda's runtime identifier, such as `python3.11`.
    pub runtime: String,
    /// Empty for a custom runtime that has none.
    pub handler: String,
    /// 128 to 10,240.
    pub memory_mb: u32,
    /// 1 to 900.
    pub timeout_s: u32,
    /// Size of `/tmp`: 512 to 10,240.
    pub ephemeral_mb: u32,
    /// In clear. AWS tells a function that never had any from one whose last was taken away; to the function it is the same.
    pub environment: Option<BTreeMap<String, String>>,
    /// `Active` or `PassThrough`.
    pub tracing_mode: String,
    pub logging: Logging,
    /// What takes events that no attempt succeeded with: a queue, a topic or a function.
    pub dead_letter: Option<Destination>,
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configuration")
            .field("runtime", &self.runtime)
            .field("handler", &self.handler)
            .field("memory_mb", &self.memory_mb)
            .field("timeout_s", &self.timeout_s)
            .field("ephemeral_mb", &self.ephemeral_mb)
            .finish_non_exhaustive()
    }
}

/// A version's deployment package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Lower-case hex SHA-256 of the zip, which names it in the blob store.
    pub sha256: String,
    /// Bytes of the zip.
    pub size: u64,
    /// What the code was built for.
    pub architecture: Architecture,
}

/// One version of a function: `$LATEST`, or a published one that never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionVersion {
    /// Without a qualifier.
    pub arn: FunctionArn,
    pub version: Version,
    pub configuration: Configuration,
    pub code: Code,
    pub state: State,
    /// What clients see and may demand in updates.
    pub revision_id: Uuid,
    /// Changes with code and configuration only.
    pub change_id: Uuid,
    pub last_modified: DateTime<Utc>,
}

impl FunctionVersion {
    /// The ARN with the version behind it.
    pub fn qualified_arn(&self) -> FunctionArn {
        self.arn
            .clone()
            .qualified(Some(Qualifier::Version(self.version)))
    }

    /// What an executor needs to run this version. `egress` is the function's, whichever version runs.
    pub fn into_spec(self, egress: Egress) -> FunctionSpec {
        let Self {
            arn,
            version,
            configuration,
            code,
            change_id,
            ..
        } = self;
        FunctionSpec {
            // The version is part of it: $LATEST and what was just published from it share a change, yet their
            // environments differ in AWS_LAMBDA_FUNCTION_VERSION. A publish leaves $LATEST's warm environments alone.
            // So is egress, which may change under every version: no environment outlives its permission.
            spec_id: match egress {
                Egress::None => format!("{change_id}.{version}"),
                Egress::Internet => format!("{change_id}.{version}.{egress}"),
            },
            account: arn.account,
            region: arn.region,
            name: arn.name,
            version,
            runtime: configuration.runtime,
            handler: configuration.handler,
            architecture: code.architecture,
            memory_mb: configuration.memory_mb,
            timeout_s: configuration.timeout_s,
            ephemeral_mb: configuration.ephemeral_mb,
            egress,
            environment: configuration.environment.unwrap_or_default(),
            code_sha256: code.sha256,
            code_size: code.size,
        }
    }
}

/// Time and fresh ids for one change of a function.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    pub at: DateTime<Utc>,
    /// For what changes: `$LATEST`, or an alias.
    pub revision_id: Uuid,
    /// For a version published along with it.
    pub published_revision_id: Uuid,
    pub change_id: Uuid,
}
