//! The only service that runs user code, and the truth of what ran.
//!
//! An `Invoke` comes in (`service`), takes an idle execution environment or starts one (`pool`); the environment
//! (`environment`) hands the event to the runtime client in its sandbox over the Runtime API (`runtime_api`), and the
//! execution is in the metering spool before the answer leaves.

pub mod code;
mod environment;
mod events;
mod gateway;
mod load;
mod logs;
mod measures;
mod options;
mod pool;
pub mod prices;
pub mod registry;
mod runtime_api;
pub mod runtimes;
pub mod sandbox;
mod service;
mod specs;
pub mod spool;
#[cfg(test)]
mod tests;

pub use gateway::GatewayUrl;
pub use options::{Cluster, IDLE_TTL, Options, PARKED_RUNTIMES};
pub use service::{Error, Handle, Service, start};
