//! Published versions.

mod list;
mod publish;

pub(super) use list::list;
pub(super) use publish::publish;
