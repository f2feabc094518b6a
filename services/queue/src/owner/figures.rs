//! Figures: to Redis for whoever watches, and to the metrics.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dispatch::stats::{LaneStats, STATS_PREFIX, Stats};
use domain::event::EventId;
use redis::AsyncCommands as _;

use super::{Chore, Owner, Report};

/// Figures of a replica that is gone vanish after this.
const KEPT_S: u64 = 5;

/// Longer than this nobody waits for Redis to take figures.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much a gateway's clock may be behind.
const BEHIND: TimeDelta = TimeDelta::seconds(10);

impl Owner {
    pub(super) fn figures(&mut self, now: DateTime<Utc>) {
        self.count_next();
        let waiting = self.timers.by_lane();
        let lanes: Vec<LaneStats> = self
            .lanes
            .iter()
            .map(|(id, lane)| {
                let waiting = waiting.get(id).copied().unwrap_or_default();
                let held =
                    lane.ready.len() as u64 + u64::from(lane.in_flight + lane.settling) + waiting;
                let oldest = lane
                    .ready
                    .front()
                    .map(|item| item.event.id.accepted_at_ms());
                let counted = self.depths.get(id).filter(|_| lane.feed.is_some());
                LaneStats {
                    lane: *id,
                    account: lane.key.account.to_string(),
                    region: lane.key.region.to_string(),
                    function: lane.key.name.to_string(),
                    depth: counted.map_or(held, |(count, _)| held.max(*count)),
                    in_flight: lane.in_flight + lane.settling,
                    waiting,
                    oldest_at_ms: oldest.or_else(|| counted.and_then(|(_, oldest)| *oldest)),
                    started: lane.started,
                    ended: lane.ended,
                    blocked: lane.blocked_until.is_some_and(|until| until > now),
                }
            })
            .collect();
        gauges(&lanes, now);
        let stats = Stats {
            replica: self.me,
            at_ms: now.timestamp_millis(),
            lanes,
        };
        let mut redis = self.redis.clone();
        self.life.spawn("tell figures", async move {
            let key = format!("{STATS_PREFIX}{}", stats.replica);
            let text = serde_json::json!(stats).to_string();
            let told = redis.set_ex::<_, _, ()>(key, text, KEPT_S);
            // Nobody misses them for long.
            let _ = tokio::time::timeout(PATIENCE, told).await;
        });
    }

    /// Counts one of the lanes that are fed: those are too long to be held.
    fn count_next(&mut self) {
        let fed: Vec<i64> = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.feed.is_some())
            .map(|(id, _)| *id)
            .collect();
        self.depths.retain(|id, _| fed.contains(id));
        if self.busy.contains(&Chore::Depth) || fed.is_empty() {
            return;
        }
        self.counted = self.counted.wrapping_add(1);
        let lane = fed[self.counted % fed.len()];
        self.busy.insert(Chore::Depth);
        // What came before the oldest of the last count has ended; a gateway's clock may be a little behind.
        let known = self.depths.get(&lane).and_then(|(_, oldest)| *oldest);
        let known = known.and_then(DateTime::from_timestamp_millis);
        let from = known.map_or(DateTime::UNIX_EPOCH, |at| at - BEHIND);
        let from = EventId::floor(from);
        let (store, reports) = (self.shared.0.store.clone(), self.reports.clone());
        self.life.spawn("count lane", async move {
            let began = std::time::Instant::now();
            let depth = store.lane_depths(&[(lane, from)]).await;
            // A count that takes long is taken seldom.
            tokio::time::sleep(began.elapsed() * 20).await;
            let _ = reports.send(Report::Depth { lane, depth }).await;
        });
    }
}

fn gauges(lanes: &[LaneStats], now: DateTime<Utc>) {
    for lane in lanes {
        let labels = [
            ("account", lane.account.clone()),
            ("region", lane.region.clone()),
            ("function", lane.function.clone()),
        ];
        let waited_ms = lane
            .oldest_at_ms
            .map_or(0, |at| now.timestamp_millis() - at);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        let (depth, oldest_s) = (lane.depth as f64, waited_ms.max(0) as f64 / 1e3);
        metrics::gauge!("tollgate_async_depth", &labels).set(depth);
        metrics::gauge!("tollgate_async_oldest_seconds", &labels).set(oldest_s);
    }
}
