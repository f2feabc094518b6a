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
