//! Accepting an asynchronous invocation: 202 for a committed row, and for nothing else.
//!
//! Events of all callers are committed together ([`chassis::batch`]). A caller's own idempotency key (a header of Tollgate's) makes
//! an event's commit one of its own, because the key belongs to it.

use std::time::Duration;

use bytes::Bytes;
use chassis::batch::{Batcher, Options};
use chassis::{Clock, Ids, Lifecycle};
use chrono::{DateTime, Utc};
use dispatch::hints::Hints;
use domain::AccountId;
use domain::event::{EventId, Source};
use sha2::{Digest as _, Sha256};
use store::Store;
use store::events::{Accepted, NewEvent};
use wire::Fault;

use crate::lambda::faults;

/// Header with a key under which an event is accepted once: ours, no AWS client sends it.
pub(crate) const IDEMPOTENCY_HEADER: &str = "x-tollgate-idempotency-key";

/// Longest such key, in characters.
const KEY_MAX: usize = 256;

/// The database is waited for so long: an event that commits later has an answer that does not promise it.
const PATIENCE: Duration = Duration::from_secs(5);

/// An event before it has an id.
pub(crate) struct Event {
    pub(crate) lane: i64,
    pub(crate) account: AccountId,
    pub(crate) qualifier: String,
    pub(crate) trace: String,
    pub(crate) payload: Bytes,
}

/// Why an event was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// The ring of hours holds events without an end where this one would go.
    Full,
    /// The database did not take it, or did not say whether it did.
    Away,
}

/// Takes events in. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    batcher: Batcher<Event, Result<EventId, Refused>>,
    store: Store,
    hints: Hints,
    clock: Clock,
    ids: Ids,
    life: Lifecycle,
}

impl Intake {
    pub fn start(store: Store, hints: Hints, clock: Clock, ids: Ids, life: &Lifecycle) -> Self {
        metrics::describe_counter!(
            "tollgate_async_accepted_total",
            "Asynchronous invocations accepted (AWS: AsyncEventsReceived)"
        );
        let options = Options {
            name: "accept events",
            items_max: 256,
            bytes_max: 512 * 1024,
            in_flight: 2,
            waiting_max: 1_024,
        };
        let writer = Writer {
            store: store.clone(),
            hints: hints.clone(),
            clock: clock.clone(),
            ids,
            life: life.clone(),
        };
        let batcher = Batcher::start(options, life, move |batch| writer.clone().write(batch));
        Self {
            batcher,
            store,
            hints,
            clock,
            ids,
            life: life.clone(),
        }
    }

    /// What tells the owners of lanes.
    pub(crate) fn hints(&self) -> &Hints {
        &self.hints
    }

    /// Commits an event; answers its id, which is the request id of all its attempts.
    pub(crate) async fn accept(&self, event: Event) -> Result<EventId, Fault> {
        let bytes = event.payload.len() + 256;
        match self.batcher.submit(event, bytes).await {
            Ok(Ok(id)) => Ok(id),
            Ok(Err(Refused::Full)) => Err(faults::queue_full()),
            Ok(Err(Refused::Away)) | Err(_) => Err(faults::queue_away()),
        }
    }

    /// Commits an event under a caller's key, once.
    pub(crate) async fn accept_once(&self, event: Event, key: &str) -> Result<EventId, Fault> {
        if key.is_empty() || key.chars().count() > KEY_MAX {
            return Err(faults::bad_idempotency_key(KEY_MAX));
        }
        let now = self.clock.now();
        let hash: [u8; 32] = Sha256::new_with_prefix(event.qualifier.as_bytes())
            .chain_update([0])
            .chain_update(&event.payload)
            .finalize()
            .into();
        let Some(event) = named(event, self.ids, now) else {
            return Err(Fault::internal());
        };
        let accepted = self.store.accept_once(&event, key, &hash, now);
        match tokio::time::timeout(PATIENCE, accepted).await {
            Ok(Ok(Accepted::New)) => {
                let (id, hints) = (event.id, self.hints.clone());
                metrics::counter!("tollgate_async_accepted_total").increment(1);
                self.life.spawn("hint at event", async move {
                    hints.tell(&[event]).await;
                });
                Ok(id)
            }
            Ok(Ok(Accepted::Known(id))) => Ok(id),
            Ok(Ok(Accepted::OtherBody)) => Err(faults::idempotency_key_used(key)),
            Ok(Ok(Accepted::Full)) => Err(faults::queue_full()),
            Ok(Err(error)) => {
                tracing::error!(%error, "an event was not accepted");
                Err(faults::queue_away())
            }
            Err(_) => Err(faults::queue_away()),
        }
    }
}

fn named(event: Event, ids: Ids, now: DateTime<Utc>) -> Option<NewEvent> {
    Some(NewEvent {
        id: EventId::new(ids.ordered(now))?,
        lane: event.lane,
        account: event.account,
        qualifier: event.qualifier,
        source: Source::Caller,
        trace: event.trace,
        age_max_s: None,
        attempts_max: None,
        payload: event.payload.into(),
    })
}

#[derive(Clone)]
struct Writer {
    store: Store,
    hints: Hints,
    clock: Clock,
    ids: Ids,
    life: Lifecycle,
}

impl Writer {
    async fn write(self, batch: Vec<Event>) -> Vec<Result<EventId, Refused>> {
        let (count, now) = (batch.len(), self.clock.now());
        // Named only now: an id tells the sweep when to look for it, so it must not be old when it commits.
        let events: Vec<NewEvent> = batch
            .into_iter()
            .filter_map(|event| named(event, self.ids, now))
            .collect();
        let accepted = self.store.accept(&events);
        match tokio::time::timeout(PATIENCE, accepted).await {
            Ok(Ok(true)) => {
                let ids = events.iter().map(|event| Ok(event.id)).collect();
                metrics::counter!("tollgate_async_accepted_total").increment(count as u64);
                let hints = self.hints;
                self.life.spawn("hint at events", async move {
                    hints.tell(&events).await;
                });
                ids
            }
            Ok(Ok(false)) => vec![Err(Refused::Full); count],
            Ok(Err(error)) => {
                tracing::error!(%error, events = count, "events were not accepted");
                vec![Err(Refused::Away); count]
            }
            Err(_) => vec![Err(Refused::Away); count],
        }
    }
}
