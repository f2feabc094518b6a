//! `executor/v1`: the messages, and their conversion to and from domain types.

use std::collections::BTreeMap;

use domain::{Egress, FunctionSpec, ParseError};

#[expect(
    clippy::pedantic,
    clippy::allow_attributes,
    unreachable_pub,
    reason = "generated"
)]
mod generated {
    tonic::include_proto!("tollgate.executor.v1");
}

pub use generated::executor_client::ExecutorClient;
pub use generated::executor_server::{Executor, ExecutorServer};
pub use generated::{
    AsyncWork, CancelReply, CancelRequest, Delivered, FunctionSpec as WireSpec, InvokeReply,
    InvokeRequest, Room, RunningEvent, RunningReply, RunningRequest, Settled, Target, Warm,
    WatchRequest, target,
};

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
