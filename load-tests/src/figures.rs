//! Numbers of a run: percentiles and rate.

use std::time::Duration;

use serde::Serialize;

/// What one run of a scenario measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) count: usize,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Figures {
    pub(crate) fn new(mut latencies: Vec<Duration>, wall: Duration) -> Self {
        latencies.sort_unstable();
        let at = |quantile: f64| percentile(&latencies, quantile);
        #[expect(clippy::cast_precision_loss, reason = "counts of a bounded run")]
        let per_second = latencies.len() as f64 / wall.as_secs_f64();
        Self {
            count: latencies.len(),
            per_second,
            p50_ms: at(0.50),
            p90_ms: at(0.90),
            p99_ms: at(0.99),
            max_ms: at(1.0),
        }
    }

    /// Figures of runs that do not overlap: the rate is that of their sum.
    pub(crate) fn sequential(latencies: Vec<Duration>) -> Self {
        let wall = latencies.iter().sum();
        Self::new(latencies, wall)
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index into a bounded, sorted list"
)]
fn percentile(sorted: &[Duration], quantile: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let index = (quantile * sorted.len() as f64).ceil() as usize;
    sorted[index.saturating_sub(1).min(last)].as_secs_f64() * 1e3
}
