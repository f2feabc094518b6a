//! STS: who the caller is.

mod caller;
mod service;

pub(crate) use service::service;
