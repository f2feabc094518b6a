//! Tollgate's own API under `/tollgate/v1`: what AWS has no operation for.
//!
//! JSON in and out, names in `snake_case` with their units last, times in RFC 3339 (UTC). Requests are signed as those to AWS
//! are (`SigV4`, signing name `tollgate` or `lambda`); account and region are the signature's. An error is a status and
//! `{"code", "message"}`. A field or parameter that does not exist is refused, never ignored. Lists come in pages: `next_token`
//! of one answer, opaque, asks for the next.
//!
//! One table ([`operations`]) makes both the router and the `OpenAPI` document: an operation's types are its schemas.

mod clock;
mod document;
mod input;
mod operation;
mod operations;
mod refusal;
mod serve;
#[cfg(test)]
mod tests;

pub mod types;

pub(crate) use serve::{Api, PREFIX};
