//! Commits settlements in groups: while one batch is on its way, the next one gathers.

use std::time::Duration;

use chassis::batch::{Batcher, Options, Stopped};
use chassis::{Clock, Lifecycle};
use store::Store;
use store::events::{Author, Settlement};

/// Settlements in one transaction.
const ITEMS_MAX: usize = 256;
const BYTES_MAX: usize = 4 << 20;

/// First and longest pause after the database did not take a batch.
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// Handle to the settler. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Settler(Batcher<Settlement, bool>);

impl Settler {
    /// Starts a settler that writes as `author`.
    pub(crate) fn start(store: Store, author: Author, clock: Clock, life: &Lifecycle) -> Self {
        let options = Options {
            name: "settle events",
            items_max: ITEMS_MAX,
            bytes_max: BYTES_MAX,
            // Of two at once the second would wait for the first one's rows in usage_hour.
            in_flight: 1,
            waiting_max: 4_096,
        };
        metrics::describe_counter!(
            "tollgate_stale_outcomes_total",
            "Attempts of events that ended when another outcome of them was there: not charged"
        );
        let write = move |batch: Vec<Settlement>| {
            let (store, clock) = (store.clone(), clock.clone());
            async move { commit(&store, author, &batch, &clock).await }
        };
        Self(Batcher::start(options, life, write))
    }

    /// Waits until the settlement is committed; false where another outcome was there before.
    pub(crate) async fn settle(&self, settlement: Settlement) -> Result<bool, Stopped> {
        let bytes = size(&settlement);
        self.0.submit(settlement, bytes).await
    }
}

fn size(settlement: &Settlement) -> usize {
    let ran = settlement.ran.as_ref().map_or(0, |ran| ran.response.len());
    let delivered: usize = settlement
        .deliveries
        .iter()
        .map(|one| one.event.payload.len())
        .sum();
    let dead = settlement
        .dead_letter
        .as_ref()
        .map_or(0, |dead| dead.payload.len());
    ran + delivered + dead + 512
}

/// Tries until the database takes it. Functions go on meanwhile; the owners' limits on what is in flight bound what waits here.
async fn commit(store: &Store, author: Author, batch: &[Settlement], clock: &Clock) -> Vec<bool> {
    let mut pause = BACKOFF_FIRST;
    loop {
        match store.settle(Some(author), batch, clock.now()).await {
            Ok(won) => {
                let stale = won.iter().filter(|won| !**won).count();
                if stale > 0 {
                    metrics::counter!("tollgate_stale_outcomes_total").increment(stale as u64);
                }
                return won;
            }
            Err(error) => {
                tracing::warn!(%error, events = batch.len(), retry_ms = pause.as_millis(), "ends of events not taken by the database yet");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BACKOFF_MAX);
            }
        }
    }
}
