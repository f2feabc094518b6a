//! What is due next, in memory.
//!
//! One entry and one node of a heap per schedule. A schedule that is taken from the heap is out of it until its fire is committed
//! ([`Plan::advance`]) or has failed ([`Plan::put_back`]).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use domain::schedule::{Dialect, Expression, Missed, Timetable, zone};
use store::fires::Planned;
use uuid::Uuid;

/// Later than this, a fire counts as missed, and the policy for missed runs decides. Within a minute is in time, on AWS too.
const MISSED_AFTER: TimeDelta = TimeDelta::minutes(1);

/// Nodes of the heap that may be out of date before it is made anew.
const STALE_MAX: usize = 1_000;

const MS: TimeDelta = TimeDelta::milliseconds(1);

/// All schedules of the shards that are held.
#[derive(Default)]
pub(crate) struct Plan {
    entries: HashMap<Uuid, Entry>,
    heap: BinaryHeap<Reverse<Node>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    due_at: DateTime<Utc>,
    id: Uuid,
    generation: i64,
}

struct Entry {
    shard: i16,
    generation: i64,
    table: Timetable,
    /// How far into the flexible window this schedule fires.
    offset: TimeDelta,
    missed: Missed,
    catch_up: TimeDelta,
    delete_after: bool,
    input_bytes: usize,
    /// The next time that was not fired.
    next: DateTime<Utc>,
}

/// A schedule whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) id: Uuid,
    pub(crate) generation: i64,
    /// What is to fire; `None`: nothing of what was missed is.
    pub(crate) fire_at: Option<DateTime<Utc>>,
    pub(crate) due_at: DateTime<Utc>,
    /// The last of those times that are left out, to be written down.
    pub(crate) missed_at: Option<DateTime<Utc>>,
    /// Where to go on from.
    from: DateTime<Utc>,
}

/// A schedule that will not fire any more and asked to be deleted then: its id and generation.
pub(crate) type Completed = (Uuid, i64);

impl Plan {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.heap.peek().map(|Reverse(node)| node.due_at)
    }

    /// Takes in a schedule as it is now. `since`: what was due by then was fired.
    pub(crate) fn put(
        &mut self,
        planned: &Planned,
        since: Option<DateTime<Utc>>,
    ) -> Option<Completed> {
        let known = self.entries.get(&planned.id);
        if known.is_some_and(|entry| entry.generation >= planned.generation) {
            return None;
        }
        self.entries.remove(&planned.id);
        if !planned.enabled {
            return None;
        }
        let mut entry = match Entry::read(planned) {
            Ok(entry) => entry,
            Err(error) => {
                // It was checked when it was stored: only a newer version of Tollgate can have written it.
                tracing::error!(schedule.id = %planned.id, %error, "a schedule cannot be read, and does not fire");
                return None;
            }
        };
        let since = since.map_or(planned.valid_from, |since| since - entry.offset);
        let Some(next) = entry.table.next_from(since.max(planned.valid_from)) else {
            return entry
                .delete_after
                .then_some((planned.id, planned.generation));
        };
        entry.next = next;
        self.push(planned.id, &entry);
        self.entries.insert(planned.id, entry);
        self.compact();
        None
    }

    /// Forgets a schedule, unless it is known in a newer generation.
    pub(crate) fn forget(&mut self, id: Uuid, generation: i64) {
        if self
            .entries
            .get(&id)
            .is_some_and(|entry| entry.generation <= generation)
        {
            self.entries.remove(&id);
        }
    }

    /// Forgets all schedules of the shards that are not among these.
    pub(crate) fn keep_shards(&mut self, shards: &[i16]) {
        self.entries
            .retain(|_, entry| shards.contains(&entry.shard));
        self.compact();
    }

    /// Takes what is due by `now`, in order: so many schedules, or so many bytes of input.
    pub(crate) fn take(
        &mut self,
        now: DateTime<Utc>,
        count_max: usize,
        bytes_max: usize,
    ) -> Vec<Taken> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < count_max
            && bytes < bytes_max
            && let Some(Reverse(node)) = self.heap.peek().copied()
            && node.due_at <= now
        {
            self.heap.pop();
            let Some(entry) = self.entries.get(&node.id) else {
                continue;
            };
            // Of an older generation, or of a time that is over.
            if entry.generation != node.generation || entry.due_at() != node.due_at {
                continue;
            }
            bytes += entry.input_bytes;
            taken.push(entry.take(node.id, now));
        }
        taken
    }

    /// What was taken is committed: the schedule's next time comes up.
    pub(crate) fn advance(&mut self, taken: &Taken) -> Option<Completed> {
        let entry = self
            .entries
            .get_mut(&taken.id)
            .filter(|entry| entry.generation == taken.generation)?;
        let Some(next) = entry.table.next_from(taken.from) else {
            let delete = entry.delete_after;
            self.entries.remove(&taken.id);
            return delete.then_some((taken.id, taken.generation));
        };
        entry.next = next;
        let node = entry.node(taken.id);
        self.heap.push(Reverse(node));
        None
    }

    /// What was taken could not be committed: it comes again.
    pub(crate) fn put_back(&mut self, taken: &Taken) {
        if let Some(entry) = self
            .entries
            .get(&taken.id)
            .filter(|entry| entry.generation == taken.generation)
        {
            let node = entry.node(taken.id);
            self.heap.push(Reverse(node));
        }
    }

    fn push(&mut self, id: Uuid, entry: &Entry) {
        self.heap.push(Reverse(entry.node(id)));
    }

    fn compact(&mut self) {
        if self.heap.len() > 2 * self.entries.len() + STALE_MAX {
            // What is out of the heap because it fires right now comes back by itself.
            let entries = &self.entries;
            self.heap.retain(|Reverse(node)| {
                entries
                    .get(&node.id)
                    .is_some_and(|entry| entry.generation == node.generation)
            });
        }
    }
}

