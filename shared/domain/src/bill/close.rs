//! When the hours of a month are complete, and when it is closed.
//!
//! An executor says with each batch up to when all that it ran is reported. The earliest such time of all executors that may still report is
//! the watermark: hours before it are complete. An executor that never comes back holds it until an operator declares that executor
//! lost, and a month at most for [`FORCED_AFTER`].

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::Month;

/// No month is closed earlier than this after its end.
pub const CLOSED_AFTER: TimeDelta = TimeDelta::hours(24);

/// A month is closed this long after its end, whatever is missing.
pub const FORCED_AFTER: TimeDelta = TimeDelta::hours(72);

/// An executor's start, as far as it has reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporter {
    pub executor: Uuid,
    pub boot_epoch: i64,
    /// What it books from now on is booked at this time or later.
    pub covers_until: DateTime<Utc>,
    /// When an operator declared it lost.
    pub lost_at: Option<DateTime<Utc>>,
    /// Records of its spool that gateways and queues know of and that have not arrived: a start and an end for each execution.
    pub unreported: u64,
}

/// Those who may still report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reporters(pub Vec<Reporter>);

/// Whether a month may be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// It has not ended, or not for long enough.
    NotBefore(DateTime<Utc>),
    /// These have not reported all of it; closed anyway at the time given.
    Waits {
        missing: Vec<Reporter>,
        until: DateTime<Utc>,
    },
    /// With those that have not reported all of it.
    Due { missing: Vec<Reporter> },
}

impl Reporters {
    /// Up to when all hours are complete; `None` where nobody is waited for.
    pub fn watermark(&self) -> Option<DateTime<Utc>> {
        let awaited = self.0.iter().filter(|one| one.lost_at.is_none());
        awaited.map(|one| one.covers_until).min()
    }

    /// Up to when all days are complete at `now`: a midnight.
    pub fn complete_until(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let complete = self.watermark().map_or(now, |watermark| watermark.min(now));
        complete
            .date_naive()
            .and_time(chrono::NaiveTime::MIN)
            .and_utc()
    }

    /// Who has not reported all of a month: those who are waited for, and those who were declared lost since it began.
    pub fn missing(&self, month: Month) -> Vec<Reporter> {
        let open = self.0.iter().filter(|one| {
            // Of one that was lost before, nobody expects anything.
            let expected = one.lost_at.is_none_or(|at| at >= month.start());
            expected && one.covers_until < month.end()
        });
        open.cloned().collect()
    }

    /// The last month that may be closed at `now`: all before it may be closed, too.
    pub fn due(&self, now: DateTime<Utc>) -> Month {
        let last = Month::of(now - CLOSED_AFTER).previous();
        match self.closing(last, now, false) {
            Closing::Due { .. } => last,
            // Nobody is waited for any longer for the one before.
            _ => last.previous(),
        }
    }

    /// Whether a month may be closed at `now`. By force as soon as it has ended.
    pub fn closing(&self, month: Month, now: DateTime<Utc>, force: bool) -> Closing {
        let missing = self.missing(month);
        let earliest = if force {
            month.end()
        } else {
            month.end() + CLOSED_AFTER
        };
        if now < earliest {
            return Closing::NotBefore(earliest);
        }
        let until = month.end() + FORCED_AFTER;
        let waited_for = missing.iter().any(|one| one.lost_at.is_none());
        if waited_for && !force && now < until {
            return Closing::Waits { missing, until };
        }
        Closing::Due { missing }
    }
}

impl Reporter {
    /// What an invoice says about it.
    pub fn note(&self, month: Month) -> String {
        // It may have fallen silent long before.
        let from = self.covers_until.max(month.start());
        let from = from.format("%Y-%m-%d %H:%M:%S UTC");
        let (executor, known) = (self.executor, self.known());
        match self.lost_at {
            None => format!(
                "Executor {executor} had not reported its usage from {from} on{known} when this month was closed. What it still reports is billed with a later month."
            ),
            Some(at) => format!(
                "Executor {executor} was declared lost on {}. Its usage from {from} on{known} is not on this invoice.",
                at.format("%Y-%m-%d")
            ),
        }
    }

    /// How many executions are known to be missing, as a clause; nothing where none is.
    fn known(&self) -> String {
        // Of some that go on, the end is not recorded: a few more may be missing.
        match self.unreported.div_ceil(2) {
            0 => String::new(),
            1 => " (records of at least 1 execution)".to_owned(),
            count => format!(" (records of at least {count} executions)"),
        }
    }
}

#[cfg(test)]
mod tests;
