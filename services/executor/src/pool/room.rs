//! Who is idle and who holds how much memory: the pool's bookkeeping, without any waiting.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use domain::{AccountId, FunctionName, FunctionSpec, Region, Version};
use rpc::executor::Warm;

use crate::environment::Inbox;

/// One live environment's claim on the executor's memory.
#[derive(Debug)]
pub(crate) struct Seat {
    memory_mb: u64,
    /// Given back already: when it was evicted, before it is quite gone.
    given_back: AtomicBool,
}

/// An environment that waits for an event. Dropping it ends the environment.
pub(crate) struct Idle {
    pub(crate) id: u64,
    pub(crate) spec_id: Arc<str>,
    pub(crate) seat: Arc<Seat>,
    pub(crate) inbox: Inbox,
    pub(crate) since: Instant,
}

/// The function version that a spec describes: a newer spec of the same replaces an older one.
type Subject = (AccountId, Region, FunctionName, Version);

/// Memory does not suffice, even with every idle environment gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

pub(super) struct Room {
    memory_mb_max: u64,
    memory_mb_used: u64,
    /// Of each spec, those idle longest first.
    idle: HashMap<Arc<str>, Vec<Idle>>,
    /// The spec that each version had last: `$LATEST` changes as a whole, a published one in what its function may reach.
    newest: HashMap<Subject, String>,
    live: usize,
    closed: bool,
}

impl Room {
    pub(super) fn new(memory_mb_max: u64) -> Self {
        Self {
            memory_mb_max,
            memory_mb_used: 0,
            idle: HashMap::new(),
            newest: HashMap::new(),
            live: 0,
            closed: false,
        }
    }

    /// The environment of this spec that was busy last: its caches are the warmest, and the others can grow old.
    pub(super) fn take(&mut self, spec_id: &str) -> Option<Idle> {
        let list = self.idle.get_mut(spec_id)?;
        let idle = list.pop();
        if list.is_empty() {
            self.idle.remove(spec_id);
        }
        idle
    }

    /// Memory for a new environment. Idle ones that had to make way come back: dropping them ends them.
    pub(super) fn reserve(&mut self, memory_mb: u32) -> Result<(Arc<Seat>, Vec<Idle>), Full> {
        let memory_mb = u64::from(memory_mb);
        if self.memory_mb_used - self.idle_mb() + memory_mb > self.memory_mb_max {
            return Err(Full);
        }
        let mut evicted = Vec::new();
        while self.memory_mb_used + memory_mb > self.memory_mb_max {
            let Some(oldest) = self.oldest() else {
                return Err(Full);
            };
            self.give_back(&oldest.seat);
            evicted.push(oldest);
        }
        self.memory_mb_used += memory_mb;
        self.live += 1;
        let seat = Arc::new(Seat {
            memory_mb,
            given_back: AtomicBool::new(false),
        });
        Ok((seat, evicted))
    }

    fn idle_mb(&self) -> u64 {
        self.idle
            .values()
            .flatten()
            .map(|idle| idle.seat.memory_mb)
            .sum()
    }

    fn oldest(&mut self) -> Option<Idle> {
        let oldest = self
            .idle
            .values()
            .filter_map(|list| list.first())
            .min_by_key(|idle| idle.since)?;
        let (spec_id, id) = (Arc::clone(&oldest.spec_id), oldest.id);
        self.withdraw(&spec_id, id)
    }

    fn give_back(&mut self, seat: &Seat) {
        if !seat.given_back.swap(true, Ordering::Relaxed) {
            self.memory_mb_used -= seat.memory_mb;
        }
    }

    /// An environment is gone.
    pub(super) fn leave(&mut self, seat: &Seat) {
        self.give_back(seat);
        self.live -= 1;
    }

    /// Takes in an environment of this spec that has become idle; gives it back where none may be idle any more, or where a
    /// newer spec has replaced its own.
    pub(super) fn release(&mut self, idle: Idle, spec: &FunctionSpec) -> Result<(), Idle> {
        let newest = self.newest.get(&subject(spec));
        if self.closed || newest.is_some_and(|newest| *newest != *idle.spec_id) {
            return Err(idle);
        }
        self.idle
            .entry(Arc::clone(&idle.spec_id))
            .or_default()
            .push(idle);
        Ok(())
    }

    /// Takes a certain idle environment out; `None` where it is idle no longer.
    pub(super) fn withdraw(&mut self, spec_id: &str, id: u64) -> Option<Idle> {
        let list = self.idle.get_mut(spec_id)?;
        let at = list.iter().position(|idle| idle.id == id)?;
        let idle = list.remove(at);
        if list.is_empty() {
            self.idle.remove(spec_id);
        }
        Some(idle)
    }

    /// Learns the newest spec of a version; its predecessor's id comes back, with the idle environments of that.
    pub(super) fn supersede(&mut self, spec: &FunctionSpec) -> Option<(String, Vec<Idle>)> {
        let before = self.newest.insert(subject(spec), spec.spec_id.clone())?;
        if before == spec.spec_id {
            return None;
        }
        let idle = self.idle.remove(before.as_str()).unwrap_or_default();
        Some((before, idle))
    }

