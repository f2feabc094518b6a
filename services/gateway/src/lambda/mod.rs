//! Lambda's control plane, and Invoke.
//!
//! One file per operation, named by noun and verb. A handler reads its input into domain types, calls one store operation,
//! and answers. Creation and updates answer as AWS does (`Pending`, `InProgress`), and are over when they answer: the next
//! look says `Active` and `Successful`, and an Invoke need not wait.

mod account_settings;
mod aliases;
pub(crate) mod code;
mod concurrency;
mod configuration;
mod destinations;
mod event_invoke_configs;
pub(crate) mod faults;
mod functions;
pub(crate) mod invoke;
mod names;
mod paging;
mod recursion;
mod service;
mod settings;
mod tags;
mod upload;
mod versions;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use service::{fault, service};
