//! The environments of this executor: which are idle, how much memory they hold, and how an invocation gets one.

mod parked;
#[expect(
    clippy::module_inception,
    reason = "the pool itself is the heart of its module"
)]
mod pool;
mod room;

pub(crate) use parked::{EPHEMERAL_MB, Parked, Ready, Starting};
pub(crate) use pool::{Parts, Place, Pool};
pub(crate) use room::Idle;
