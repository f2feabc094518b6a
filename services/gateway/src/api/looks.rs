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
const FRESH_TIMES: u32 = 4;
/// Rates are differences to the look before, unless that was longer ago than this: what was a while ago is no rate of now.
const WINDOW_MAX: Duration = Duration::from_secs(10);
/// Rates of other looks are taken from this.
const FIRST_WINDOW: TimeDelta = TimeDelta::seconds(10);
/// A look is remembered so long: the next one begins where it has found that everything had ended.
const REMEMBERED: Duration = Duration::from_mins(10);
/// Lanes of which nothing older is open are looked at together.
const RECENT: TimeDelta = TimeDelta::minutes(5);
/// Events that were accepted so long ago are surely committed: what is settled before stays out of later looks.
const COMMITTED: TimeDelta = TimeDelta::seconds(60);
/// Of a lane as long as this the count of its owner is taken: counting it takes long, and it is not counted anew for each look.
const LONG: u64 = 10_000;
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
    lanes: HashMap<i64, Lane>,
    queues: Queues,
}

impl Looks {
    fn slot(&self, account: AccountId, region: &Region) -> Slot {
        if self.0.len() > KEPT_MAX {
            // One that is held is being taken.
            let old = |look: &Look| look.taken.elapsed() > REMEMBERED;
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
        .filter(|look| look.taken.elapsed() < REMEMBERED);
    let look = take(cx, before).await?;
    let queues = look.queues.clone();
    *latest = Some(look);
    Ok(queues)
}

async fn take(cx: &Call, before: Option<Look>) -> Result<Look, store::Error> {
    let (taken, at) = (Instant::now(), cx.app.clock.now());
    let recent = |look: &&Look| taken.duration_since(look.taken) < WINDOW_MAX;
    let since = before.as_ref().filter(recent).map(|look| look.at);
    let found = find(cx, before.as_ref(), since.unwrap_or(at - FIRST_WINDOW), at).await?;
    let before = before.filter(|look| recent(&look));
    // The host's seconds: a development clock may have been moved meanwhile.
    let window = before.as_ref().map(|look| taken.duration_since(look.taken));
    let window_s = window.map_or(FIRST_WINDOW.as_seconds_f64(), |window| window.as_secs_f64());
    let mut functions = Vec::new();
    for (id, lane) in &found {
        let had = before.as_ref().and_then(|look| look.lanes.get(id));
        if lane.is_idle() && had.is_none_or(Lane::is_idle) {
            continue;
        }
        functions.push(FunctionQueue {
            function: lane.function.clone(),
            depth: lane.depth,
            oldest_age_s: lane
                .oldest_at
                .map(|oldest| (at - oldest).as_seconds_f64().max(0.0)),
            in_flight: lane.in_flight,
            in_per_s: per_s(lane.came, window_s),
            out_per_s: had.map(|had| per_s(lane.gone_since(had), window_s)),
        });
    }
    functions.sort_by(|a, b| a.function.cmp(&b.function));
    Ok(Look {
        taken,
        took: taken.elapsed(),
        at,
        lanes: found,
        queues: Queues {
            at,
            window_s,
            functions,
        },
    })
}

/// What there is of each of the caller's lanes at `at`, and what came after `since`.
async fn find(
    cx: &Call,
    before: Option<&Look>,
    since: DateTime<Utc>,
    at: DateTime<Utc>,
) -> Result<HashMap<i64, Lane>, store::Error> {
    let store = &cx.app.store;
    let mut lanes: HashMap<i64, Lane> = HashMap::new();
    for lane in store.lanes_of(cx.account, &cx.region).await? {
        let had = before.and_then(|look| look.lanes.get(&lane.id));
        let from = match (had, before) {
            (Some(had), _) => had.from,
            // Lanes begin with their first event: this one did after the look before.
            (None, Some(before)) => EventId::floor(before.at - COMMITTED),
            (None, None) => EventId::floor(DateTime::UNIX_EPOCH),
        };
        lanes.insert(lane.id, Lane::new(lane.function.to_string(), from));
    }
    for told in cx
        .app
        .dispatch
        .queue_stats()
        .await
        .into_iter()
        .flat_map(|stats| stats.lanes)
    {
        if let Some(lane) = lanes.get_mut(&told.lane)
            && told.depth >= LONG
        {
            lane.depth = told.depth;
            lane.oldest_at = told.oldest_at_ms.and_then(DateTime::from_timestamp_millis);
            lane.ended = Some(told.ended);
        }
    }
    let recent = EventId::floor(at - RECENT);
    let short = lanes.iter().filter(|(_, lane)| lane.ended.is_none());
    let short: Vec<(i64, EventId)> = short.map(|(id, lane)| (*id, lane.from)).collect();
    for (id, _) in &short {
        if let Some(lane) = lanes.get_mut(id) {
            lane.from = EventId::floor(at - COMMITTED);
        }
    }
    // A lane in which something waits for long must not make the look at all others as long.
    let (new, old): (Vec<_>, Vec<_>) = short.into_iter().partition(|(_, from)| *from >= recent);
    for lanes_alike in [new, old] {
        for found in store.lane_depths(&lanes_alike).await? {
            if let Some(lane) = lanes.get_mut(&found.lane) {
                lane.depth = found.depth;
                lane.oldest_at = Some(found.oldest.accepted_at());
                lane.from = lane.from.min(found.oldest);
            }
        }
    }
    let ids: Vec<i64> = lanes.keys().copied().collect();
    for (id, came) in store.lanes_accepted(&ids, since, at).await? {
        if let Some(lane) = lanes.get_mut(&id) {
            lane.came = came;
        }
    }
    let running: Vec<EventId> = running(cx)
        .await
        .into_iter()
        .filter_map(EventId::new)
        .collect();
    for (_, id) in store.lanes_of_events(cx.account, &running).await? {
        if let Some(lane) = lanes.get_mut(&id) {
            lane.in_flight += 1;
        }
    }
    Ok(lanes)
}

/// A lane at a look.
struct Lane {
    function: String,
    depth: u64,
    oldest_at: Option<DateTime<Utc>>,
    in_flight: u64,
    /// Accepted since the look before.
    came: u64,
    /// What its owner says has ended; of long lanes only.
    ended: Option<u64>,
    /// Everything before this has ended: the next look begins here.
    from: EventId,
}

impl Lane {
    fn new(function: String, from: EventId) -> Self {
        Self {
            function,
            depth: 0,
            oldest_at: None,
            in_flight: 0,
            came: 0,
            ended: None,
            from,
        }
    }

    fn is_idle(&self) -> bool {
        self.depth + self.came + self.in_flight == 0
    }

    /// How many have ended since it was like `had`.
    fn gone_since(&self, had: &Self) -> u64 {
        let ended = self.ended.zip(had.ended);
        match ended.and_then(|(now, then)| now.checked_sub(then)) {
            Some(gone) => gone,
            None => (had.depth + self.came).saturating_sub(self.depth),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate, to be looked at")]
fn per_s(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}
