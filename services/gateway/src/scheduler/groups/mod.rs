//! Groups of schedules.

mod answer;
mod create;
mod delete;
mod get;
mod list;

pub(super) use create::create;
pub(super) use delete::delete;
pub(super) use get::get;
pub(super) use list::list;
