//! `EventBridge` Scheduler: schedules in groups. What is stored here is fired by the scheduler service.

mod faults;
mod groups;
mod names;
mod schedules;
mod service;
mod tags;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use service::service;
