//! What this process has drawn of one cap's month.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::bill::Month;
use domain::bill::cap::Scope;
use parking_lot::Mutex;
use store::caps::{Drawn, LeaseKey, Settled};
use store::{Error, Store};
use uuid::Uuid;

/// After the database had no more, it is not asked again for so long.
const DRY_FOR: Duration = Duration::from_secs(1);

/// How often a lease without changes is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// After so long without a hold everything is given back.
const IDLE_FOR: Duration = Duration::from_secs(10);

/// What drawing gave.
pub(super) enum Filled {
    Yes,
    Dry,
    Fenced,
}

/// Amounts in 10⁻¹⁰ of the cap's currency. `free` and what holds took and `spent` together are this process's lease.
pub(super) struct Purse {
    lease: LeaseKey,
    pub(super) scope: Scope,
    free: AtomicI64,
    /// What was free when least was, since the last settlement: so much was not needed.
    unneeded: AtomicI64,
    /// Spent and not yet settled with the database.
    spent: AtomicI64,
    /// Spent without a hold, likewise.
    beyond: AtomicI64,
    holds: AtomicU32,
    /// What is kept without need, to save a draw: as much as the last settlement said.
    chunk: AtomicI64,
    dry_until: Mutex<Option<Instant>>,
    used_at: Mutex<Instant>,
    settled_at: Mutex<Instant>,
    /// One draw or settlement at a time; others wait for its answer.
    pub(super) refill: tokio::sync::Mutex<()>,
}

impl Purse {
    pub(super) fn new(lease: LeaseKey, scope: Scope) -> Self {
        Self {
            lease,
            scope,
            free: AtomicI64::new(0),
            unneeded: AtomicI64::new(0),
            spent: AtomicI64::new(0),
            beyond: AtomicI64::new(0),
            holds: AtomicU32::new(0),
            chunk: AtomicI64::new(0),
            dry_until: Mutex::new(None),
            used_at: Mutex::new(Instant::now()),
            settled_at: Mutex::new(Instant::now()),
            refill: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn key(&self) -> (Uuid, Month) {
        (self.lease.cap, self.lease.month)
    }

    pub(super) fn month(&self) -> Month {
        self.lease.month
    }

    /// Takes a hold.
    pub(super) fn take(&self, amount_e10: i64) -> bool {
        let step = |free: i64| (free >= amount_e10).then(|| free - amount_e10);
        let Ok(before) = self
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, step)
        else {
            return false;
        };
        self.needed_all_but(before - amount_e10);
        self.holds.fetch_add(1, Ordering::AcqRel);
        true
    }

    fn needed_all_but(&self, free_e10: i64) {
        // Most times it is not the least: a look is cheaper than a write that other cores wait for.
        if free_e10 < self.unneeded.load(Ordering::Relaxed) {
            self.unneeded.fetch_min(free_e10, Ordering::Relaxed);
        }
    }

    /// Ends a hold: `cost_e10` of it was spent. A cost above the hold takes from what is free, and may leave a debt.
    pub(super) fn end(&self, held_e10: i64, cost_e10: i64) {
        self.spent.fetch_add(cost_e10, Ordering::AcqRel);
        self.free.fetch_add(held_e10 - cost_e10, Ordering::AcqRel);
        self.holds.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn end_beyond(&self, cost_e10: i64) {
        self.beyond.fetch_add(cost_e10, Ordering::AcqRel);
    }

    /// The database had no more a moment ago.
    pub(super) fn is_dry(&self) -> bool {
        self.dry_until
            .lock()
            .is_some_and(|until| Instant::now() < until)
    }

    /// Nothing is in it, and nobody has used it for a while.
    pub(super) fn is_over(&self) -> bool {
        self.is_empty() && self.used_at.lock().elapsed() > IDLE_FOR
    }

    pub(super) fn is_empty(&self) -> bool {
        let empty = |amount: &AtomicI64| amount.load(Ordering::Acquire) == 0;
        self.holds.load(Ordering::Acquire) == 0
            && empty(&self.free)
            && empty(&self.spent)
            && empty(&self.beyond)
    }

    /// Draws at least `amount_e10`. The caller has the refill lock.
    pub(super) async fn draw(
        &self,
        store: &Store,
        amount_e10: i64,
        now: DateTime<Utc>,
    ) -> Result<Filled, Error> {
        // What is there counts, so that the last of a cap can be used; a debt is paid first.
        let free = self.free.load(Ordering::Acquire);
        let least = (amount_e10 - free).max(1);
        self.needed_all_but(free);
        match store.draw(self.lease, least, now).await? {
            Drawn::Got(got) => {
                self.free.fetch_add(got, Ordering::AcqRel);
                *self.used_at.lock() = Instant::now();
                Ok(Filled::Yes)
            }
            Drawn::Dry | Drawn::Gone => {
                // What is too little for a run here may be what another process lacks.
                self.chunk.store(0, Ordering::Relaxed);
                let first = self
                    .dry_until
                    .lock()
                    .replace(Instant::now() + DRY_FOR)
                    .is_none();
                if first {
                    tracing::warn!(cap.scope = %self.scope, month = %self.lease.month, "a spend cap is used up");
                }
                Ok(Filled::Dry)
            }
            Drawn::Fenced => Ok(Filled::Fenced),
        }
    }

    /// Writes down what was spent, gives back what is not needed (or `all` that no hold has), renews the lease. False: it was forfeited.
    pub(super) async fn settle(&self, store: &Store, all: bool) -> Result<bool, Error> {
        let _one_at_a_time = self.refill.lock().await;
        if self.holds.load(Ordering::Acquire) > 0 {
            *self.used_at.lock() = Instant::now();
        }
        let (spent, beyond) = (
            self.spent.swap(0, Ordering::AcqRel),
            self.beyond.swap(0, Ordering::AcqRel),
        );
        if spent > 0 || beyond > 0 {
            *self.used_at.lock() = Instant::now();
        }
        let idle = self.used_at.lock().elapsed() > IDLE_FOR;
        let back = self.take_back(all || idle);
        let due = self.settled_at.lock().elapsed() > RENEW_EVERY;
        let leased =
            self.free.load(Ordering::Acquire) != 0 || self.holds.load(Ordering::Acquire) > 0;
        if spent == 0 && beyond == 0 && back == 0 && !(due && leased) {
            return Ok(true);
        }
        match store.settle_lease(self.lease, (spent, back, beyond)).await {
            Ok(Settled::Kept { chunk_e10 }) => {
                *self.settled_at.lock() = Instant::now();
                self.chunk.store(chunk_e10, Ordering::Relaxed);
                Ok(true)
            }
            Ok(Settled::Forfeited) => Ok(false),
            Err(error) => {
                self.spent.fetch_add(spent, Ordering::AcqRel);
                self.beyond.fetch_add(beyond, Ordering::AcqRel);
                self.free.fetch_add(back, Ordering::AcqRel);
                Err(error)
            }
        }
    }

    /// Takes out what was not needed since the last time, beyond a chunk; or `all` that is free.
    fn take_back(&self, all: bool) -> i64 {
        let unneeded = self.unneeded.swap(i64::MAX, Ordering::AcqRel);
        let (most, keep) = if all {
            (i64::MAX, 0)
        } else {
            (unneeded, self.chunk.load(Ordering::Relaxed))
        };
        let mut back = 0;
        let step = |free: i64| {
            back = (free.min(most) - keep).max(0);
            Some(free - back)
        };
        let _ = self
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, step);
        back
    }
}
