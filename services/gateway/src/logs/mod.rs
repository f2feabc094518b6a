//! `CloudWatch` Logs over the functions' own log groups.

mod events;
mod faults;
mod filter;
mod groups;
mod names;
mod service;
mod streams;
mod sweep;
mod tokens;

pub(crate) use service::service;
pub(crate) use sweep::sweep;
