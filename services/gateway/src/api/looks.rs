//! The latest look at each account's queues. Everybody who watches shares it: watching must not become the work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use dashmap::DashMap;
use domain::event::EventId;
use domain::{AccountId, Region};
use tokio::sync::Mutex;

use super::events::running;
use super::types::{FunctionQueue, Queues};
use crate::call::Call;

/// A look is good for this long at least.
const FRESH: Duration = Duration::from_millis(900);
/// It is good for this many times what it took, too.
const FRESH_TIMES: u32 = 10;
/// Rates are differences to the look before, unless that was longer ago than this.
const WINDOW_MAX: Duration = Duration::from_mins(2);
/// What rates of a first look are taken from.
const FIRST_WINDOW: TimeDelta = TimeDelta::seconds(10);
/// Events that were accepted so long ago are surely committed: what is settled before stays out of later looks.
const COMMITTED: TimeDelta = TimeDelta::seconds(60);
/// Looks of more accounts than this are forgotten when they are old.
const KEPT_MAX: usize = 1_000;

type Slot = Arc<Mutex<Option<Look>>>;

/// Looks by account and region.
#[derive(Default)]
pub struct Looks(DashMap<(AccountId, Region), Slot>);

struct Look {
    taken: Instant,
    took: Duration,
    at: DateTime<Utc>,
    /// By lane: how many were open, and from which event on.
    lanes: HashMap<i64, (u64, EventId)>,
    queues: Queues,
}

impl Looks {
    fn slot(&self, account: AccountId, region: &Region) -> Slot {
        if self.0.len() > KEPT_MAX {
            // One that is held is being taken.
            let old = |look: &Look| look.taken.elapsed() > WINDOW_MAX;
            let is_old = |slot: &Slot| {
                slot.try_lock()
                    .is_ok_and(|look| look.as_ref().is_none_or(old))
            };
            self.0.retain(|_, slot| !is_old(slot));
        }
        let key = (account, region.clone());
        Arc::clone(&self.0.entry(key).or_default())
    }
}

/// The caller's queues, as they are or were a moment ago.
pub(super) async fn look(cx: &Call) -> Result<Queues, store::Error> {
    let slot = cx.app.looks.slot(cx.account, &cx.region);
    let mut latest = slot.lock().await;
    if let Some(look) = latest.as_ref()
        && look.taken.elapsed() < FRESH.max(look.took * FRESH_TIMES)
    {
        return Ok(look.queues.clone());
    }
    renew(cx, &mut latest).await
}

/// The caller's queues, however fresh the latest look is.
#[cfg(test)]
pub(super) async fn look_again(cx: &Call) -> Result<Queues, store::Error> {
    let slot = cx.app.looks.slot(cx.account, &cx.region);
    renew(cx, &mut *slot.lock().await).await
}

async fn renew(cx: &Call, latest: &mut Option<Look>) -> Result<Queues, store::Error> {
    let before = latest
        .take()
        .filter(|look| look.taken.elapsed() < WINDOW_MAX);
    let look = take(cx, before).await?;
    let queues = look.queues.clone();
    *latest = Some(look);
    Ok(queues)
}

async fn take(cx: &Call, before: Option<Look>) -> Result<Look, store::Error> {
    let (taken, at, store) = (Instant::now(), cx.app.clock.now(), &cx.app.store);
    let lanes = store.lanes_of(cx.account, &cx.region).await?;
    let known = |lane: i64| {
        before
            .as_ref()
            .and_then(|look| look.lanes.get(&lane).copied())
    };
    let first = EventId::floor(DateTime::UNIX_EPOCH);
    let asked: Vec<(i64, EventId)> = lanes
        .iter()
        .map(|lane| (lane.id, known(lane.id).map_or(first, |(_, from)| from)))
        .collect();
    let depths: HashMap<_, _> = store
        .lane_depths(&asked)
        .await?
        .into_iter()
        .map(|depth| (depth.lane, (depth.depth, depth.oldest)))
        .collect();
    let ids: Vec<i64> = lanes.iter().map(|lane| lane.id).collect();
    let since = before.as_ref().map_or(at - FIRST_WINDOW, |look| look.at);
    let accepted: HashMap<_, _> = store
        .lanes_accepted(&ids, since, at)
        .await?
        .into_iter()
        .collect();
    let in_flight = in_flight(cx).await?;
    // The host's seconds: a development clock may have been moved meanwhile.
    let window = before.as_ref().map(|look| taken.duration_since(look.taken));
    let window_s = window.map_or(10.0, |window| window.as_secs_f64());
    let settled = EventId::floor(at - COMMITTED);
    let mut seen = HashMap::with_capacity(lanes.len());
    let mut functions = Vec::new();
    for lane in lanes {
        let open = depths.get(&lane.id).copied();
        let (depth, oldest) = open.map_or((0, None), |(depth, oldest)| (depth, Some(oldest)));
        seen.insert(
            lane.id,
            (depth, oldest.map_or(settled, |oldest| oldest.min(settled))),
        );
        let came = accepted.get(&lane.id).copied().unwrap_or(0);
        let had = known(lane.id).map(|(had, _)| had);
        let running = in_flight.get(&lane.id).copied().unwrap_or(0);
        if depth + came + running + had.unwrap_or(0) > 0 {
            functions.push(FunctionQueue {
                function: lane.function.to_string(),
                depth,
                oldest_age_s: oldest.map(|oldest| age_s(oldest, at)),
                in_flight: running,
                in_per_s: per_s(came, window_s),
                out_per_s: had.map(|had| per_s((had + came).saturating_sub(depth), window_s)),
            });
        }
    }
    functions.sort_by(|a, b| a.function.cmp(&b.function));
    Ok(Look {
        taken,
        took: taken.elapsed(),
        at,
        lanes: seen,
        queues: Queues {
            at,
            window_s,
            functions,
        },
    })
}

/// Events at executors, by lane.
async fn in_flight(cx: &Call) -> Result<HashMap<i64, u64>, store::Error> {
    let ids: Vec<EventId> = running(cx)
        .await
        .into_iter()
        .filter_map(EventId::new)
        .collect();
    let mut counts = HashMap::new();
    for (_, lane) in cx.app.store.lanes_of_events(cx.account, &ids).await? {
        *counts.entry(lane).or_default() += 1;
    }
    Ok(counts)
}

fn age_s(event: EventId, at: DateTime<Utc>) -> f64 {
    (at - event.accepted_at()).as_seconds_f64().max(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "a rate, to be looked at")]
fn per_s(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}
