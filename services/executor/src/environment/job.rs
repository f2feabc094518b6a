//! One invocation on its way through an environment.

use std::sync::Arc;

use bytes::Bytes;
use domain::FunctionSpec;
use rpc::executor::InvokeReply;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;
use tracing::Span;
use uuid::Uuid;

use crate::events::{Claim, Work};

/// An event to run, and where its answer goes.
pub(crate) struct Job {
    pub(crate) request_id: Uuid,
    pub(crate) attempt: u32,
    pub(crate) spec: Arc<FunctionSpec>,
    pub(crate) invoked_function_arn: String,
    pub(crate) trace_id: String,
    pub(crate) client_context: String,
    pub(crate) payload: Bytes,
    /// Whether the caller wants the end of the log.
    pub(crate) tail: bool,
    pub(crate) span: Span,
    /// As `trace_id`, which goes to the function: for what follows from an event.
    pub(crate) trace: String,
    /// Of an event of the queue.
    pub(crate) event: Option<Event>,
    /// The caller may be gone: the execution ends and is metered all the same.
    pub(crate) reply: oneshot::Sender<Result<InvokeReply, Status>>,
}

/// An event's part of a job: what it needs to be settled, and its place among those that are here.
pub(crate) struct Event {
    pub(crate) work: Work,
    pub(crate) claim: Claim,
    /// Told when the function has ended, before anything is committed.
    pub(crate) ended: oneshot::Sender<()>,
}

impl Job {
    /// Waits until somebody wants the event ended; for a caller that waits, forever.
    pub(crate) async fn cancelled(&self) {
        match &self.event {
            Some(event) => event.claim.cancel.cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// Answers that the platform did not run it.
    pub(crate) fn refuse(self, status: Status) {
        let _ = self.reply.send(Err(status));
    }
}

/// A job for an idle environment, together with the environment's own address: as long as it is idle only the pool holds
/// that address, so dropping it there ends the environment.
pub(crate) struct Assignment {
    pub(crate) job: Job,
    pub(crate) inbox: Inbox,
}

/// How a job reaches an environment.
pub(crate) type Inbox = mpsc::Sender<Assignment>;
