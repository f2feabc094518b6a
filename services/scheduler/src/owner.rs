//! The loop of a replica: shards come and go, schedules change, times come.

use std::time::{Duration, Instant};

use chassis::{Clock, Ids, Lifecycle};
use chrono::{DateTime, TimeDelta, Utc};
use dispatch::cancel::Canceller;
use dispatch::hints::Hints;
use dispatch::leases::Held;
use domain::event::EventId;
use domain::schedule::{FireResult, Occasion};
use domain::trace::TraceHeader;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use store::Store;
use store::fires::{Change, Due, Fired, Planned, Released};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::measures::Measures;
use crate::plan::{Completed, Plan, Taken};
use crate::untold::{Tell, Untold};

/// How often is looked for changes, for fires that wait, and the cursor moved.
const PERIOD: Duration = Duration::from_secs(1);

/// Schedules of one transaction.
const BATCH: usize = 1_000;
/// Inputs of one transaction, in bytes.
const BATCH_BYTES: usize = 4 << 20;
/// Transactions at once.
const AT_ONCE: usize = 3;

/// Hints of one call.
const HINTS: usize = 500;

/// When a crowd lasts longer, the next times of those that were fired are worked out in between.
const ADVANCE_WITHIN: Duration = Duration::from_secs(5);

/// Next times that are worked out without a pause for others.
const ADVANCES: usize = 1_000;

/// How far a new owner goes back behind the cursor: for schedules that were made just before it was moved, by a gateway whose clock
/// may differ, and that the owner before had not seen.
const MARGIN: TimeDelta = TimeDelta::seconds(10);

/// Longer than this the database is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Rounds between two looks for what is to go.
const TIDY_ROUNDS: u32 = 10;

/// What the loop works with.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) store: Store,
    pub(crate) hints: Hints,
    pub(crate) canceller: Canceller,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
}

struct Owner {
    setup: Setup,
    measures: Measures,
    life: Lifecycle,
    held: watch::Receiver<Held>,
    plan: Plan,
    /// Shards whose schedules are in the plan.
    shards: Vec<i16>,
    /// Changes are looked for from here.
    since: Option<Change>,
    /// The platform's time before the last look for changes.
    looked_at: DateTime<Utc>,
    last_look: Instant,
    rounds: u32,
    /// The database did not take the last fires: not before the next round.
    failed: bool,
    /// Were fired, and their next times are not worked out yet: that is for when the crowd is over, for it takes processors.
    to_advance: Vec<Taken>,
    untold: Untold,
}

