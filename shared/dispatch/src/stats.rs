//! What a replica says of its lanes, for whoever watches the queue: one key in Redis, rewritten every second, gone soon after
//! its replica. Figures, not facts.

use redis::aio::ConnectionManager;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::registry;

/// Keys of figures begin so; the replica's id follows.
pub const STATS_PREFIX: &str = "tollgate:queue:stats:";

/// A replica's figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    pub replica: Uuid,
    /// When they were taken, in milliseconds of the epoch, by the platform's clock.
    pub at_ms: i64,
    pub lanes: Vec<LaneStats>,
}

/// A lane's figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStats {
    pub lane: i64,
    pub account: String,
    pub region: String,
    pub function: String,
    /// Events without an end, waiting and running ones included. Of a long lane as last counted.
    pub depth: u64,
    pub in_flight: u32,
    /// Events that wait for a retry within the next minutes.
    pub waiting: u64,
    /// When the oldest that has not started was accepted.
    pub oldest_at_ms: Option<i64>,
    /// Attempts started and ended since this replica took the lane.
    pub started: u64,
    pub ended: u64,
    /// The platform refuses to run it at the moment: throttled, or no room.
    pub blocked: bool,
}

/// What the replicas said last.
pub(crate) async fn read(redis: &mut ConnectionManager) -> Vec<Stats> {
    let texts = registry::values(redis, &format!("{STATS_PREFIX}*")).await;
    let stats = texts.iter().map(|text| serde_json::from_str(text));
    stats.filter_map(Result::ok).collect()
}
