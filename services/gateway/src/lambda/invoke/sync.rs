//! One synchronous invocation: admit, hold what it may cost, run, answer.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use dispatch::{Ended, Route};
use rpc::executor::InvokeReply;
use uuid::Uuid;
use wire::Fault;

use crate::call::App;
use crate::lambda::faults;

/// What one run is made of.
pub(super) struct Run {
    pub(super) app: Arc<App>,
    pub(super) route: Arc<Route>,
    /// As the caller named the function: qualified only where the caller qualified.
    pub(super) arn: String,
    pub(super) request_id: Uuid,
    pub(super) payload: Bytes,
    pub(super) client_context: String,
    pub(super) trace_id: String,
    pub(super) traceparent: String,
    pub(super) tail: bool,
}

/// The executor's reply and the version that ran.
pub(super) struct Ran {
    pub(super) reply: InvokeReply,
    pub(super) version: String,
}

/// Runs to the end even where the caller goes away: the permit is held as long as the function runs.
pub(super) async fn run(run: Run) -> Result<Ran, Fault> {
    let started = Instant::now();
    let dispatch = &run.app.dispatch;
    let permit = dispatch.admission.admit(&run.route.pool).await;
    let Some(_permit) = permit else {
        run.app.measures.throttles.increment(1);
        return Err(faults::throttled(run.route.reserved));
    };
    let version = run
        .route
        .pick(run.app.ids.draw())
        .ok_or_else(Fault::internal)?;
    let hold = dispatch
        .caps
        .hold(&run.route.capped, &version.spec, 1)
        .await;
    let mut hold = hold.map_err(|refused| {
        run.app.measures.throttles.increment(1);
        faults::spend_cap_exceeded(&refused.scope)
    })?;
    let request_id = run.request_id;
    let ordered = dispatch::Run {
        arn: run.arn,
        request_id,
        attempt: 1,
        payload: run.payload,
        client_context: run.client_context,
        trace_id: run.trace_id,
        traceparent: run.traceparent,
        tail: run.tail,
        work: None,
    };
    hold.start();
    let ended = dispatch::run(&dispatch.executors, version, &ordered, || {}).await;
    hold.settle(&ended);
    match ended {
        Ended::Ran(reply) => {
            run.app.measures.invoke_seconds.record(started.elapsed());
            Ok(Ran {
                reply: *reply,
                version: version.spec.version.to_string(),
            })
        }
        failed => Err(fault(failed, &run.app, request_id)),
    }
}

/// What a caller is told of an event that did not run, or of which nobody knows whether it did.
fn fault(ended: Ended, app: &App, request_id: Uuid) -> Fault {
    match ended {
        Ended::NoRoom => {
            app.measures.throttles.increment(1);
            faults::throttled(false)
        }
        Ended::Denied(text) => faults::denied(&text),
        Ended::NoRuntime(text) => faults::runtime_not_installed(&text),
        Ended::Nobody(None) => faults::no_executor(),
        Ended::Nobody(Some(status)) | Ended::Declined(status) => {
            tracing::error!(request.id = %request_id, error = %status.message(), "no executor took the event");
            faults::no_executor()
        }
        Ended::Lost { executor, status } => {
            tracing::error!(executor.id = %executor, request.id = %request_id, error = %status.message(),
                "executor lost while it ran a function");
            faults::executor_lost()
        }
        Ended::Ran(_) => Fault::internal(),
    }
}
