//! Attempts that start later: retries, and second looks at what was lost.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::lane::Item;

struct Entry {
    at: DateTime<Utc>,
    item: Item,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.item.event.id).cmp(&(other.at, other.item.event.id))
    }
}

/// What waits, the first due first.
#[derive(Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<Entry>>);

impl Timers {
    pub(crate) fn add(&mut self, at: DateTime<Utc>, item: Item) {
        self.0.push(Reverse(Entry { at, item }));
    }

    /// When the next one is due.
    pub(crate) fn next_at(&self) -> Option<DateTime<Utc>> {
        self.0.peek().map(|Reverse(entry)| entry.at)
    }

    /// One that is due.
    pub(crate) fn due(&mut self, now: DateTime<Utc>) -> Option<Item> {
        if self.next_at()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry.item)
    }

    /// Keeps what the test lets through.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Item) -> bool) {
        self.0.retain(|Reverse(entry)| keep(&entry.item));
    }

    /// The events that wait.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.0
            .iter()
            .map(|Reverse(entry)| entry.item.event.id.uuid())
    }

    /// How many wait, by lane.
    pub(crate) fn by_lane(&self) -> HashMap<i64, u64> {
        let mut counts = HashMap::new();
        for Reverse(entry) in &self.0 {
            *counts.entry(entry.item.event.lane).or_default() += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use domain::event::EventId;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    /// The first attempt of an event that is known by the second it was accepted in.
    fn item(second: i64, lane: i64) -> Item {
        Item::by_id(EventId::floor(at(second)), lane, 1)
    }

    #[test]
    fn what_is_due_first_comes_first_and_nothing_early() {
        let mut timers = Timers::default();
        assert_eq!(
            (timers.next_at(), timers.due(at(99)).is_some()),
            (None, false)
        );
        for (second, due, lane) in [(3, 60, 1), (2, 61, 1), (1, 60, 2)] {
            timers.add(at(due), item(second, lane));
        }
        assert_eq!(timers.next_at(), Some(at(60)));
        let mut due = |now| {
            let item = timers.due(at(now))?;
            Some(item.event.id.accepted_at().timestamp())
        };
        assert_eq!(due(59), None);
        assert_eq!((due(60), due(60), due(60)), (Some(1), Some(3), None));
        assert_eq!((due(61), due(99)), (Some(2), None));
    }

    #[test]
    fn what_is_let_go_is_forgotten_and_the_rest_keeps_its_order() {
        let mut timers = Timers::default();
        for second in 1..=9 {
            timers.add(at(100 - second), item(second, second % 2));
        }
        assert_eq!(timers.by_lane(), HashMap::from([(0, 4), (1, 5)]));
        timers.retain(|item| item.event.lane == 0);
        assert_eq!(timers.by_lane(), HashMap::from([(0, 4)]));
        assert_eq!(timers.ids().count(), 4);
        let mut order = Vec::new();
        while let Some(item) = timers.due(at(100)) {
            order.push(item.event.id.accepted_at().timestamp());
        }
        assert_eq!(order, [8, 6, 4, 2]);
    }
}