impl Entry {
    fn read(planned: &Planned) -> Result<Self, domain::ParseError> {
        let dialect = if planned.by_rule {
            Dialect::Rule
        } else {
            Dialect::Scheduler
        };
        let catch_up_s = planned.catch_up_s.min(planned.retry_age_max_s);
        let window_s = u64::from(planned.window_min.unwrap_or(0).unsigned_abs()) * 60;
        Ok(Self {
            shard: planned.shard,
            generation: planned.generation,
            table: Timetable {
                expression: Expression::parse(&planned.expression, dialect)?,
                zone: zone(&planned.timezone)?,
                start_at: planned.start_at,
                end_at: planned.end_at,
                anchor_at: planned.anchor_at,
            },
            offset: offset(planned.id, window_s),
            missed: Missed::from_number(planned.missed).unwrap_or(Missed::All),
            catch_up: TimeDelta::seconds(catch_up_s.into()),
            delete_after: planned.delete_after,
            input_bytes: usize::try_from(planned.input_bytes).unwrap_or(0),
            next: planned.valid_from,
        })
    }

    fn due_at(&self) -> DateTime<Utc> {
        self.next + self.offset
    }

    fn node(&self, id: Uuid) -> Node {
        Node {
            due_at: self.due_at(),
            id,
            generation: self.generation,
        }
    }

    /// What is to be done at `now` about the time that has come, and about those that came meanwhile.
    fn take(&self, id: Uuid, now: DateTime<Utc>) -> Taken {
        let taken = |fire_at: Option<DateTime<Utc>>, missed_at, from| Taken {
            id,
            generation: self.generation,
            fire_at,
            due_at: fire_at.unwrap_or(self.next) + self.offset,
            missed_at,
            from,
        };
        let in_time = now - self.offset - MISSED_AFTER;
        if self.next >= in_time {
            return taken(Some(self.next), None, self.next + MS);
        }
        // The first time that is worth making up for.
        let oldest = match self.missed {
            Missed::Skip => in_time,
            Missed::All | Missed::Last => in_time.min(now - self.offset - self.catch_up),
        };
        let (too_old, _) = self.table.last_between(self.next, oldest);
        let from = oldest.max(self.next);
        match self.missed {
            // The rest is in time, and comes up by itself.
            Missed::Skip => taken(None, too_old, from),
            Missed::All => match self.table.next_from(from) {
                Some(next) if next + self.offset <= now => taken(Some(next), too_old, next + MS),
                _ => taken(None, too_old, from),
            },
            Missed::Last => {
                let end = now - self.offset + MS;
                let (last, count) = self.table.last_between(from, end);
                let Some(last) = last else {
                    return taken(None, too_old, from);
                };
                let before = if count > 1 {
                    self.table.last_between(from, last).0
                } else {
                    None
                };
                taken(Some(last), before.or(too_old), last + MS)
            }
        }
    }
}

/// Where in its flexible window a schedule fires: always at the same place, so that its fires keep their distance.
fn offset(id: Uuid, window_s: u64) -> TimeDelta {
    if window_s == 0 {
        return TimeDelta::zero();
    }
    let (high, low) = id.as_u64_pair();
    let seconds = (high ^ low.rotate_left(29)) % window_s;
    TimeDelta::seconds(i64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
mod tests;
