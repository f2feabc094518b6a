//! Hard caps: a run takes a hold of what it can cost at most, before it starts.
//!
//! What a cap may still spend lies in Postgres (`store::caps`). This process *draws* a chunk of it into a [`Purse`] and spends
//! that in memory: a hold on the warm path is a compare-and-swap. When the run has ended, its actual cost stays out and the rest
//! goes back into the purse; once a second purses are settled with the database. What this process has drawn and did not settle
//! when it dies counts as spent. So what runs can cost never exceeds the limit, whoever dies when; what it costs is that a little
//! of the limit is unusable.
//!
//! How much that is, is bounded. A purse is drawn from the database only where a hold finds too little in it, and then by what
//! the hold lacks or by a chunk, whichever is more. Every second it gives back what nobody needed in that second, but for a
//! chunk. So what a process has of a cap, in holds and in the purse, is at most what its runs held at once within the last two
//! seconds, and a chunk; and a chunk is at most a 1,024th of the limit and a 16th of what is left of it. Hence:
//!
//! - A process that dies takes no more with it than what its runs could have cost at most that were on at once, and a 1,024th of
//!   the limit.
//! - While none dies, one lacks at most a chunk for each other process, and for seconds only: a settlement says what a chunk is
//!   now (a purse is settled every second, one without changes every five), and near the end of the limit it is nothing. What is
//!   never used is about one hold.
//!
//! A run that may end in the next month is held there too, and is counted where it may have ended.

mod hold;
mod purse;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chassis::{Clock, Ids};
use chrono::{DateTime, Utc};
use dashmap::DashMap;
use domain::bill::Month;
use domain::bill::cap::{Action, Scope};
use domain::price::{Book, Cost};
use domain::{AccountId, FunctionName, FunctionSpec, Region};
use parking_lot::RwLock;
use store::billing_terms::Books;
use store::caps::{Cap, LeaseKey};
use store::{Error, Store};
use uuid::Uuid;

use crate::admission::Admission;

pub use hold::Hold;
use purse::Purse;

/// A run that is longer than this away from a month's end is in that month.
const BORDER: chrono::TimeDelta = chrono::TimeDelta::seconds(10);

/// Renewals between two looks for holders that are gone.
const FORFEIT_ROUNDS: u32 = 10;

/// The caps that a function is under, with the prices that its runs have. Nothing for most.
#[derive(Debug, Clone, Default)]
pub struct Capped {
    caps: Arc<[Cap]>,
    book: Arc<Book>,
}

impl Capped {
    pub fn is_free(&self) -> bool {
        self.caps.is_empty()
    }
}

/// A run that a cap does not let start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub scope: Scope,
}

/// Purses of this process. Cheap to clone.
#[derive(Clone)]
pub struct Caps(Arc<Inner>);

struct Inner {
    store: Store,
    admission: Admission,
    clock: Clock,
    ids: Ids,
    /// Under which leases are taken; another one after a lease was forfeited.
    holder: RwLock<Uuid>,
    books: Books,
    purses: DashMap<(Uuid, Month), Arc<Purse>>,
    away: AtomicBool,
}

impl Caps {
    pub fn new(store: Store, admission: Admission, clock: Clock, ids: Ids) -> Self {
        Self(Arc::new(Inner {
            store,
            admission,
            clock,
            ids,
            holder: RwLock::new(ids.random()),
            books: Books::default(),
            purses: DashMap::new(),
            away: AtomicBool::new(false),
        }))
    }

    /// What a function is under, from the database.
    pub async fn of(
        &self,
        account: AccountId,
        region: &Region,
        name: &FunctionName,
    ) -> Result<Capped, Error> {
        let store = &self.0.store;
        let caps = store.caps_of_function(account, region, name).await?;
        if caps.is_empty() {
            return Ok(Capped::default());
        }
        let (_, book) = store.account_book(account, &self.0.books).await?;
        Ok(Capped {
            caps: caps.into(),
            book,
        })
    }

    /// Takes a hold for one run; `requests`: how many its event counts for. A function under no cap costs nothing here.
    pub async fn hold(
        &self,
        capped: &Capped,
        spec: &FunctionSpec,
        requests: i128,
    ) -> Result<Hold, Refused> {
        if capped.is_free() {
            return Ok(Hold::free());
        }
        Box::pin(self.take(capped, spec, requests)).await
    }

    async fn take(
        &self,
        capped: &Capped,
        spec: &FunctionSpec,
        requests: i128,
    ) -> Result<Hold, Refused> {
        let now = self.0.clock.now();
        let Some(most) = domain::bill::cap::ceiling(&capped.book, spec, now, requests) else {
            return Ok(Hold::free());
        };
        let mut hold = Hold::of(most.amount_e10, self.0.clock.clone());
        for cap in capped
            .caps
            .iter()
            .filter(|cap| cap.currency == most.currency)
        {
            for month in months(now, spec) {
                self.take_of(cap, month, most, &mut hold).await?;
            }
        }
        Ok(hold)
    }

