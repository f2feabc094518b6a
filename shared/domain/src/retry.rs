//! When an event is tried again, and when it is given up: the decision table of `spec/async-invocation.md`, 1.1.
//!
//! The age check looks ahead: an event whose next attempt would come after its age limit is dead now, not then.

use chrono::{DateTime, TimeDelta, Utc};

use crate::event::{Condition, Verdict};

/// Executors lost with the same attempt, after which the attempt counts as failed by the function.
pub const LOSSES_MAX: u32 = 3;

/// Longest wait after a refusal, in seconds.
const REFUSAL_DELAY_S_MAX: i64 = 300;

/// Function errors are tried again so often where nothing else is configured.
pub const RETRIES_DEFAULT: u16 = 2;

/// Seconds after which an event is given up where nothing else is configured.
pub const AGE_MAX_S_DEFAULT: u32 = 21_600;

/// What an event's limits are at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    pub accepted_at: DateTime<Utc>,
    pub max: TimeDelta,
}

impl Age {
    /// Whether an attempt at `at` would come too late.
    pub fn exceeded_at(self, at: DateTime<Utc>) -> bool {
        at.signed_duration_since(self.accepted_at) > self.max
    }
}

/// The wait after the function's own error of attempt `attempt` (from 1) on AWS: one minute, then two.
pub fn aws_delay(attempt: u32) -> TimeDelta {
    TimeDelta::minutes(i64::from(attempt.max(1)))
}

/// After the function's own error; `delay` is the wait before the next attempt, `None` where this was the last.
pub fn after_error(now: DateTime<Utc>, age: Age, delay: Option<TimeDelta>) -> Verdict {
    let Some(delay) = delay else {
        return Verdict::Dead(Condition::RetriesExhausted);
    };
    let at = now + delay;
    if age.exceeded_at(at) {
        return Verdict::Dead(Condition::EventAgeExceeded);
    }
    Verdict::Retry { at }
}

/// The wait after the `count`-th refusal in a row (from 1) by the platform: throttled, out of room, an executor lost. `draw` in
/// `[0, 1)` spreads it by up to a tenth, so that what was refused together does not come back together.
pub fn refusal_delay(count: u32, draw: f64) -> TimeDelta {
    let seconds = 1_i64
        .checked_shl(count.saturating_sub(1).min(20))
        .unwrap_or(REFUSAL_DELAY_S_MAX)
        .min(REFUSAL_DELAY_S_MAX);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a tenth of 300,000 ms at most"
    )]
    let spread = (draw * 100.0) as i64 * seconds;
    TimeDelta::milliseconds(seconds * 1000 + spread)
}

/// After a refusal: how long to wait, or that there is no time left for it. Refusals use up no attempts.
pub fn after_refusal(
    now: DateTime<Utc>,
    age: Age,
    count: u32,
    draw: f64,
) -> Result<TimeDelta, Condition> {
    let delay = refusal_delay(count, draw);
    if age.exceeded_at(now + delay) {
        return Err(Condition::EventAgeExceeded);
    }
    Ok(delay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn age(max_s: i64) -> Age {
        Age {
            accepted_at: DateTime::UNIX_EPOCH,
            max: TimeDelta::seconds(max_s),
        }
    }

    fn at(s: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(s)
    }

    #[test]
    fn function_errors() {
        let check = |now: i64, max_s: i64, attempt: Option<u32>, want: Verdict| {
            assert_eq!(
                after_error(at(now), age(max_s), attempt.map(aws_delay)),
                want
            );
        };
        check(1, 21_600, Some(1), Verdict::Retry { at: at(61) });
        check(62, 21_600, Some(2), Verdict::Retry { at: at(182) });
        check(
            183,
            21_600,
            None,
            Verdict::Dead(Condition::RetriesExhausted),
        );
        // AWS's recorded behaviour: with 60 s there is no retry and no wait for one, 90 s allow exactly one.
        check(1, 60, Some(1), Verdict::Dead(Condition::EventAgeExceeded));
        check(1, 90, Some(1), Verdict::Retry { at: at(61) });
        check(62, 90, Some(2), Verdict::Dead(Condition::EventAgeExceeded));
        check(0, 60, Some(1), Verdict::Retry { at: at(60) });
    }

    #[test]
    fn refusals_double_up_to_five_minutes() {
        let check = |count: u32, want: i64| {
            assert_eq!(
                refusal_delay(count, 0.0),
                TimeDelta::seconds(want),
                "{count}"
            );
        };
        check(0, 1);
        check(1, 1);
        check(2, 2);
        check(9, 256);
        check(10, 300);
        check(4_000_000_000, 300);
    }

    proptest! {
        #[test]
        fn a_refused_event_never_outlives_its_age(now in 0_i64..30_000, max_s in 60_i64..21_600, count in 0_u32..40, draw in 0.0..1.0) {
            match after_refusal(at(now), age(max_s), count, draw) {
                Ok(delay) => prop_assert!(!age(max_s).exceeded_at(at(now) + delay)),
                Err(condition) => prop_assert_eq!(condition, Condition::EventAgeExceeded),
            }
        }

        #[test]
        fn the_spread_is_at_most_a_tenth(count in 0_u32..40, draw in 0.0..1.0) {
            let (least, delay) = (refusal_delay(count, 0.0), refusal_delay(count, draw));
            prop_assert!(delay >= least && delay <= least + least / 10);
        }
    }
}
