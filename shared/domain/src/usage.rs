//! Usage: what the executors' sealed batches add to the hours.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::execution::{Execution, Outcome};
use crate::price::book::hour_of;
use crate::price::rating::metered;
use crate::price::sku::{Sku, Unit};
use crate::{AccountId, Region};

/// Names a batch: the key under which it counts once, however often it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId {
    pub executor: Uuid,
    /// Bumped at every start of that executor.
    pub boot_epoch: i64,
    /// From 1 without a gap within an epoch.
    pub batch_seq: i64,
}

/// Records in a batch, by kind: what invariant I1 (started = ended + lost, per epoch) is checked on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub started: i64,
    /// Ended with an outcome of the handler's own.
    pub ended: i64,
    /// Started, and never seen to end.
    pub platform_lost: i64,
    /// Events between first and last that could not be read back: disk damage.
    pub missing: i64,
    /// Of `ended`, attempts of the queue: charged with their outcome, not with the batch.
    pub settled_apart: i64,
}

/// Where a quantity is booked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub account: AccountId,
    /// The UTC hour in which the execution ended.
    pub hour: DateTime<Utc>,
    pub region: Region,
    pub sku: Sku,
    /// The function's ARN without a qualifier.
    pub resource: String,
}

/// Quantities by place, in the order of places: writers that lock rows in one order do not deadlock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<Place, i128>);

impl Sums {
    /// Adds an execution that is booked at `at`. One that the platform lost adds nothing.
    pub fn add(&mut self, execution: &Execution, billed_ms: u64, at: DateTime<Utc>) {
        if execution.outcome == Outcome::PlatformLost {
            return;
        }
        for part in metered(execution, billed_ms) {
            let place = Place {
                account: execution.account,
                hour: hour_of(at),
                region: execution.region.clone(),
                sku: part.sku,
                resource: execution.function_arn.clone(),
            };
            *self.0.entry(place).or_default() += part.quantity;
        }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Place, i128)> {
        self.0.iter().map(|(place, quantity)| (place, *quantity))
    }

    /// Adds a quantity at a place.
    pub fn add_quantity(&mut self, place: Place, quantity: i128) {
        if quantity != 0 {
            *self.0.entry(place).or_default() += quantity;
        }
    }

    /// MB·ms of all kinds together: a control total.
    pub fn mb_ms(&self) -> i128 {
        let memory_time = self
            .0
            .iter()
            .filter(|(place, _)| place.sku.unit() == Unit::GbSecond);
        memory_time.map(|(_, quantity)| quantity).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A sealed batch of an executor's spool: the unit that is ingested exactly once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub id: BatchId,
    /// Sequence number of its first event.
    pub first_event: i64,
    /// Of its last one; `first_event - 1` in an empty batch.
    pub last_event: i64,
    /// Everything this executor books from now on is booked at this time or later.
    pub covers_until: DateTime<Utc>,
    /// Of the events' bytes and the id.
    pub sha256: [u8; 32],
    /// The epoch is over: nothing follows, and I1 must hold over all its batches.
    pub closes_epoch: bool,
    pub counts: Counts,
    pub sums: Sums,
}

impl Counts {
    /// Counts one end.
    pub fn end(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Success | Outcome::FunctionError => self.ended += 1,
            Outcome::PlatformLost => self.platform_lost += 1,
        }
    }
}
