//! An execution environment: one sandbox with one version's code, running one event at a time.
//!
//! `Starting -> Idle -> Busy -> Idle ... -> Stopping`. Each environment is one task ([`life`]): it serves the Runtime API
//! to its sandbox, reads what the function writes, and lives through the states. Only the pool and the caller's answer
//! connect it with the rest.

mod failure;
mod idle;
mod init;
mod job;
mod life;
mod output;
mod report;
mod settle;
mod start;
mod tail;

pub(crate) use job::{Assignment, Event, Inbox, Job};
pub(crate) use life::run;
pub(crate) use start::launch;
