//! One run: choose an executor that takes the event, hand it over, bring the reply back.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::StreamExt as _;
use rpc::executor::{AsyncWork, InvokeReply, InvokeRequest, Settling, WireSpec};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::executors::{Executors, Member};
use crate::targets::Runnable;

/// What one run is made of.
pub struct Run {
    /// As the caller named the function: qualified only where the caller qualified.
    pub arn: String,
    pub request_id: Uuid,
    /// From 1.
    pub attempt: u32,
    pub payload: Bytes,
    /// JSON; empty = none.
    pub client_context: String,
    /// `X-Amzn-Trace-Id` for the function.
    pub trace_id: String,
    /// W3C context of the caller's span; empty = none.
    pub traceparent: String,
    /// The end of the log is wanted.
    pub tail: bool,
    /// For an event of the queue: what the executor needs to settle it.
    pub work: Option<AsyncWork>,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    Ran(Box<InvokeReply>),
    /// No executor has room for another environment.
    NoRoom,
    /// The operator keeps the function from running; the text is a clause that says why.
    Denied(String),
    /// No executor has the function's runtime; the text says which it is.
    NoRuntime(String),
    /// Nobody took it: there is no executor, or none of them would. The function surely did not start.
    Nobody(Option<Status>),
    /// The executor runs this attempt already, or its caller is out of date.
    Declined(Status),
    /// The function may have run: only the caller can decide to try again.
    Lost {
        executor: String,
        status: Status,
    },
}

/// What became of one executor's chance.
enum Tried {
    Ran(Box<InvokeReply>),
    /// It did not start the function: another executor may.
    Refused(Status),
    /// Nor should another.
    Declined(Status),
    Lost(Status),
}

/// Runs the event on the executor that suits best, asking one after the other until one takes it. `ran` is called when the function of
/// an event of the queue has ended, and its outcome is still to be committed.
pub async fn run(
    executors: &Executors,
    version: &Runnable,
    run: &Run,
    mut ran: impl FnMut() + Send,
) -> Ended {
    let candidates = executors.candidates(&version.spec.spec_id, version.spec.memory_mb);
    let mut refusal: Option<Status> = None;
    for member in candidates {
        match try_on(&member, run, version, &mut ran).await {
            Tried::Ran(reply) => {
                executors.witnesses.saw(&member.id, &reply);
                return Ended::Ran(reply);
            }
            Tried::Declined(status) => return Ended::Declined(status),
            Tried::Refused(status) => refusal = Some(status),
            Tried::Lost(status) => {
                return Ended::Lost {
                    executor: member.id.clone(),
                    status,
                };
            }
        }
    }
    match refusal {
        Some(status) if status.code() == Code::ResourceExhausted => Ended::NoRoom,
        Some(status) if status.code() == Code::PermissionDenied => {
            Ended::Denied(status.message().to_owned())
        }
        Some(status) if status.code() == Code::Unimplemented => {
            Ended::NoRuntime(status.message().to_owned())
        }
        refusal => Ended::Nobody(refusal),
    }
}

fn request(run: &Run, version: &Runnable, spec: Option<WireSpec>) -> InvokeRequest {
    InvokeRequest {
        request_id: run.request_id.to_string(),
        attempt: run.attempt,
        spec_id: version.spec.spec_id.clone(),
        spec,
        invoked_function_arn: run.arn.clone(),
        payload: run.payload.clone(),
        client_context: run.client_context.clone(),
        trace_id: run.trace_id.clone(),
        tail: run.tail,
        traceparent: run.traceparent.clone(),
        work: run.work.clone(),
    }
}

/// One executor's chance; the spec goes along where that executor may not know it.
async fn try_on(
    member: &Member,
    run: &Run,
    version: &Runnable,
    ran: &mut (impl FnMut() + Send),
) -> Tried {
    let spec = member
        .learns(&version.spec.spec_id)
        .then(|| version.wire.clone());
    let in_flight = InFlight::on(member);
    let mut answer = ask(member, request(run, version, spec)).await;
    if matches!(&answer, Err(status) if status.code() == Code::FailedPrecondition) {
        let spec = Some(version.wire.clone());
        answer = ask(member, request(run, version, spec)).await;
    }
    match answer {
        Ok(Answer::Ended(reply)) => Tried::Ran(reply),
        Ok(Answer::Settling(mut settling)) => {
            drop(in_flight);
            ran();
            let settled = settling.next().await;
            // To its very end: a stream that is dropped before is reset, and a server takes many resets for an attack.
            while settling.next().await.is_some() {}
            match settled {
                Some(Ok(reply)) => Tried::Ran(Box::new(reply)),
                Some(Err(status)) => Tried::Lost(status),
                None => Tried::Lost(Status::internal("the executor ended its answer early")),
            }
        }
        Err(status) => classify(status),
    }
}

enum Answer {
    Ended(Box<InvokeReply>),
    Settling(Settling),
}

async fn ask(member: &Member, request: InvokeRequest) -> Result<Answer, Status> {
    if request.work.is_some() {
        return member.client.work(request).await.map(Answer::Settling);
    }
    let reply = member.client.invoke(request).await?;
    Ok(Answer::Ended(Box::new(reply)))
}

/// Counts an event in, and out again however its future ends.
struct InFlight<'a>(&'a Member);

impl<'a> InFlight<'a> {
    fn on(member: &'a Member) -> Self {
        member.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(member)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn classify(status: Status) -> Tried {
    match status.code() {
        Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Unauthenticated
        | Code::PermissionDenied
        | Code::Unimplemented => Tried::Refused(status),
        Code::AlreadyExists | Code::Aborted => Tried::Declined(status),
        // From the executor itself (draining) there is no source; from the connection there is.
        Code::Unavailable if never_connected(&status) => Tried::Refused(status),
        _ => Tried::Lost(status),
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
