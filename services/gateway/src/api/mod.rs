//! Tollgate's own API under `/tollgate/v1`: what AWS has no operation for.
//!
//! JSON in and out, names in `snake_case` with their units last, times in RFC 3339 (UTC). Requests are signed as those to AWS
//! are (`SigV4`, signing name `tollgate` or `lambda`); account and region are the signature's. An error is a status and
//! `{"code", "message"}`. A field or parameter that does not exist is refused, never ignored. Lists come in pages: `next_token`
//! of one answer, opaque, asks for the next.
//!
//! One table ([`operations`]) makes both the router and the `OpenAPI` document: an operation's types are its schemas.

mod async_policies;
mod backfill;
mod billing;
mod budget_alerts;
mod cancel;
mod clock;
mod dead_letters;
mod document;
mod events;
mod fires;
mod input;
mod looks;
mod names;
mod next_times;
mod operation;
mod operations;
mod paging;
mod queue;
mod refusal;
mod schedules;
mod serve;
#[cfg(test)]
mod tests;
mod undelivered;

pub mod types;

pub use looks::Looks;
pub(crate) use serve::{Api, PREFIX};
