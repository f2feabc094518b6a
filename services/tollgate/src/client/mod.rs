//! Commands that speak to a running Tollgate as any AWS client does: over HTTP, signed.

pub(crate) mod clock;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod env;
pub(crate) mod events;
pub(crate) mod functions;
pub(crate) mod invoke;
pub(crate) mod logs;
pub(crate) mod queue;
pub(crate) mod schedules;

mod api;
mod connection;
mod consent;
mod endpoint;
mod moment;
mod output;
mod own;
mod span;
mod table;

pub(crate) use endpoint::{Endpoint, dir};
pub(crate) use moment::parse_moment;
pub(crate) use output::print;
pub(crate) use span::{parse_span, span_text};
pub(crate) use table::table;
