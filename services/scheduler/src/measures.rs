//! The scheduler's metrics, named and described in one place.

use chrono::TimeDelta;
use domain::schedule::FireResult;
use metrics::{Counter, Gauge, Histogram, Unit};

/// Handles, made once.
pub(crate) struct Measures {
    /// Schedules in memory.
    pub(crate) schedules: Gauge,
    lateness_seconds: Histogram,
    /// In the order of [`FireResult::ALL`].
    results: Vec<Counter>,
    pub(crate) known: Counter,
}

impl Measures {
    pub(crate) fn new() -> Self {
        metrics::describe_gauge!(
            "tollgate_schedules",
            "Enabled schedules that this replica watches"
        );
        metrics::describe_histogram!(
            "tollgate_schedule_lateness_seconds",
            Unit::Seconds,
            "From the time a fire was due to the commit of its event"
        );
        metrics::describe_counter!(
            "tollgate_schedule_fires_total",
            "Times that came, by what became of them: fired, missed, overlapped, buffered, dead"
        );
        metrics::describe_counter!(
            "tollgate_schedule_fires_known_total",
            "Times that another replica, or this one before a restart, had fired"
        );
        Self {
            schedules: metrics::gauge!("tollgate_schedules"),
            lateness_seconds: metrics::histogram!("tollgate_schedule_lateness_seconds"),
            results: FireResult::ALL
                .iter()
                .map(|one| metrics::counter!("tollgate_schedule_fires_total", "result" => one.as_str()))
                .collect(),
            known: metrics::counter!("tollgate_schedule_fires_known_total"),
        }
    }

    pub(crate) fn late(&self, by: TimeDelta) {
        let seconds = by.to_std().unwrap_or_default().as_secs_f64();
        self.lateness_seconds.record(seconds);
    }

    pub(crate) fn ended(&self, result: FireResult, count: usize) {
        let index = FireResult::ALL.iter().position(|one| *one == result);
        if let Some(counter) = index.and_then(|index| self.results.get(index)) {
            counter.increment(count as u64);
        }
    }
}
