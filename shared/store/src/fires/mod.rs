//! What schedules did: fires, and what the scheduler needs to make them.
//!
//! A fire is a row that is only ever inserted, in a ring of days (`sql/migrations/0011_schedules.sql`), together with the event of
//! the queue that it stands for. Its primary key is where a second fire of one time dies.

mod fire;
mod history;
mod housekeeping;
mod overlap;
mod planned;
pub(crate) mod ring;
mod shards;
#[cfg(test)]
mod tests;

pub use fire::{Due, Fired};
pub use history::FireRecord;
pub use overlap::{Released, Waiting};
pub use planned::{Change, Planned};

/// The first of the scheduler's shards among the leases of all services.
pub const FIRST_SHARD: i16 = 32;
