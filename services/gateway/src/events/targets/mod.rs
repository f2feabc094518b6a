//! Targets of rules.

mod list;
mod put;
mod remove;
mod request;
mod rules;

pub(super) use list::list;
pub(super) use put::put;
pub(super) use remove::remove;
pub(super) use rules::rules;
