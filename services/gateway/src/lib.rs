//! The AWS-facing service: authenticate, decode, decide, encode.
//!
//! The only process that knows AWS shapes. Control-plane operations are one command, one transaction.

pub mod call;

pub use call::{App, Call};