    async fn take_of(
        &self,
        cap: &Cap,
        month: Month,
        most: Cost,
        hold: &mut Hold,
    ) -> Result<(), Refused> {
        let purse = self.purse(cap, month);
        if self.fill(&purse, most.amount_e10).await {
            hold.add(purse);
            return Ok(());
        }
        match cap.action {
            Action::Stop => Err(Refused {
                scope: cap.scope.clone(),
            }),
            Action::Alert => {
                hold.add_beyond(purse, None);
                Ok(())
            }
            Action::Throttle(runs) => {
                let pool = self
                    .0
                    .admission
                    .pool(&format!("cap:{}", cap.id), runs.into());
                let permit = self.0.admission.admit(&pool).await;
                let permit = permit.ok_or_else(|| Refused {
                    scope: cap.scope.clone(),
                })?;
                hold.add_beyond(purse, Some(permit));
                Ok(())
            }
        }
    }

    fn purse(&self, cap: &Cap, month: Month) -> Arc<Purse> {
        let made = || {
            let key = LeaseKey {
                cap: cap.id,
                month,
                holder: *self.0.holder.read(),
            };
            Arc::new(Purse::new(key, cap.scope.clone()))
        };
        Arc::clone(&self.0.purses.entry((cap.id, month)).or_insert_with(made))
    }

    /// Takes from the purse, drawing more where it has too little. False: there is no more.
    async fn fill(&self, purse: &Arc<Purse>, amount_e10: i64) -> bool {
        if purse.take(amount_e10) {
            return true;
        }
        let _one_at_a_time = purse.refill.lock().await;
        if purse.take(amount_e10) {
            return true;
        }
        if purse.is_dry() {
            return false;
        }
        match purse
            .draw(&self.0.store, amount_e10, self.0.clock.now())
            .await
        {
            Ok(purse::Filled::Yes) => {
                self.0.away.store(false, Ordering::Relaxed);
                purse.take(amount_e10)
            }
            Ok(purse::Filled::Dry) => false,
            Ok(purse::Filled::Fenced) => {
                self.start_anew();
                false
            }
            // Without the database nobody knows what may still be spent: a cap that stops, stops.
            Err(error) => {
                if !self.0.away.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "spend caps cannot be drawn from: what is under one and has nothing left in memory is refused");
                }
                false
            }
        }
    }

    /// Everything that was drawn is forfeited: another holder begins with empty purses.
    fn start_anew(&self) {
        tracing::warn!(
            "leases on spend caps were forfeited: this process was not heard of for too long"
        );
        *self.0.holder.write() = self.0.ids.random();
        self.0.purses.clear();
    }

    /// Settles what was spent and gives back what is not needed. Call once a second; costs nothing where there are no caps.
    pub async fn renew(&self, round: u32) {
        let purses: Vec<Arc<Purse>> = self
            .0
            .purses
            .iter()
            .map(|purse| Arc::clone(&purse))
            .collect();
        let any = !purses.is_empty();
        for purse in purses {
            match purse.settle(&self.0.store, false).await {
                Ok(true) => {}
                Ok(false) => self.start_anew(),
                Err(error) => {
                    tracing::warn!(%error, "spend on a cap not settled: tried again in a second");
                }
            }
            if purse.is_over() {
                self.0.purses.remove_if(&purse.key(), |_, kept| {
                    Arc::ptr_eq(kept, &purse) && Arc::strong_count(kept) <= 2
                });
            }
        }
        if any && round.is_multiple_of(FORFEIT_ROUNDS) {
            let forfeited = self
                .0
                .store
                .forfeit_leases(store::caps::FORFEIT_AFTER_MS)
                .await;
            match forfeited {
                Ok(0) => {}
                Ok(leases) => tracing::warn!(
                    leases,
                    "leases on spend caps of processes that are gone count as spent"
                ),
                Err(error) => tracing::warn!(%error, "leases on spend caps not looked at"),
            }
        }
    }

    /// Nothing is drawn, spent or held by this process.
    pub fn is_empty(&self) -> bool {
        self.0.purses.iter().all(|purse| purse.is_empty())
    }

    /// Settles everything and gives all of it back: at the end of a process.
    pub async fn leave(&self) {
        let purses: Vec<Arc<Purse>> = self
            .0
            .purses
            .iter()
            .map(|purse| Arc::clone(&purse))
            .collect();
        for purse in purses {
            if let Err(error) = purse.settle(&self.0.store, true).await {
                tracing::warn!(%error, "spend on a cap not settled: what was drawn will count as spent");
            }
        }
    }
}

/// The months in which a run that starts now may end.
fn months(now: DateTime<Utc>, spec: &FunctionSpec) -> impl Iterator<Item = Month> {
    let most = i64::from(spec.timeout_s + domain::bill::cap::INIT_S_MAX);
    let first = Month::of(now - BORDER);
    let last = Month::of(now + chrono::TimeDelta::seconds(most) + BORDER);
    [Some(first), (last != first).then_some(last)]
        .into_iter()
        .flatten()
}
