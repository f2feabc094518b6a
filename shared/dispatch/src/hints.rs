//! Hints: what wakes the owner of a shard when an event was accepted.
//!
//! One Redis stream per shard. A hint says that a committed event is there, and brings it along where it is small. Hints are not
//! facts: one that is lost is made up for by the owner's sweep, one that comes twice is recognised, and a stream that grows
//! because nobody reads is no longer written to: a mark says that there is more in the database. So Redis holds little however
//! long the queue is, and may be wiped at any moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::event::{EventId, SHARDS, shard};
use redis::aio::ConnectionManager;
use redis::streams::StreamId;
use store::events::{NewEvent, QueuedEvent};
use uuid::Uuid;

/// Of a crowd of fires the queue is told when all of it is fired, but not later than this after the first one: a hundred thousand are
/// fired by then. Until then its sweep leaves events of schedules out.
pub const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// Hints that wait in a stream before the mark takes their place.
const WAITING_MAX: u64 = 2_000;

/// Payloads up to this come along with the hint, in bytes.
const PAYLOAD_BYTES_MAX: usize = 1_024;

const SHARD_COUNT: usize = 32;
const _: () = assert!(SHARDS == 32);

/// A hint as the owner reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// The event itself.
    Event(QueuedEvent),
    /// Where the event is.
    Id { id: EventId, lane: i64 },
    /// All events of the lane were cancelled.
    Purged { lane: i64 },
}

/// The stream of a shard.
pub fn stream(shard: i16) -> String {
    format!("tollgate:q:{{{shard:02}}}")
}

/// The mark that says that a shard has events without a hint.
pub fn mark(shard: i16) -> String {
    format!("tollgate:q:{{{shard:02}}}:more")
}

/// Writes hints. Cheap to clone.
#[derive(Clone)]
pub struct Hints {
    redis: ConnectionManager,
    /// Shards whose stream is long enough.
    full: Arc<[AtomicBool; SHARD_COUNT]>,
}

impl Hints {
    pub fn new(redis: ConnectionManager) -> Self {
        Self {
            redis,
            full: Arc::new(std::array::from_fn(|_| AtomicBool::new(false))),
        }
    }

    /// Tells the owners of accepted events. Nothing depends on it: a failure is logged and forgotten.
    pub async fn tell(&self, events: &[NewEvent]) {
        let hints = events
            .iter()
            .map(|event| (shard(event.lane), fields(event)));
        self.send(hints.collect()).await;
    }

    /// Tells the owners of events that somebody else accepted.
    pub async fn tell_ids(&self, events: &[(i64, Uuid)]) {
        let hints = events.iter().map(|(lane, id)| {
            (
                shard(*lane),
                vec![number("l", *lane), bytes("i", id.as_bytes())],
            )
        });
        self.send(hints.collect()).await;
    }

    /// Tells the owner of a lane that all its events were cancelled.
    pub async fn tell_purged(&self, lane: i64) {
        self.send(vec![(shard(lane), vec![number("x", lane)])])
            .await;
    }

    async fn send(&self, hints: Vec<(i16, Fields)>) {
        let mut pipe = redis::pipe();
        let mut shards: Vec<i16> = hints.iter().map(|(shard, _)| *shard).collect();
        shards.sort_unstable();
        shards.dedup();
        for (shard, fields) in hints {
            if !self.is_full(shard) {
                pipe.xadd(stream(shard), "*", &fields).ignore();
            }
        }
        for shard in &shards {
            if self.is_full(*shard) {
                // Expires, so that a shard without an owner leaves nothing behind for ever.
                pipe.set_ex(mark(*shard), 1, 86_400).ignore();
            }
            pipe.xlen(stream(*shard));
        }
        let mut redis = self.redis.clone();
        match pipe.query_async::<Vec<u64>>(&mut redis).await {
            Ok(lengths) => {
                for (shard, length) in shards.iter().zip(lengths) {
                    self.full(*shard)
                        .store(length > WAITING_MAX, Ordering::Relaxed);
                }
            }
            Err(error) => {
                metrics::counter!("tollgate_queue_hints_lost_total").increment(1);
                tracing::debug!(%error, "hints not written: the sweep finds the events");
            }
        }
    }

    fn full(&self, shard: i16) -> &AtomicBool {
        &self.full[usize::try_from(shard).unwrap_or(0) % SHARD_COUNT]
    }

