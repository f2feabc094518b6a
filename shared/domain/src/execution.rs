//! One execution: what an attempt to run a function's handler used and how it ended.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AccountId, Architecture, Region};

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The handler returned a result.
    Success,
    /// The handler failed, exited, timed out or ran out of memory: billed, as on AWS.
    FunctionError,
    /// The platform lost it: a start without an end found at recovery. Counted, shown, charged 0.
    PlatformLost,
}

/// The end of one execution, as the spool keeps it and billing counts it (`design/billing.md`, metering record).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    pub request_id: Uuid,
    /// 1 for a synchronous invocation.
    pub attempt: u32,
    pub account: AccountId,
    pub region: Region,
    /// The function's ARN without a qualifier.
    pub function_arn: String,
    /// `$LATEST` or a number.
    pub version: String,
    pub architecture: Architecture,
    pub memory_mb: u32,
    pub ephemeral_mb: u32,
    /// Time of the INIT phase charged to this execution, in nanoseconds; 0 for a warm one.
    pub init_ns: u64,
    /// Time of the handler, in nanoseconds.
    pub invoke_ns: u64,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub outcome: Outcome,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
}

impl Execution {
    /// Billed duration in whole milliseconds (rule R0): INIT and handler together, rounded up to `step_ms`.
    pub fn billed_ms(&self, step_ms: u64) -> u64 {
        if self.outcome == Outcome::PlatformLost {
            return 0;
        }
        billed_ms(
            Duration::from_nanos(self.init_ns.saturating_add(self.invoke_ns)),
            step_ms,
        )
    }
}

/// Rule R0: a duration rounded up to whole steps of `step_ms` (1 today, 100 before December 2020).
pub fn billed_ms(duration: Duration, step_ms: u64) -> u64 {
    let step_ms = step_ms.max(1);
    let steps = duration
        .as_nanos()
        .div_ceil(u128::from(step_ms) * 1_000_000);
    u64::try_from(steps)
        .unwrap_or(u64::MAX)
        .saturating_mul(step_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn billed_time_is_rounded_up_from_nanoseconds() {
        let check = |ns: u64, step: u64, want: u64| {
            assert_eq!(billed_ms(Duration::from_nanos(ns), step), want);
        };
        check(0, 1, 0);
        check(1, 1, 1);
        check(1_000_000, 1, 1);
        check(1_000_001, 1, 2);
        // AWS's own REPORT lines before and after December 2020 (`spec/billing-rules.md`).
        check(27_400_000, 100, 100);
        check(27_550_000, 1, 28);
    }
}
