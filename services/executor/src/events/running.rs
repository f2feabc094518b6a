//! Which events are here, and which owners' words still count.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rpc::executor::RunningEvent;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::work::Work;

/// Why an event is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// This attempt is here already.
    Here,
    /// A later owner of the shard has spoken.
    OutOfDate,
}

#[derive(Default)]
struct State {
    /// The highest epoch seen of each shard.
    epochs: HashMap<u32, i64>,
    here: HashMap<(Uuid, u16), Entry>,
}

struct Entry {
    account: domain::AccountId,
    cancel: CancellationToken,
}

/// The events on this executor. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Mutex<State>>);

/// An event's place among those that are here, until it is settled.
pub(crate) struct Claim {
    running: Running,
    key: (Uuid, u16),
    pub(crate) cancel: CancellationToken,
}

impl Running {
    /// Takes an event in, unless it is here or its owner is out of date.
    pub(crate) fn claim(&self, work: &Work, account: domain::AccountId) -> Result<Claim, Refused> {
        let mut state = self.0.lock();
        let seen = state.epochs.entry(work.shard).or_insert(work.epoch);
        if *seen > work.epoch {
            return Err(Refused::OutOfDate);
        }
        *seen = work.epoch;
        let key = (work.event.uuid(), work.attempt);
        if state.here.contains_key(&key) {
            return Err(Refused::Here);
        }
        let cancel = CancellationToken::new();
        let entry = Entry {
            account,
            cancel: cancel.clone(),
        };
        state.here.insert(key, entry);
        drop(state);
        Ok(Claim {
            running: self.clone(),
            key,
            cancel,
        })
    }

    /// Has an event of this account ended; false where it is not here.
    pub(crate) fn cancel(&self, event: Uuid, account: domain::AccountId) -> bool {
        let state = self.0.lock();
        let found = state
            .here
            .iter()
            .filter(|((id, _), entry)| *id == event && entry.account == account);
        found.map(|(_, entry)| entry.cancel.cancel()).count() > 0
    }

    pub(crate) fn list(&self) -> Vec<RunningEvent> {
        let state = self.0.lock();
        let events = state.here.keys().map(|(id, attempt)| RunningEvent {
            request_id: id.to_string(),
            attempt: u32::from(*attempt),
        });
        events.collect()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.running.0.lock().here.remove(&self.key);
    }
}
