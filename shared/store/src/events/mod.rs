//! Events of the queue: accepted, fed to owners, settled, looked at.
//!
//! Rows lie in a ring of hours, plain tables addressed by name (`sql/migrations/0007_queue.sql`); statements that name one are
//! written once for all 32 ([`ring`]) and are the only ones that are not checked at compile time.

mod accept;
mod cancel;
mod dead_letters;
mod feed;
mod housekeeping;
mod lanes;
mod looks;
mod redrive;
mod retries;
pub(crate) mod ring;
mod settle;
mod shards;
mod status;
#[cfg(test)]
mod tests;
mod undelivered;

pub(crate) use accept::insert as insert_events;
pub use accept::{Accepted, NewEvent};
pub use cancel::Cancelled;
pub use dead_letters::{DeadLetter, DeadLetterFilter, DeadLetterPayload};
pub use feed::{QueuedEvent, Unsettled, Window};
pub use lanes::Lane;
pub use looks::LaneDepth;
pub use redrive::{NewRedrive, Redrive, RedriveState};
pub use retries::PendingRetry;
pub use settle::{
    Author, Delivery, NewDeadLetter, NewUndelivered, Ran, Sender, Settlement, Target, TargetKind,
    Usage,
};
pub use shards::ShardLease;
pub use status::{Attempt, EventFilter, EventState, EventStatus, EventSummary};
pub use undelivered::{Undelivered, UndeliveredRecord};
