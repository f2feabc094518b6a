//! Numbers of a run: percentiles and rate.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// What one run of a scenario measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) count: u64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

/// Durations as they are counted: to three digits, in a space that does not grow with their number.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new(3).expect("three digits are allowed"))
    }
}

impl Latencies {
    pub(crate) fn record(&mut self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // The histogram resizes itself; there is no value that it refuses.
        let _ = self.0.record(ns.max(1));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let _ = self.0.add(&other.0);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// What they say, if the run took `wall`.
    pub(crate) fn figures(&self, wall: Duration) -> Figures {
        let at = |quantile: f64| {
            if self.0.is_empty() {
                return f64::NAN;
            }
            per(self.0.value_at_quantile(quantile), 1e6)
        };
        Figures {
            count: self.count(),
            per_second: per(self.count(), wall.as_secs_f64()),
            p50_ms: at(0.50),
            p90_ms: at(0.90),
            p99_ms: at(0.99),
            max_ms: at(1.0),
        }
    }
}

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let mut latencies = Self::default();
        for took in durations {
            latencies.record(took);
        }
        latencies
    }
}

impl Figures {
    pub(crate) fn new(latencies: Vec<Duration>, wall: Duration) -> Self {
        latencies.into_iter().collect::<Latencies>().figures(wall)
    }

    /// Figures of runs that do not overlap: the rate is that of their sum.
    pub(crate) fn sequential(latencies: Vec<Duration>) -> Self {
        let wall = latencies.iter().sum();
        Self::new(latencies, wall)
    }
}

/// A count by something.
#[expect(clippy::cast_precision_loss, reason = "counts of a bounded run")]
pub(crate) fn per(count: u64, by: f64) -> f64 {
    count as f64 / by
}

/// The middle of some values; of none, not a number.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
