//! AWS protocols: the only crate that knows how operations travel over HTTP.
//!
//! A [`Service`] binds handlers to the operations of a generated model (`aws-model`). For a request it finds the operation,
//! decodes the input by walking the model's static tables, checks every constraint with AWS's error texts, calls the
//! handler and encodes its answer or its [`Fault`]: for restJson1, awsJson 1.0/1.1 and awsQuery alike. [`sigv4`] verifies
//! and makes signatures.
//!
//! Between the bytes and the generated structs lies one [`serde_json::Value`] in the model's own names: protocols differ
//! only in how they fill and empty it.
//!
//! **Invariant:** nothing here knows a service by name, reads a clock, or logs.

mod check;
mod decode;
mod encode;
mod fault;
mod protocol;
mod route;
mod service;
pub mod sigv4;

pub use decode::{percent_decode, query_value};
pub use fault::Fault;
pub use service::Service;

#[cfg(test)]
mod tests;
