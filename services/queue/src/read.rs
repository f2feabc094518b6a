//! What the owner has read from the database, in tasks of their own: the loop never waits for it.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use dispatch::Dispatch;
use store::events::{Lane, Window};
use store::{Error, Store};
use uuid::Uuid;

use crate::lane::Item;

/// Retries due within this are held in memory.
pub(crate) const HORIZON: TimeDelta = TimeDelta::seconds(60);

/// Unsettled events that one sweep brings; more than that is a matter for feeding.
pub(crate) const SWEEP_MAX: u32 = 2_000;

/// Retries that one look brings.
const RETRIES_MAX: u32 = 5_000;

/// A lane's next events.
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    pub(crate) last: Option<Uuid>,
    /// The hour had no more.
    pub(crate) short: bool,
}

/// What a new owner of shards learns.
pub(crate) struct Taken {
    pub(crate) shards: Vec<i16>,
    /// Lanes with events, and the hours they are of.
    pub(crate) lanes: Vec<(Lane, Vec<i64>)>,
    /// Attempts that run on executors now.
    pub(crate) running: HashSet<(Uuid, u16)>,
}

pub(crate) async fn page(
    store: &Store,
    lane: i64,
    hour: i64,
    after: Uuid,
    room: usize,
) -> Result<Page, Error> {
    let limit = u32::try_from(room).unwrap_or(u32::MAX);
    let events = store.feed_lane(hour, lane, after, limit).await?;
    let last = events.last().map(|event| event.id.uuid());
    let short = events.len() < room;
    let items = events.into_iter().map(Item::first).collect();
    Ok(Page {
        items: with_losses(store, items).await?,
        last,
        short,
    })
}

pub(crate) async fn take_over(
    store: &Store,
    dispatch: &Dispatch,
    shards: Vec<i16>,
) -> Result<Taken, Error> {
    // Asked first: what ends meanwhile is in the database when that is read.
    let running = running(dispatch).await;
    let hours = store.ring_hours().await?;
    let lanes = lanes(store, &hours, &shards).await?;
    Ok(Taken {
        shards,
        lanes,
        running,
    })
}

/// Lanes of these shards with events of these hours, and which of them.
pub(crate) async fn lanes(
    store: &Store,
    hours: &[i64],
    shards: &[i16],
) -> Result<Vec<(Lane, Vec<i64>)>, Error> {
    let mut found: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for hour in hours {
        for lane in store.lanes_with_events(*hour, shards).await? {
            found.entry(lane).or_default().push(*hour);
        }
    }
    let ids: Vec<i64> = found.keys().copied().collect();
    let lanes = store.lanes(&ids).await?.into_iter();
    Ok(lanes
        .map(|lane| {
            let hours = found.remove(&lane.id).unwrap_or_default();
            (lane, hours)
        })
        .collect())
}

/// The attempts that run on executors now.
pub(crate) async fn running(dispatch: &Dispatch) -> HashSet<(Uuid, u16)> {
    let replies = dispatch.executors.running().await;
    let events = replies.into_iter().flat_map(|reply| reply.events);
    events
        .filter_map(|event| {
            let attempt = u16::try_from(event.attempt).ok()?;
            Some((event.request_id.parse().ok()?, attempt))
        })
        .collect()
}

/// Events of a window that nobody works on.
pub(crate) async fn sweep(
    store: &Store,
    window: Window,
    shards: &[i16],
    fed: &[(i64, Uuid)],
) -> Result<Vec<Item>, Error> {
    let mut items = Vec::new();
    for hour in window.from.hour()..=window.to.hour() {
        let events = store
            .sweep_events(hour, window, shards, fed, SWEEP_MAX)
            .await?;
        items.extend(
            events
                .into_iter()
                .map(|event| Item::by_id(event.id, event.lane, 1)),
        );
    }
    with_losses(store, items).await
}

/// Retries that are due soon.
pub(crate) struct Retries {
    /// With their times.
    pub(crate) due: Vec<(DateTime<Utc>, Item)>,
    /// There are more than were brought.
    pub(crate) more: bool,
}

pub(crate) async fn retries(
    store: &Store,
    now: DateTime<Utc>,
    shards: &[i16],
) -> Result<Retries, Error> {
    let (mut times, mut items, mut more) = (Vec::new(), Vec::new(), false);
    for hour in store.ring_hours().await? {
        let found = store
            .pending_retries(hour, now + HORIZON, shards, RETRIES_MAX)
            .await?;
        more |= found.len() >= usize::try_from(RETRIES_MAX).unwrap_or(usize::MAX);
        for retry in found {
            times.push(retry.at);
            items.push(Item::by_id(retry.id, retry.lane, retry.attempt));
        }
    }
    let items = with_losses(store, items).await?;
    Ok(Retries {
        due: times.into_iter().zip(items).collect(),
        more,
    })
}

/// Counts the executors that were lost with these attempts before.
async fn with_losses(store: &Store, mut items: Vec<Item>) -> Result<Vec<Item>, Error> {
    if items.is_empty() {
        return Ok(items);
    }
    let ids: Vec<Uuid> = items.iter().map(|item| item.event.id.uuid()).collect();
    let losses = store.losses(&ids).await?;
    for item in &mut items {
        let key = (item.event.id.uuid(), item.attempt);
        if let Some(count) = losses.get(&key) {
            item.losses = *count;
            item.check = true;
        }
    }
    Ok(items)
}
