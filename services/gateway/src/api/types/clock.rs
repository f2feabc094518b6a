//! The platform's time.

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Example;

/// How far to move the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdvanceClock {
    /// Forward by so many milliseconds.
    #[schemars(range(min = 1))]
    pub advance_ms: u64,
}

/// What time it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockState {
    /// The platform's time: what is recorded, and what schedules, retries, ages and billing periods go by.
    pub now: DateTime<Utc>,
    /// The host's time: what signatures are checked by.
    pub host_now: DateTime<Utc>,
    /// How far the platform's time is ahead of the host's, in milliseconds.
    pub offset_ms: i64,
    /// Whether it may be moved: Tollgate was started with `--dev-clock`.
    pub movable: bool,
}

impl Example for AdvanceClock {
    fn example() -> Self {
        Self {
            advance_ms: 120_000,
        }
    }
}

impl Example for ClockState {
    fn example() -> Self {
        let host_now = DateTime::UNIX_EPOCH + TimeDelta::seconds(1_795_428_000);
        Self {
            now: host_now + TimeDelta::minutes(2),
            host_now,
            offset_ms: 120_000,
            movable: true,
        }
    }
}
