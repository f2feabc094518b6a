//! Lambda's Runtime API, version 2018-06-01: what a runtime client inside a sandbox talks to.
//!
//! One [`Exchange`] per environment stands between two futures of the *same* task: the HTTP server that the runtime
//! client calls ([`server`]) and the environment's life, which hands events over and waits for reports. An event
//! therefore crosses no other task than its own on its way into the sandbox and back.

mod answer;
mod exchange;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use exchange::{Event, Exchange, Report};
pub(crate) use server::serve;

/// Largest result of a synchronous invocation: 6 MB and 100 bytes, as Lambda counts it.
pub(crate) const RESPONSE_BYTES_MAX: usize = 6 * 1024 * 1024 + 100;
