//! Event invoke configs: how asynchronous invocations of a function, a version or an alias are treated.

mod answer;
mod delete;
mod get;
mod list;
mod put;
mod request;
mod update;

pub(super) use delete::delete;
pub(super) use get::get;
pub(super) use list::list;
pub(super) use put::put;
pub(super) use update::update;
