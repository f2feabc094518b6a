//! Schedules: when something is to be invoked. One of a group has a name in it; a rule's target is one too (`crate::rules`).
//!
//! Every change of a row makes it a new generation: what a replica of the scheduler has computed of an older one does not
//! fire. Replicas learn of changes by the transaction that made them (`changed_by`).

mod create;
mod delete;
mod edit;
mod list;
mod schedule;
#[cfg(test)]
mod tests;
pub(crate) mod tokens;

pub use create::Creation;
pub use delete::Deletion;
pub use edit::Edit;
pub use list::{ScheduleFilter, ScheduleSummary};
pub use schedule::{Policy, RETRY_AGE_MAX_S, RETRY_ATTEMPTS_MAX, Schedule, ScheduleName, Settings};
pub use tokens::Token;

pub(crate) use schedule::{function, whole_ms};
