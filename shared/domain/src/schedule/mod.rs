//! Schedules: when something fires, by the rules of `EventBridge` Scheduler (`spec/schedules.md`).
//!
//! [`Expression`] is what a user writes, [`Timetable`] an expression with its time zone and bounds: the moments at which it fires.
//! A cron expression is six sets, kept as bits: the next moment is found by looking for the next bit, not by trying minutes.
//! Wall-clock time becomes an instant only in [`Timetable`], which therefore has the rules for clock changes.

mod cron;
mod crontab;
mod expression;
mod fields;
mod payload;
mod policy;
mod timetable;

pub use cron::Cron;
pub use crontab::{Crontab, CrontabEntry};
pub use expression::{Dialect, Expression, Rate};
pub use payload::{Fire, check_input, render};
pub use policy::{FireResult, Missed, Occasion, Overlap};
pub use timetable::{Timetable, zone};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Parts of the schedules that replicas of the scheduler share out among themselves.
pub const SHARDS: i16 = 16;

/// Days in the ring of fires: the history goes back seven whole days.
pub const DAYS: i64 = 8;

/// The part that a schedule belongs to.
pub fn shard(id: Uuid) -> i16 {
    i16::from(id.as_bytes()[15] & 15)
}

/// The day of the epoch.
pub fn day(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(86_400)
}

/// The bucket of a day of the epoch.
pub fn day_bucket(day: i64) -> usize {
    usize::try_from(day.rem_euclid(DAYS)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
