//! Events of the queue on this executor: what comes with one, which run here, and how their ends are committed.
//!
//! The executor decides what the end of an attempt means (`domain::retry`) and writes it down together with its consequences and
//! its usage, in one transaction ([`settler`]); only then is the owner answered. An end that another outcome was there before
//! changes nothing: not the event, not its destinations, not the bill.

mod running;
mod settlement;
mod settler;
#[cfg(test)]
mod tests;
mod work;

pub(crate) use running::{Claim, Refused, Running};
pub(crate) use settlement::{Attempted, settlement};
pub(crate) use settler::Settler;
pub(crate) use work::Work;
