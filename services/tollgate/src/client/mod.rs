//! Commands that speak to a running Tollgate as any AWS client does: over HTTP, signed.

pub(crate) mod clock;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod env;
pub(crate) mod functions;
pub(crate) mod invoke;
pub(crate) mod logs;

mod api;
mod connection;
mod endpoint;
mod output;
mod span;

pub(crate) use endpoint::{Endpoint, dir};
pub(crate) use output::print;
pub(crate) use span::{parse_span, span_text};
