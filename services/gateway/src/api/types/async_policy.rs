//! Retries beyond AWS's, per function.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Example;
use super::events::moment;

/// How asynchronous invocations of a function are tried, beyond what AWS offers. What is set here goes before the
/// function's event invoke configs; what is not leaves it to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAsyncPolicy {
    /// Runs in all that the function's errors may cause, the first included: 1 to 185.
    #[schemars(range(min = 1, max = 185))]
    pub max_attempts: Option<u8>,
    /// An event ends after so many seconds: 60 to 86400.
    #[schemars(range(min = 60, max = 86_400))]
    pub max_event_age_s: Option<u32>,
    /// Waits between the runs. Without it AWS's: one minute, then two, and so on.
    pub backoff: Option<Backoff>,
    #[serde(default)]
    pub priority: Priority,
}

/// A function's policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AsyncPolicy {
    pub function: String,
    /// Runs in all that the function's errors may cause, the first included.
    pub max_attempts: Option<u8>,
    pub max_event_age_s: Option<u32>,
    pub backoff: Option<Backoff>,
    pub priority: Priority,
    pub last_modified: DateTime<Utc>,
}

/// Waits between the runs of an event whose function fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Backoff {
    /// Seconds before the second run, the third, and so on; the last one repeats. 1 to 184 entries.
    List(Vec<u32>),
    Exponential {
        /// Seconds before the second run.
        #[schemars(range(min = 1))]
        first_s: u32,
        /// By what each wait is longer than the one before.
        #[schemars(range(min = 1.0, max = 100.0))]
        factor: f64,
        /// The longest wait in seconds.
        max_s: u32,
        /// The share of a wait that chance may take away.
        #[schemars(range(min = 0.0, max = 1.0))]
        jitter: f64,
    },
}

/// Which function's events go first where there is not room for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    High,
    #[default]
    Normal,
    Low,
}

impl Example for SetAsyncPolicy {
    fn example() -> Self {
        Self {
            max_attempts: Some(10),
            max_event_age_s: Some(3_600),
            backoff: Some(Backoff::Exponential {
                first_s: 5,
                factor: 2.0,
                max_s: 300,
                jitter: 0.2,
            }),
            priority: Priority::High,
        }
    }
}

impl Example for AsyncPolicy {
    fn example() -> Self {
        Self {
            function: "resize".to_owned(),
            max_attempts: Some(10),
            max_event_age_s: None,
            backoff: Some(Backoff::List(vec![5, 30, 120])),
            priority: Priority::Normal,
            last_modified: moment(0),
        }
    }
}
