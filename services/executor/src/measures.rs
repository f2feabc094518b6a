//! The executor's metrics, named and described in one place.

use metrics::{Counter, Gauge, Histogram, Unit};

/// States of an environment, as the gauge `tollgate_environments` counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Starting,
    Idle,
    Busy,
    Stopping,
    /// A runtime that is started and waits for its function.
    Parked,
}

/// Handles, made once: an update is an atomic operation and looks nothing up.
pub(crate) struct Measures {
    pub(crate) success: Counter,
    pub(crate) function_error: Counter,
    pub(crate) lost: Counter,
    pub(crate) no_room: Counter,
    pub(crate) invoke_seconds: Histogram,
    pub(crate) cold_starts: Counter,
    pub(crate) cold_start_seconds: Histogram,
    environments: [Gauge; 5],
}

impl Measures {
    pub(crate) fn new() -> Self {
        metrics::describe_counter!(
            "tollgate_invocations_total",
            "Executions that ended, by outcome: success, function_error, platform_lost"
        );
        metrics::describe_counter!(
            "tollgate_executor_refusals_total",
            "Invocations refused because the executor's memory was taken"
        );
        metrics::describe_histogram!(
            "tollgate_invoke_duration_seconds",
            Unit::Seconds,
            "Time of the handler, from event to result"
        );
        metrics::describe_counter!(
            "tollgate_cold_starts_total",
            "Environments started for an invocation"
        );
        metrics::describe_histogram!(
            "tollgate_cold_start_seconds",
            Unit::Seconds,
            "From the decision to start an environment to its first question for an event"
        );
        metrics::describe_gauge!(
            "tollgate_environments",
            "Execution environments by state: starting, idle, busy, stopping, parked"
        );
        metrics::describe_counter!(
            "tollgate_log_lines_dropped_total",
            "Log lines of functions dropped because the database could not keep up"
        );
        let outcome =
            |outcome| metrics::counter!("tollgate_invocations_total", "outcome" => outcome);
        let state = |state| metrics::gauge!("tollgate_environments", "state" => state);
        Self {
            success: outcome("success"),
            function_error: outcome("function_error"),
            lost: outcome("platform_lost"),
            no_room: metrics::counter!("tollgate_executor_refusals_total"),
            invoke_seconds: metrics::histogram!("tollgate_invoke_duration_seconds"),
            cold_starts: metrics::counter!("tollgate_cold_starts_total"),
            cold_start_seconds: metrics::histogram!("tollgate_cold_start_seconds"),
            environments: ["starting", "idle", "busy", "stopping", "parked"].map(state),
        }
    }

    fn gauge(&self, phase: Phase) -> &Gauge {
        &self.environments[phase as usize]
    }

    /// An environment enters a state; dropping the answer leaves it.
    pub(crate) fn enter(self: &std::sync::Arc<Self>, phase: Phase) -> Standing {
        self.gauge(phase).increment(1);
        Standing {
            measures: std::sync::Arc::clone(self),
            phase,
        }
    }
}

/// The state that one environment is counted in.
pub(crate) struct Standing {
    measures: std::sync::Arc<Measures>,
    phase: Phase,
}

impl Standing {
    /// Goes over to another state.
    pub(crate) fn go(&mut self, phase: Phase) {
        self.measures.gauge(self.phase).decrement(1);
        self.measures.gauge(phase).increment(1);
        self.phase = phase;
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.measures.gauge(self.phase).decrement(1);
    }
}
