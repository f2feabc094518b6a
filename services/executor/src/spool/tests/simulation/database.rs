//! A model of `store::usage`'s ingest: the same rule, in memory.
//!
//! A batch is taken if it is the next one of its epoch, by its own number and by its first event's, and if the epoch is not
//! closed. Its sums are added in the transaction that keeps it. Otherwise it is known, another one under a known number, or early.

use std::collections::{BTreeMap, HashMap};

use domain::usage::{Batch, Counts, Place};
use store::usage::Ingested;
use uuid::Uuid;

use super::Flaw;

/// When the database crashes while it takes a batch: either way its answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crash {
    BeforeCommit,
    AfterCommit,
}

/// What is there of an epoch.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    /// Fingerprints of its batches, by number from 1.
    sha256: BTreeMap<i64, [u8; 32]>,
    pub(super) last_event: i64,
    pub(super) closed: bool,
    pub(super) counts: Counts,
}

#[derive(Debug)]
pub(super) struct Database {
    flaw: Flaw,
    pub(super) epochs: BTreeMap<(Uuid, i64), Epoch>,
    sums: HashMap<Place, i128>,
}

impl Database {
    pub(super) fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            epochs: BTreeMap::new(),
            sums: HashMap::new(),
        }
    }

    /// Takes a batch; `None` where it crashed before it could answer.
    pub(super) fn ingest(&mut self, batch: &Batch, crash: Option<Crash>) -> Option<Ingested> {
        let id = batch.id;
        let epoch = self.epochs.entry((id.executor, id.boot_epoch)).or_default();
        let last = epoch.sha256.last_key_value().map_or(0, |(last, _)| *last);
        let next = id.batch_seq == last + 1 && batch.first_event == epoch.last_event + 1;
        let early = self.flaw == Flaw::TakesEarly && id.batch_seq > last;
        if (next || early) && !epoch.closed {
            if crash == Some(Crash::BeforeCommit) {
                return self.crash_before_commit(batch);
            }
            self.keep(batch);
            self.add(batch);
            return crash.is_none().then_some(Ingested::Counted);
        }
        let answer = match epoch.sha256.get(&id.batch_seq) {
            Some(sha256) if *sha256 == batch.sha256 => Ingested::Known,
            Some(_) => Ingested::Equivocation,
            // It looks no further than the last one.
            None if self.flaw == Flaw::TakesEarly => Ingested::Known,
            None => Ingested::Gap {
                next_batch: last + 1,
                next_event: epoch.last_event + 1,
            },
        };
        if answer == Ingested::Known && self.flaw == Flaw::CountsAgain {
            self.add(batch);
        }
        crash.is_none().then_some(answer)
    }

    /// Nothing of the batch is there afterwards, unless the database is flawed.
    fn crash_before_commit(&mut self, batch: &Batch) -> Option<Ingested> {
        match self.flaw {
            Flaw::CommitsApart => {
                self.keep(batch);
                None
            }
            Flaw::AnswersBeforeCommit => Some(Ingested::Counted),
            _ => None,
        }
    }

    fn keep(&mut self, batch: &Batch) {
        let id = batch.id;
        let epoch = self.epochs.entry((id.executor, id.boot_epoch)).or_default();
        epoch.sha256.insert(id.batch_seq, batch.sha256);
        epoch.last_event = batch.last_event;
        epoch.closed = batch.closes_epoch;
        let (sum, counts) = (&mut epoch.counts, batch.counts);
        sum.started += counts.started;
        sum.ended += counts.ended;
        sum.platform_lost += counts.platform_lost;
        sum.missing += counts.missing;
        sum.settled_apart += counts.settled_apart;
    }

    fn add(&mut self, batch: &Batch) {
        for (place, quantity) in batch.sums.iter() {
            if let Some(sum) = self.sums.get_mut(place) {
                *sum += quantity;
            } else {
                self.sums.insert(place.clone(), quantity);
            }
        }
    }

    /// The hours.
    pub(super) fn sums(&self) -> BTreeMap<Place, i128> {
        let sums = self.sums.iter();
        sums.map(|(place, sum)| (place.clone(), *sum)).collect()
    }
}
