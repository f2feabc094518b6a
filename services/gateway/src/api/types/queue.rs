//! What waits, per function.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Example;
use super::events::moment;

/// The queues of the account's functions in this region, as they were at a moment. Functions of which no event is open and
/// none was accepted lately are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Queues {
    /// The platform's time of the look. Looks that cost much are not repeated at once, but answered again.
    pub at: DateTime<Utc>,
    /// The rates are those of so many seconds before it.
    pub window_s: f64,
    pub functions: Vec<FunctionQueue>,
}

/// The queue of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionQueue {
    pub function: String,
    /// Events without an end: those that wait for a retry and those that run are among them.
    pub depth: u64,
    /// Age of the oldest of these, in seconds.
    pub oldest_age_s: Option<f64>,
    /// Events that executors have at this moment.
    pub in_flight: u64,
    /// Events accepted each second.
    pub in_per_s: f64,
    /// Events that ended each second. Not known before the second look.
    pub out_per_s: Option<f64>,
}

/// Which function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunctionKey {
    /// A function's name.
    pub function: String,
}

/// Which queues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueQuery {
    /// A function's name. Its queue is shown even where it is empty.
    pub function: Option<String>,
}

impl Example for Queues {
    fn example() -> Self {
        Self {
            at: moment(0),
            window_s: 1.0,
            functions: vec![FunctionQueue {
                function: "resize".to_owned(),
                depth: 1_312,
                oldest_age_s: Some(4.2),
                in_flight: 16,
                in_per_s: 350.0,
                out_per_s: Some(290.0),
            }],
        }
    }
}
