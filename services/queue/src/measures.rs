//! The queue's metrics, named and described in one place.

use chrono::{DateTime, Utc};
use domain::event::Verdict;
use metrics::{Counter, Histogram, Unit};

/// Handles, made once.
pub(crate) struct Measures {
    started: Counter,
    succeeded: Counter,
    retried: Counter,
    dead: Counter,
    pub(crate) refused: Counter,
    pub(crate) lost: Counter,
    pub(crate) swept: Counter,
    age_seconds: Histogram,
}

impl Measures {
    pub(crate) fn new() -> Self {
        metrics::describe_counter!(
            "tollgate_async_attempts_total",
            "Attempts of asynchronous invocations that were started"
        );
        metrics::describe_counter!(
            "tollgate_async_outcomes_total",
            "Ends of attempts, by outcome: success, retry, dead (dropped; AWS: AsyncEventsDropped)"
        );
        metrics::describe_counter!(
            "tollgate_async_refusals_total",
            "Attempts that could not be run yet: throttled, out of room, no executor"
        );
        metrics::describe_counter!(
            "tollgate_async_lost_total",
            "Attempts whose executor was lost"
        );
        metrics::describe_counter!(
            "tollgate_async_swept_total",
            "Events found in the database that no hint had told of"
        );
        metrics::describe_histogram!(
            "tollgate_async_event_age_seconds",
            Unit::Seconds,
            "Age of an event when an attempt of it starts (AWS: AsyncEventAge)"
        );
        metrics::describe_gauge!(
            "tollgate_async_depth",
            "Events without an end, by account and function"
        );
        metrics::describe_gauge!(
            "tollgate_async_oldest_seconds",
            Unit::Seconds,
            "Age of the oldest event that waits, by account and function"
        );
        let outcome = |outcome: &'static str| metrics::counter!("tollgate_async_outcomes_total", "outcome" => outcome);
        Self {
            started: metrics::counter!("tollgate_async_attempts_total"),
            succeeded: outcome("success"),
            retried: outcome("retry"),
            dead: outcome("dead"),
            refused: metrics::counter!("tollgate_async_refusals_total"),
            lost: metrics::counter!("tollgate_async_lost_total"),
            swept: metrics::counter!("tollgate_async_swept_total"),
            age_seconds: metrics::histogram!("tollgate_async_event_age_seconds"),
        }
    }

    pub(crate) fn started(&self, accepted_at: DateTime<Utc>, now: DateTime<Utc>) {
        self.started.increment(1);
        let age = (now - accepted_at).to_std().unwrap_or_default();
        self.age_seconds.record(age);
    }

    pub(crate) fn ended(&self, verdict: Verdict) {
        match verdict {
            Verdict::Success => self.succeeded.increment(1),
            Verdict::Retry { .. } => self.retried.increment(1),
            Verdict::Dead(_) => self.dead.increment(1),
        }
    }
}
