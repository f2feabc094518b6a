//! Types and pure rules of Tollgate.
//!
//! No I/O, no async, no clock, no AWS wire shapes: what a function, a version, an alias, an execution and a price *are*,
//! testable without a runtime. Time, ids and randomness come in as values.

pub mod account;
pub mod alias;
pub mod bill;
pub mod configured;
pub mod egress;
pub mod environment;
pub mod event;
pub mod event_config;
pub mod execution;
pub mod function;
pub mod function_ref;
pub mod log;
pub mod price;
pub mod record;
pub mod region;
pub mod retry;
pub mod runtime;
pub mod schedule;
pub mod tag;
pub mod trace;
pub mod usage;

pub use account::AccountId;
pub use alias::{Alias, AliasName};
pub use configured::{Code, Configuration, FunctionVersion, Logging, Stamp, State};
pub use egress::Egress;
pub use event_config::{AsyncPolicy, AsyncSettings, Destination, EventConfig, RecursiveLoop};
pub use function::{Architecture, FunctionName, FunctionSpec, Qualifier, Version};
pub use function_ref::{FunctionArn, FunctionRef};
pub use region::Region;

/// A text that does not have the form its type asks for. The message says which form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub String);

impl ParseError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