/// Runs until the drain.
pub(crate) async fn run(setup: Setup, held: watch::Receiver<Held>, life: Lifecycle) {
    let mut owner = Owner {
        looked_at: setup.clock.now(),
        setup,
        measures: Measures::new(),
        life,
        held,
        plan: Plan::default(),
        shards: Vec::new(),
        since: None,
        last_look: Instant::now(),
        rounds: 0,
        failed: false,
        to_advance: Vec::new(),
        untold: Untold::default(),
    };
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let drain = owner.life.drain().clone();
    loop {
        let next = owner.plan.next_due().filter(|_| !owner.failed);
        let clock = owner.setup.clock.clone();
        let due = async {
            match next {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = drain.cancelled() => break,
            _ = ticks.tick() => owner.look().await,
            changed = owner.held.changed() => {
                if changed.is_err() {
                    break;
                }
                owner.follow_leases().await;
            }
            () = due => {}
        }
        owner.fire_due().await;
    }
    // Whoever comes next has less to look at again.
    owner.move_cursor().await;
}

impl Owner {
    /// Drops shards that are lost, and reads those that are new.
    async fn follow_leases(&mut self) {
        let wanted: Vec<i16> = self
            .held
            .borrow_and_update()
            .shards
            .iter()
            .map(|one| one.shard)
            .collect();
        if self.shards.iter().any(|shard| !wanted.contains(shard)) {
            self.shards.retain(|shard| wanted.contains(shard));
            self.plan.keep_shards(&self.shards);
        }
        for shard in wanted {
            if self.shards.contains(&shard) {
                continue;
            }
            match self.read(shard).await {
                Ok(()) => self.shards.push(shard),
                Err(error) => {
                    tracing::warn!(%error, shard, "schedules not read: tried again in a second");
                    return;
                }
            }
        }
        self.measure();
    }

    async fn read(&mut self, shard: i16) -> Result<(), store::Error> {
        let store = self.setup.store.clone();
        if self.since.is_none() {
            self.since = Some(store.schedules_now().await?);
        }
        let cursor = store.fire_cursors(&[shard]).await?.pop();
        let since = cursor.map(|(_, through)| through - MARGIN);
        let planned = store.planned(shard).await?;
        self.put(&planned, since).await
    }

    async fn put(
        &mut self,
        planned: &[Planned],
        since: Option<DateTime<Utc>>,
    ) -> Result<(), store::Error> {
        for one in planned {
            if let Some(completed) = self.plan.put(one, since) {
                self.complete(completed).await?;
            }
        }
        Ok(())
    }

    async fn complete(&self, (id, generation): Completed) -> Result<(), store::Error> {
        let store = &self.setup.store;
        if store.delete_completed_schedule(id, generation).await? {
            tracing::debug!(schedule.id = %id, "schedule completed and deleted");
        }
        Ok(())
    }

    /// Once a second.
    async fn look(&mut self) {
        self.failed = false;
        self.rounds = self.rounds.wrapping_add(1);
        self.last_look = Instant::now();
        // Shards that could not be read are tried again.
        self.follow_leases().await;
        if !self.held.borrow().sure() {
            return;
        }
        if let Err(error) = self.follow_changes().await {
            tracing::warn!(%error, "changes of schedules not read: tried again in a second");
            return;
        }
        self.move_cursor().await;
        if let Err(error) = self.release().await {
            tracing::warn!(%error, "fires that wait could not be looked at");
        }
        if self.rounds.is_multiple_of(TIDY_ROUNDS) && self.shards.contains(&0) {
            self.tidy();
        }
    }

    async fn follow_changes(&mut self) -> Result<(), store::Error> {
        let store = self.setup.store.clone();
        let looked_at = self.setup.clock.now();
        let next = store.schedules_now().await?;
        if let Some(since) = &self.since {
            let changed = store.changed_schedules(&self.shards, since).await?;
            self.put(&changed, None).await?;
            self.measure();
        }
        self.since = Some(next);
        self.looked_at = looked_at;
        Ok(())
    }

    fn measure(&self) {
        // Far below 2^52.
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        self.measures.schedules.set(self.plan.len() as f64);
    }

    /// Everything before what is due next was fired, as far as schedules are known.
    async fn move_cursor(&mut self) {
        // A next time that is not worked out may lie before what is due next.
        if self.shards.is_empty() || !self.held.borrow().sure() || !self.to_advance.is_empty() {
            return;
        }
        let through = match self.plan.next_due() {
            Some(due) => due.min(self.looked_at),
            None => self.looked_at,
        };
        let moved = self.setup.store.move_fire_cursors(&self.shards, through);
        match tokio::time::timeout(PATIENCE, moved).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the schedules' cursor was not moved"),
            Err(_) => tracing::warn!("the schedules' cursor was not moved in time"),
        }
    }

    fn tidy(&self) {
        let (store, now) = (self.setup.store.clone(), self.setup.clock.now());
        let drain = self.life.drain().clone();
        self.life.spawn("tidy schedules", async move {
            let work = async {
                while store.delete_groups().await? {}
                while store.tidy_schedules(now).await? {}
                Ok::<(), store::Error>(())
            };
            tokio::select! {
                done = work => if let Err(error) = done {
                    tracing::warn!(%error, "schedules not tidied");
                },
                () = drain.cancelled() => {}
            }
        });
    }

    /// Fires all that is due by now, and tells the queue.
    async fn fire_due(&mut self) {
        self.fire_crowd().await;
        let rest = self.untold.rest();
        self.tell(rest);
    }

    /// Keeps some transactions under way until nothing is due.
    async fn fire_crowd(&mut self) {
        let mut flying = FuturesUnordered::new();
        let mut advanced_at = Instant::now();
        loop {
            let goes =
                !self.failed && !self.life.drain().is_cancelled() && self.held.borrow().sure();
            // Shards of a replica that is gone are as late as those that are in hand.
            let leases = self.held.has_changed().unwrap_or(false);
            let looks = leases || self.last_look.elapsed() > PERIOD;
            if goes && looks && flying.is_empty() {
                // The cursor must not pass what is under way.
                if leases {
                    self.follow_leases().await;
                } else {
                    self.look().await;
                }
                continue;
            }
            while goes && !looks && flying.len() < AT_ONCE {
                let now = self.setup.clock.now();
                let batch = self.plan.take(now, BATCH, BATCH_BYTES);
                if batch.is_empty() {
                    break;
                }
                flying.push(shoot(self.setup.clone(), batch, now));
            }
            let Some((batch, fired)) = flying.next().await else {
                break;
            };
            if let Some(fired) = fired {
                self.fired(&batch, fired, flying.is_empty());
            } else {
                self.failed = true;
                for taken in &batch {
                    self.plan.put_back(taken);
                }
            }
            if advanced_at.elapsed() > ADVANCE_WITHIN {
                self.advance().await;
                advanced_at = Instant::now();
            }
        }
        self.advance().await;
    }

    /// Works out when those that were fired are due next.
    async fn advance(&mut self) {
        for some in std::mem::take(&mut self.to_advance).chunks(ADVANCES) {
            for taken in some {
                if let Some(completed) = self.plan.advance(taken)
                    && let Err(error) = self.complete(completed).await
                {
                    // It stays, and is deleted when its shard is read the next time.
                    tracing::warn!(%error, "a completed schedule was not deleted");
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// A batch is committed; `last`: no other is under way.
    fn fired(&mut self, batch: &[Taken], fired: Fired, last: bool) {
        let now = self.setup.clock.now();
        for taken in batch {
            if fired.stale.contains(&taken.id) {
                self.plan.forget(taken.id, taken.generation);
                continue;
            }
            if taken.fire_at.is_some() {
                self.measures.late(now - taken.due_at);
            }
            self.to_advance.push(*taken);
        }
        self.measures.known.increment(fired.known as u64);
        self.measures.ended(FireResult::Fired, fired.events.len());
        for result in fired.others {
            self.measures.ended(result, 1);
        }
        for (account, region, event) in fired.replaced {
            let canceller = self.setup.canceller.clone();
            self.life.spawn("cancel the run before", async move {
                if let Err(error) = canceller.event(account, &region, event).await {
                    tracing::warn!(%error, "the run before was not cancelled");
                }
            });
        }
        // Shards of a replica that is gone, not read yet: what is due of them is of this crowd.
        let leases = self.held.has_changed().unwrap_or(false);
        let over = last && !leases && self.plan.next_due().is_none_or(|due| due > now);
        let tell = self.untold.add(fired.events, over, Instant::now());
        self.tell(tell);
    }

    fn tell(&self, tell: Tell) {
        let hints = self.setup.hints.clone();
        match tell {
            Tell::Events(events) if !events.is_empty() => {
                self.life.spawn("hint at fires", async move {
                    hints.tell(&events).await;
                });
            }
            Tell::Ids(ids) => self.life.spawn("hint at a crowd of fires", async move {
                for some in ids.chunks(HINTS) {
                    hints.tell_ids(some).await;
                }
            }),
            Tell::Nothing | Tell::Events(_) => {}
        }
    }

    /// Fires what waits for an end that has come.
    async fn release(&mut self) -> Result<(), store::Error> {
        let waiting = self.setup.store.waiting_fires(&self.shards).await?;
        for one in waiting {
            let now = self.setup.clock.now();
            let Some((event, trace)) = name(self.setup.ids, now) else {
                return Ok(());
            };
            let released = self.setup.store.release_fire(&one, event, trace, now);
            if let Released::Fired(event) = released.await? {
                self.measures.ended(FireResult::Fired, 1);
                self.tell(Tell::Events(vec![*event]));
            }
        }
        Ok(())
    }
}

/// One transaction. Without an answer it was not committed, or nobody knows.
async fn shoot(setup: Setup, batch: Vec<Taken>, now: DateTime<Utc>) -> (Vec<Taken>, Option<Fired>) {
    let due: Option<Vec<Due>> = batch
        .iter()
        .flat_map(|taken| {
            let missed = taken.missed_at.map(|at| (at, FireResult::Missed));
            let fires = taken.fire_at.map(|at| (at, FireResult::Fired));
            let both = [missed, fires].into_iter().flatten();
            both.map(|(at, result)| due(setup.ids, taken, at, result, now))
        })
        .collect();
    let fired = match due {
        Some(due) => commit(&setup.store, &due, now).await,
        None => None,
    };
    (batch, fired)
}

async fn commit(store: &Store, due: &[Due], now: DateTime<Utc>) -> Option<Fired> {
    match tokio::time::timeout(PATIENCE, store.fire(due, now)).await {
        Ok(Ok(Some(fired))) => Some(fired),
        Ok(Ok(None)) => {
            tracing::warn!("the queue's ring is full: fires wait");
            None
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, fires = due.len(), "fires were not committed: tried again in a second");
            None
        }
        Err(_) => {
            tracing::warn!("fires were not committed in time: tried again in a second");
            None
        }
    }
}

fn due(
    ids: Ids,
    taken: &Taken,
    scheduled_at: DateTime<Utc>,
    result: FireResult,
    now: DateTime<Utc>,
) -> Option<Due> {
    let (event, trace) = name(ids, now)?;
    Some(Due {
        schedule: taken.id,
        generation: Some(taken.generation),
        scheduled_at,
        occasion: Occasion::Time,
        result,
        event,
        trace,
    })
}

/// An event's id, and the trace that begins with it.
fn name(ids: Ids, now: DateTime<Utc>) -> Option<(EventId, String)> {
    let seconds = u32::try_from(now.timestamp()).unwrap_or(u32::MAX);
    let trace = TraceHeader::new(seconds, ids.bytes(), ids.bytes(), false);
    Some((EventId::new(ids.ordered(now))?, trace.to_string()))
}
