//! What executors' answers say of their metering spools, for the second witness of what ran (`store::witness`).
//!
//! On the way back of a run a number is kept in memory; once a second the highest of each executor is written down. It outlives its
//! executor: an executor that never comes back is what it is for. What this process did not write down when it dies is forgotten:
//! a witness less, nothing else.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use rpc::executor::InvokeReply;
use store::Store;
use store::witness::Witness;
use uuid::Uuid;

/// The highest numbers that were seen, of each start of an executor, and are not written down. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witnesses(Arc<Mutex<Vec<Witness>>>);

impl Witnesses {
    /// A run has been answered.
    pub(crate) fn saw(&self, executor: &str, reply: &InvokeReply) {
        // One that numbers nothing, or that is no executor of ours.
        let Some(executor) = executor
            .parse::<Uuid>()
            .ok()
            .filter(|_| reply.spool_event > 0)
        else {
            return;
        };
        self.keep(Witness {
            executor,
            boot_epoch: reply.boot_epoch,
            event: reply.spool_event,
        });
    }

    fn keep(&self, new: Witness) {
        let mut seen = self.0.lock();
        // There are few executors.
        let same =
            |one: &&mut Witness| (one.executor, one.boot_epoch) == (new.executor, new.boot_epoch);
        match seen.iter_mut().find(same) {
            Some(known) => known.event = known.event.max(new.event),
            None => seen.push(new),
        }
    }

    /// Writes down what was seen by `now`; what the database does not take is kept for the next time.
    pub(crate) async fn tell(&self, store: &Store, now: DateTime<Utc>) {
        let seen = std::mem::take(&mut *self.0.lock());
        if seen.is_empty() {
            return;
        }
        if let Err(error) = store.witness_usage(&seen, now).await {
            tracing::warn!(%error, "what executors recorded was not witnessed: tried again in a second");
            for one in seen {
                self.keep(one);
            }
        }
    }
}
