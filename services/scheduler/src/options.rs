//! What a scheduler is made of.

use chassis::{Clock, Ids};
use dispatch::Executors;
use dispatch::hints::Hints;
use store::Store;

/// The parts of a replica.
pub struct Options {
    pub store: Store,
    /// Tells the queue of events.
    pub hints: Hints,
    /// Where runs are ended that a later one takes the place of.
    pub executors: Executors,
    pub clock: Clock,
    pub ids: Ids,
}