    /// Lets nobody be idle any more; those that are come back.
    pub(super) fn close(&mut self) -> Vec<Idle> {
        self.closed = true;
        self.idle.drain().flat_map(|(_, list)| list).collect()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Memory that new environments may take, those of idle ones included.
    pub(super) fn free_mb(&self) -> u64 {
        (self.memory_mb_max + self.idle_mb()).saturating_sub(self.memory_mb_used)
    }

    pub(super) fn warm(&self) -> Vec<Warm> {
        let count = |list: &Vec<Idle>| u32::try_from(list.len()).unwrap_or(u32::MAX);
        self.idle
            .iter()
            .map(|(spec_id, list)| Warm {
                spec_id: spec_id.to_string(),
                idle: count(list),
            })
            .collect()
    }
}

fn subject(spec: &FunctionSpec) -> Subject {
    (
        spec.account,
        spec.region.clone(),
        spec.name.clone(),
        spec.version,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(spec_id: &str) -> FunctionSpec {
        crate::specs::sample(spec_id)
    }

    fn idle(room: &mut Room, id: u64, spec: &str, memory_mb: u32) -> Vec<u64> {
        let (seat, evicted) = room.reserve(memory_mb).unwrap();
        let (inbox, _) = tokio::sync::mpsc::channel(1);
        let idle = Idle {
            id,
            spec_id: spec.into(),
            seat,
            inbox,
            since: Instant::now(),
        };
        assert!(room.release(idle, &sample(spec)).is_ok());
        evicted.iter().map(|idle| idle.id).collect()
    }

    #[test]
    fn the_last_to_become_idle_is_the_first_to_be_taken() {
        let mut room = Room::new(1_000);
        idle(&mut room, 1, "a", 100);
        idle(&mut room, 2, "a", 100);
        assert_eq!(room.take("a").unwrap().id, 2);
        assert_eq!(room.take("a").unwrap().id, 1);
        assert!(room.take("a").is_none());
        assert!(room.take("b").is_none());
    }

    #[test]
    fn under_pressure_those_idle_longest_make_way() {
        let mut room = Room::new(1_000);
        for (id, spec) in [(1, "a"), (2, "b"), (3, "a")] {
            idle(&mut room, id, spec, 300);
        }
        assert_eq!(room.free_mb(), 1_000);
        assert_eq!(idle(&mut room, 4, "c", 500), [1, 2]);
        assert_eq!(room.take("a").unwrap().id, 3);
        // 3 is busy now: its 300 MB cannot be taken.
        assert_eq!(room.reserve(701).err(), Some(Full));
        assert_eq!(room.free_mb(), 700);
        assert!(
            room.take("c").is_some(),
            "refused without evicting anybody in vain"
        );
    }

    #[test]
    fn memory_is_given_back_once() {
        let mut room = Room::new(1_000);
        idle(&mut room, 1, "a", 600);
        let evicted = room.take("a").unwrap();
        assert!(room.reserve(600).is_err());
        assert!(room.release(evicted, &sample("a")).is_ok());
        let (seat, evicted) = room.reserve(600).unwrap();
        assert_eq!((room.live(), room.free_mb()), (2, 400));
        room.leave(&evicted[0].seat);
        assert_eq!((room.live(), room.free_mb()), (1, 400));
        room.leave(&seat);
        assert_eq!((room.live(), room.free_mb()), (0, 1_000));
    }

    #[test]
    fn a_closed_room_keeps_nobody() {
        let mut room = Room::new(1_000);
        idle(&mut room, 1, "a", 100);
        idle(&mut room, 2, "b", 100);
        assert_eq!(room.close().len(), 2);
        let (seat, _) = room.reserve(100).unwrap();
        let (inbox, _) = tokio::sync::mpsc::channel(1);
        let late = Idle {
            id: 3,
            spec_id: "a".into(),
            seat,
            inbox,
            since: Instant::now(),
        };
        assert!(room.release(late, &sample("c")).is_err());
    }

    #[test]
    fn a_replaced_spec_keeps_nobody() {
        let mut room = Room::new(1_000);
        let (before, after) = (sample("before"), sample("after"));
        assert!(room.supersede(&before).is_none());
        idle(&mut room, 1, "before", 100);
        idle(&mut room, 2, "before", 100);
        let busy = room.take("before").unwrap();
        let (id, ended) = room.supersede(&after).unwrap();
        assert_eq!((id.as_str(), ended[0].id), ("before", 1));
        let seat = Arc::clone(&busy.seat);
        assert!(room.release(busy, &before).is_err());
        room.leave(&seat);
        // Back again: who runs by it may be idle.
        assert!(room.supersede(&before).is_some());
        idle(&mut room, 3, "before", 100);
        assert!(room.supersede(&before).is_none());
        assert_eq!(room.take("before").unwrap().id, 3);
        // Another version of the function is another subject.
        let published = FunctionSpec {
            version: Version::Published(1),
            ..sample("published")
        };
        assert!(room.supersede(&published).is_none());
    }
}
