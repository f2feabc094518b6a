//! One invocation on its way through an environment.

use std::sync::Arc;

use bytes::Bytes;
use domain::FunctionSpec;
use rpc::executor::InvokeReply;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;
use tracing::Span;
use uuid::Uuid;

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
    /// The caller may be gone: the execution ends and is metered all the same.
    pub(crate) reply: oneshot::Sender<Result<InvokeReply, Status>>,
}

impl Job {
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
