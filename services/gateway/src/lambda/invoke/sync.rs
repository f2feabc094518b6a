//! One synchronous invocation: admit, choose an executor, run, answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use rpc::executor::{InvokeReply, InvokeRequest as RunRequest, WireSpec};
use tonic::{Code, Status};
use uuid::Uuid;
use wire::Fault;

use crate::call::App;
use crate::executors::Member;
use crate::lambda::faults;
use crate::targets::{Route, Runnable};

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

/// What became of one executor's chance.
enum Tried {
    Ran(Box<InvokeReply>),
    /// It did not start the function: another executor may.
    Refused(Status),
    /// The function may have run: only the caller can decide to try again.
    Lost(Status),
}

/// Runs to the end even where the caller goes away: the permit is held as long as the function runs.
pub(super) async fn run(run: Run) -> Result<Ran, Fault> {
    let started = Instant::now();
    let permit = run.app.admission.admit(&run.route.pool).await;
    let Some(_permit) = permit else {
        run.app.measures.throttles.increment(1);
        return Err(faults::throttled(run.route.reserved));
    };
    let version = run
        .route
        .pick(run.app.ids.draw())
        .ok_or_else(Fault::internal)?;
    let candidates = run
        .app
        .executors
        .candidates(&version.spec.spec_id, version.spec.memory_mb);
    let mut refusal = None;
    for member in candidates {
        match try_on(&member, &run, version).await {
            Tried::Ran(reply) => {
                run.app.measures.invoke_seconds.record(started.elapsed());
                return Ok(Ran {
                    reply: *reply,
                    version: version.spec.version.to_string(),
                });
            }
            Tried::Refused(status) => refusal = Some(status),
            Tried::Lost(status) => {
                tracing::error!(executor.id = %member.id, request.id = %run.request_id, error = %status.message(),
                    "executor lost while it ran a function");
                return Err(faults::executor_lost());
            }
        }
    }
    Err(nobody(refusal, &run))
}

/// No executor took it: out of room, or there is none.
fn nobody(refusal: Option<Status>, run: &Run) -> Fault {
    match refusal {
        Some(status) if status.code() == Code::ResourceExhausted => {
            run.app.measures.throttles.increment(1);
            faults::throttled(false)
        }
        Some(status) if status.code() == Code::Unimplemented => {
            faults::runtime_not_installed(status.message())
        }
        Some(status) => {
            tracing::error!(request.id = %run.request_id, error = %status.message(), "no executor took the event");
            faults::no_executor()
        }
        None => faults::no_executor(),
    }
}

fn request(run: &Run, version: &Runnable, spec: Option<WireSpec>) -> RunRequest {
    RunRequest {
        request_id: run.request_id.to_string(),
        attempt: 1,
        spec_id: version.spec.spec_id.clone(),
        spec,
        invoked_function_arn: run.arn.clone(),
        payload: run.payload.clone(),
        client_context: run.client_context.clone(),
        trace_id: run.trace_id.clone(),
        tail: run.tail,
        traceparent: run.traceparent.clone(),
    }
}

/// One executor's chance; the spec goes along where that executor may not know it.
async fn try_on(member: &Member, run: &Run, version: &Runnable) -> Tried {
    let spec = member
        .learns(&version.spec.spec_id)
        .then(|| version.wire.clone());
    member.in_flight.fetch_add(1, Ordering::Relaxed);
    let mut answer = member.client.invoke(request(run, version, spec)).await;
    if matches!(&answer, Err(status) if status.code() == Code::FailedPrecondition) {
        let spec = Some(version.wire.clone());
        answer = member.client.invoke(request(run, version, spec)).await;
    }
    member.in_flight.fetch_sub(1, Ordering::Relaxed);
    match answer {
        Ok(reply) => Tried::Ran(Box::new(reply)),
        Err(status) if refused(&status) => Tried::Refused(status),
        Err(status) => Tried::Lost(status),
    }
}

/// Whether the function surely did not start: the executor said so, or was never reached.
fn refused(status: &Status) -> bool {
    match status.code() {
        Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Unauthenticated
        | Code::Unimplemented => true,
        // From the executor itself (draining) there is no source; from the connection there is.
        Code::Unavailable => never_connected(status),
        _ => false,
    }
}

fn never_connected(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    if source.is_none() {
        return true;
    }
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        source = error.source();
    }
    false
}
