//! Work at leisure: redrives at their rate, what is too old, buckets for the hours to come.

use std::collections::HashMap;
use std::time::Duration;

use chassis::{Clock, Ids, Lifecycle};
use chrono::{DateTime, Utc};
use dispatch::hints::Hints;
use domain::event::EventId;
use store::{Error, Store};
use uuid::Uuid;

const STEP: Duration = Duration::from_millis(200);
const STEPS_PER_S: u32 = 5;
/// Old rows are looked for this often, in steps.
const TIDY_STEPS: u32 = 300;
/// Buckets are made ready this often, in steps.
const RING_STEPS: u32 = 50;
/// Events of one step of a redrive at most.
const STEP_MAX: u32 = 2_000;

/// What this needs.
#[derive(Clone)]
pub(crate) struct Leisure {
    pub(crate) store: Store,
    pub(crate) hints: Hints,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
}

/// Works until the drain.
pub(crate) async fn work(leisure: Leisure, life: Lifecycle) {
    let mut ticks = tokio::time::interval(STEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut step, mut owed) = (0_u32, HashMap::new());
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = life.drain().cancelled() => return,
        }
        // Looking for redrives once a second is soon enough while there are none.
        if (!owed.is_empty() || step % STEPS_PER_S == 0)
            && let Err(error) = leisure.redrive(&mut owed).await
        {
            tracing::warn!(%error, "dead letters not redriven yet");
        }
        if step % TIDY_STEPS == 0
            && let Err(error) = leisure.tidy().await
        {
            tracing::warn!(%error, "old rows of the queue not removed yet");
        }
        if step % RING_STEPS == 0
            && let Err(error) = leisure.turn().await
        {
            tracing::warn!(%error, "the next hours' buckets are not ready yet");
        }
        step = step.wrapping_add(1);
    }
}

impl Leisure {
    /// One step of each redrive that runs. `owed`: what each may still send of its rate, in fifths of an event.
    async fn redrive(&self, owed: &mut HashMap<Uuid, u32>) -> Result<(), Error> {
        let running = self.store.running_redrives().await?;
        owed.retain(|id, _| running.iter().any(|redrive| redrive.id == *id));
        for redrive in running {
            let credit = owed.entry(redrive.id).or_default();
            *credit = credit.saturating_add(redrive.rate_per_s);
            let count = (*credit / STEPS_PER_S).min(STEP_MAX);
            if count == 0 {
                continue;
            }
            *credit -= count * STEPS_PER_S;
            let now = self.clock.now();
            let ids: Vec<EventId> = (0..count)
                .filter_map(|_| EventId::new(self.ids.ordered(now)))
                .collect();
            let events = self.store.redrive_step(redrive.id, &ids, now).await?;
            self.hints.tell(&events).await;
        }
        Ok(())
    }

    async fn tidy(&self) -> Result<(), Error> {
        while self.store.tidy_queue(self.clock.now()).await? {}
        Ok(())
    }

    /// Makes the buckets of this hour and the next one ready, so that nobody has to wait for that at the turn of the hour.
    async fn turn(&self) -> Result<(), Error> {
        let hour = hour(self.clock.now());
        for hour in [hour, hour + 1] {
            if !self.store.turn_ring(hour).await? {
                metrics::counter!("tollgate_queue_ring_full_total").increment(1);
                tracing::error!(
                    hour,
                    "the queue still holds events of 32 hours ago without an end: nothing is accepted for this hour before they have one"
                );
            }
        }
        Ok(())
    }
}

fn hour(at: DateTime<Utc>) -> i64 {
    EventId::floor(at).hour()
}
