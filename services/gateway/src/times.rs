//! Times as JSON services write them: seconds of the epoch, to the millisecond.

use chrono::{DateTime, Datelike as _, Utc};

/// Years that a client may name: no calendar in use has others, and the database has all of these.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

pub(crate) fn seconds(at: DateTime<Utc>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
    let milliseconds = at.timestamp_millis() as f64;
    milliseconds / 1_000.0
}

/// The time that a client wrote; `None` for one that nobody means.
pub(crate) fn of_seconds(seconds: f64) -> Option<DateTime<Utc>> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float beyond i64 saturates, and is no time"
    )]
    let milliseconds = (seconds * 1_000.0).round() as i64;
    DateTime::from_timestamp_millis(milliseconds)
        .filter(|at| seconds.is_finite() && YEARS.contains(&at.year()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for written in [
            0.0,
            1_795_428_000.25,
            1_795_428_000.001,
            253_402_300_799.999,
        ] {
            assert_eq!(of_seconds(written).map(seconds), Some(written));
        }
        for bad in [f64::NAN, f64::INFINITY, -1.0, 1e15, -1e300] {
            assert_eq!(of_seconds(bad), None, "{bad}");
        }
    }
}
