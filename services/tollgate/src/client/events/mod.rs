//! `tollgate async`: asynchronous invocations by their request ids, dead letters, policies.

mod cancel;
mod dead_letters;
mod get;
mod list;
pub(crate) mod policy;
mod purge;
mod redrive;
mod run;
mod undelivered;

pub(crate) use get::show_end;
pub(crate) use run::run;
