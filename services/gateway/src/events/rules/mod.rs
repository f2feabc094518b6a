//! Rules.

mod delete;
mod describe;
mod list;
mod put;
mod switch;

pub(super) use delete::delete;
pub(super) use describe::describe;
pub(super) use list::list;
pub(super) use put::put;
pub(super) use switch::{disable, enable};

/// A rule's state as clients see it.
fn state(enabled: bool) -> String {
    let word = if enabled { "ENABLED" } else { "DISABLED" };
    word.to_owned()
}
