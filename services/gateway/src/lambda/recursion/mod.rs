//! What becomes of a function that calls itself again and again, through other functions or not.

mod get;
mod put;

pub(super) use get::get;
pub(super) use put::put;
