//! `tollgate schedules`.

mod backfill;
mod history;
mod import;
mod list;
mod names;
mod next;
mod one;
mod policy;
mod run;

pub(crate) use run::run;
