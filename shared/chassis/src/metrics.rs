//! Prometheus metrics: the process-wide recorder and its text form.
//!
//! Durations are histograms in seconds with names ending in `_seconds`, in buckets from a tenth of a millisecond (a warm
//! invocation's overhead) to fifteen minutes (the longest a function may run).

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the duration buckets, in seconds.
const DURATION_BUCKETS_S: [f64; 18] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
    15.0, 60.0, 300.0, 900.0,
];

/// The recorder's text form. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Makes the recorder of this process. An error means that there is one already.
    pub fn install() -> Result<Self, Error> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS_S)
            .map_err(|error| Error(error.to_string()))?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|error| Error(error.to_string()))?;
        Ok(Self(handle))
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        // Histograms keep raw samples until someone aggregates them; a scrape is the natural moment.
        self.0.run_upkeep();
        self.0.render()
    }

    /// Folds pending samples together, so that a process that nobody scrapes does not grow.
    pub fn tidy(&self) {
        self.0.run_upkeep();
    }
}

/// Metrics that could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct Error(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_histograms() {
        let metrics = Metrics::install().unwrap();
        metrics::counter!("tollgate_test_total").increment(2);
        metrics::histogram!("tollgate_test_seconds").record(0.003);
        let text = metrics.render();
        assert!(text.contains("tollgate_test_total 2"), "{text}");
        assert!(
            text.contains("tollgate_test_seconds_bucket{le=\"0.0025\"} 0"),
            "{text}"
        );
        assert!(
            text.contains("tollgate_test_seconds_bucket{le=\"0.005\"} 1"),
            "{text}"
        );
        assert!(Metrics::install().is_err());
    }
}
