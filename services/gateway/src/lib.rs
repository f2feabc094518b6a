//! The AWS-facing service: authenticate, decode, decide, encode.
//!
//! The only process that knows AWS shapes. Control-plane operations are one command, one transaction. The path of a
//! request: [`server`] (connection) → [`front`] (signature, service) → a handler under [`lambda`], [`scheduler`],
//! [`events`], [`iam`], [`sts`], [`logs`], or of the bill [`ce`], [`pricing`], [`freetier`] or [`budgets`]; an Invoke goes to
//! [`lambda::invoke`], which asks nobody but memory on the warm path. What AWS has no operation for goes from [`server`] to
//! [`api`].

pub mod api;
mod authenticate;
mod budgets;
pub mod call;
mod ce;
mod events;
mod freetier;
mod front;
mod function_target;
mod iam;
pub mod keys;
mod lambda;
mod logs;
mod measures;
mod pages;
mod pricing;
#[cfg(test)]
mod samples;
mod scheduler;
mod server;
mod start;
mod sts;
mod tag_list;
mod times;

pub use call::{App, Call};
pub use start::{Error, Handle, Options, start};

/// A failure that is ours, logged once here; the client learns only that there was one.
pub(crate) fn internal(error: &store::Error, call: &Call) -> wire::Fault {
    tracing::error!(request.id = %call.request_id, cloud.account.id = %call.account, %error, "store failed");
    wire::Fault::internal()
}
