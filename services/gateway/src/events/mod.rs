//! `EventBridge`: rules of the default bus that have an expression, the classic form of schedules. No patterns, no other buses.

mod faults;
mod names;
mod rules;
mod service;
mod tags;
mod targets;
#[cfg(test)]
mod tests;

pub(crate) use service::service;
