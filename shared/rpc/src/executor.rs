//! `executor/v1`: the messages, their conversion to and from domain types, and who carries them.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use domain::{Egress, FunctionSpec, ParseError};
use futures::Stream;
use tonic::{Request, Status};
use tower::BoxError;

use crate::transport::{self, MESSAGE_BYTES_MAX, Transport};

#[expect(
    clippy::pedantic,
    clippy::allow_attributes,
    unreachable_pub,
    reason = "generated"
)]
mod generated {
    tonic::include_proto!("tollgate.executor.v1");
}

use generated::executor_client::ExecutorClient;
pub use generated::executor_server::{Executor, ExecutorServer};
pub use generated::{
    AsyncWork, CancelReply, CancelRequest, Delivered, FunctionSpec as WireSpec, InvokeReply,
    InvokeRequest, Room, RunningEvent, RunningReply, RunningRequest, Settled, Target, Warm,
    WatchRequest, target,
};

/// What `Work` answers: one reply, when the outcome is committed.
pub type Settling = Pin<Box<dyn Stream<Item = Result<InvokeReply, Status>> + Send>>;

/// What `Watch` answers.
pub type Rooms = Pin<Box<dyn Stream<Item = Result<Room, Status>> + Send>>;

/// Calls an executor. Cheap to clone.
#[derive(Clone)]
pub struct Client(Way);

#[derive(Clone)]
enum Way {
    Local(Arc<dyn Executor<WatchStream = Rooms, WorkStream = Settling>>),
    Remote(ExecutorClient<Transport>),
}

impl Client {
    /// Calls a server object of this process: the same messages, neither encoded nor carried anywhere.
    pub fn local(server: impl Executor<WatchStream = Rooms, WorkStream = Settling>) -> Self {
        Self(Way::Local(Arc::new(server)))
    }

    /// Connects, when first used, to an executor at `address` (`host:port`), proving itself with the cluster's secret.
    pub fn remote(address: &str, secret: &str) -> Result<Self, BoxError> {
        let client = ExecutorClient::new(transport::connect(address, secret)?)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        Ok(Self(Way::Remote(client)))
    }

    /// Runs one event.
    pub async fn invoke(&self, request: InvokeRequest) -> Result<InvokeReply, Status> {
        let answer = match &self.0 {
            Way::Local(server) => server.invoke(Request::new(request)).await,
            Way::Remote(client) => {
                // Boxed, so that a local call is not as large as this one.
                let mut client = client.clone();
                Box::pin(async move { client.invoke(request).await }).await
            }
        };
        answer.map(tonic::Response::into_inner)
    }

    /// Runs one event of the queue: answers when its function has ended.
    pub async fn work(&self, request: InvokeRequest) -> Result<Settling, Status> {
        match &self.0 {
            Way::Local(server) => {
                let settling = server.work(Request::new(request)).await?;
                Ok(settling.into_inner())
            }
            Way::Remote(client) => {
                let mut client = client.clone();
                let settling = Box::pin(async move { client.work(request).await }).await?;
                Ok(Box::pin(settling.into_inner()))
            }
        }
    }

    /// The events of the queue that are there now.
    pub async fn running(&self) -> Result<RunningReply, Status> {
        let answer = match &self.0 {
            Way::Local(server) => server.running(Request::new(RunningRequest {})).await,
            Way::Remote(client) => client.clone().running(RunningRequest {}).await,
        };
        answer.map(tonic::Response::into_inner)
    }

    /// Ends an event of the queue that runs there.
    pub async fn cancel(&self, request: CancelRequest) -> Result<CancelReply, Status> {
        let answer = match &self.0 {
            Way::Local(server) => server.cancel(Request::new(request)).await,
            Way::Remote(client) => client.clone().cancel(request).await,
        };
        answer.map(tonic::Response::into_inner)
    }

    /// Follows what room there is.
    pub async fn watch(&self) -> Result<Rooms, Status> {
        match &self.0 {
            Way::Local(server) => {
                let rooms = server.watch(Request::new(WatchRequest {})).await?;
                Ok(rooms.into_inner())
            }
            Way::Remote(client) => {
                let rooms = client.clone().watch(WatchRequest {}).await?;
                Ok(Box::pin(rooms.into_inner()))
            }
        }
    }
}

impl From<&FunctionSpec> for WireSpec {
    fn from(spec: &FunctionSpec) -> Self {
        Self {
            spec_id: spec.spec_id.clone(),
            account: spec.account.to_string(),
            region: spec.region.to_string(),
            name: spec.name.to_string(),
            version: spec.version.to_string(),
            runtime: spec.runtime.clone(),
            handler: spec.handler.clone(),
            architecture: spec.architecture.as_str().to_owned(),
            memory_mb: spec.memory_mb,
            timeout_s: spec.timeout_s,
            ephemeral_mb: spec.ephemeral_mb,
            environment: spec.environment.clone().into_iter().collect(),
            code_sha256: spec.code_sha256.clone(),
            code_size: spec.code_size,
            egress: match spec.egress {
                Egress::None => String::new(),
                asked @ Egress::Internet => asked.to_string(),
            },
        }
    }
}

impl TryFrom<WireSpec> for FunctionSpec {
    type Error = ParseError;

    fn try_from(spec: WireSpec) -> Result<Self, ParseError> {
        Ok(Self {
            spec_id: spec.spec_id,
            account: spec.account.parse()?,
            region: spec.region.parse()?,
            name: spec.name.parse()?,
            version: spec.version.parse()?,
            runtime: spec.runtime,
            handler: spec.handler,
            architecture: spec.architecture.parse()?,
            memory_mb: spec.memory_mb,
            timeout_s: spec.timeout_s,
            ephemeral_mb: spec.ephemeral_mb,
            egress: Egress::of_tag(Some(spec.egress.as_str()).filter(|asked| !asked.is_empty()))?,
            environment: spec.environment.into_iter().collect::<BTreeMap<_, _>>(),
            code_sha256: spec.code_sha256,
            code_size: spec.code_size,
        })
    }
}
