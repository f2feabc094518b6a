//! The gateway's metrics, named and described in one place.

use metrics::{Counter, Histogram, Unit};

/// Handles, made once: an update looks nothing up.
pub struct Measures {
    pub(crate) invoke_seconds: Histogram,
    pub(crate) throttles: Counter,
}

impl Default for Measures {
    fn default() -> Self {
        metrics::describe_histogram!(
            "tollgate_gateway_invoke_seconds",
            Unit::Seconds,
            "Time of a synchronous invocation, from its admission to the executor's reply"
        );
        metrics::describe_counter!(
            "tollgate_throttles_total",
            "Invocations refused because a concurrency limit was reached or no executor had room"
        );
        Self {
            invoke_seconds: metrics::histogram!("tollgate_gateway_invoke_seconds"),
            throttles: metrics::counter!("tollgate_throttles_total"),
        }
    }
}