    fn is_full(&self, shard: i16) -> bool {
        self.full(shard).load(Ordering::Relaxed)
    }
}

type Fields = Vec<(&'static str, Vec<u8>)>;

fn bytes(name: &'static str, value: &[u8]) -> (&'static str, Vec<u8>) {
    (name, value.to_vec())
}

fn number(name: &'static str, value: i64) -> (&'static str, Vec<u8>) {
    (name, value.to_string().into_bytes())
}

fn fields(event: &NewEvent) -> Fields {
    let mut fields = vec![
        number("l", event.lane),
        bytes("i", event.id.uuid().as_bytes()),
    ];
    let plain = event.age_max_s.is_none() && event.attempts_max.is_none();
    if plain && event.payload.len() <= PAYLOAD_BYTES_MAX {
        fields.push(bytes("q", event.qualifier.as_bytes()));
        fields.push(number("s", i64::from(event.source.number())));
        fields.push(bytes("t", event.trace.as_bytes()));
        fields.push(bytes("p", &event.payload));
    }
    fields
}

/// Reads an entry of a stream; `None` where it is none of ours.
pub fn read(entry: &StreamId) -> Option<Hint> {
    if let Some(lane) = entry.get::<i64>("x") {
        return Some(Hint::Purged { lane });
    }
    let lane = entry.get::<i64>("l")?;
    let id = Uuid::from_slice(&entry.get::<Vec<u8>>("i")?).ok()?;
    let id = EventId::new(id)?;
    let Some(payload) = entry.get::<Vec<u8>>("p") else {
        return Some(Hint::Id { id, lane });
    };
    Some(Hint::Event(QueuedEvent {
        id,
        lane,
        qualifier: entry.get("q")?,
        source: entry.get("s")?,
        trace: entry.get("t")?,
        age_max_s: None,
        attempts_max: None,
        payload: Some(payload),
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::SystemTime;

    use domain::AccountId;
    use domain::event::Source;
    use redis::Value;

    use super::*;

    fn event() -> NewEvent {
        NewEvent {
            id: EventId::floor(SystemTime::UNIX_EPOCH.into()),
            lane: 35,
            account: AccountId::new(42).unwrap(),
            qualifier: "live".to_owned(),
            source: Source::Destination,
            trace: "Root=1".to_owned(),
            age_max_s: None,
            attempts_max: None,
            payload: vec![0, 255, b'{'],
        }
    }

    /// An entry with these fields, as Redis gives it back.
    fn entry(fields: Fields) -> StreamId {
        let fields = fields.into_iter();
        let map: HashMap<String, Value> = fields
            .map(|(name, value)| (name.to_owned(), Value::BulkString(value)))
            .collect();
        StreamId {
            id: "1-1".to_owned(),
            map,
            ..StreamId::default()
        }
    }

    #[test]
    fn a_small_event_comes_along_with_its_hint() {
        let event = event();
        let want = QueuedEvent {
            id: event.id,
            lane: 35,
            qualifier: "live".to_owned(),
            source: Source::Destination.number(),
            trace: "Root=1".to_owned(),
            age_max_s: None,
            attempts_max: None,
            payload: Some(event.payload.clone()),
        };
        assert_eq!(read(&entry(fields(&event))), Some(Hint::Event(want)));
    }

    #[test]
    fn of_others_only_where_they_are_is_told() {
        let check = |change: fn(&mut NewEvent)| {
            let mut event = event();
            change(&mut event);
            let want = Hint::Id {
                id: event.id,
                lane: 35,
            };
            assert_eq!(read(&entry(fields(&event))), Some(want));
        };
        check(|event| event.payload = vec![b' '; PAYLOAD_BYTES_MAX + 1]);
        check(|event| event.age_max_s = Some(60));
        check(|event| event.attempts_max = Some(1));
    }

    #[test]
    fn what_is_no_hint_is_passed_over() {
        let purged = Some(Hint::Purged { lane: 35 });
        assert_eq!(read(&entry(vec![number("x", 35)])), purged);
        let random = bytes("i", &[7; 16]);
        for fields in [
            vec![],
            vec![number("l", 35)],
            vec![number("l", 35), bytes("i", b"short")],
            vec![number("l", 35), random],
            vec![
                bytes("l", b"none"),
                bytes("i", event().id.uuid().as_bytes()),
            ],
        ] {
            assert_eq!(read(&entry(fields)), None);
        }
    }
}
