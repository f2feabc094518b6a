//! Announces this executor in Redis, so that gateways on other machines find it.
//!
//! One key per executor, written every second and gone 4 s after the last writing. Nothing depends on it but new gateways
//! finding the way: with Redis away, connected gateways go on.

use std::time::Duration;

use chassis::Lifecycle;
use redis::AsyncCommands as _;
use redis::aio::ConnectionManager;
use serde::{Deserialize, Serialize};

/// Keys of announcements begin so; the executor's id follows.
pub const KEY_PREFIX: &str = "tollgate:executor:";

const PERIOD: Duration = Duration::from_secs(1);
const LEASE_MS: u64 = 4_000;
/// Longer than this one announcement does not wait for Redis.
const PATIENCE: Duration = Duration::from_secs(1);

/// What an executor says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    pub id: String,
    /// `host:port` of its gRPC service.
    pub addr: String,
    /// Grows with every start of this executor.
    pub boot_epoch: i64,
    /// `container` or `process`.
    pub isolation: String,
}

/// Announces until the drain, then takes the announcement back.
pub(crate) fn announce(
    mut redis: ConnectionManager,
    announcement: &Announcement,
    life: &Lifecycle,
) {
    let key = format!("{KEY_PREFIX}{}", announcement.id);
    let text = serde_json::json!(announcement).to_string();
    let drain = life.drain().clone();
    life.spawn("announce executor", async move {
        let mut away = false;
        let mut ticks = tokio::time::interval(PERIOD);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = drain.cancelled() => break,
            }
            let options =
                redis::SetOptions::default().with_expiration(redis::SetExpiry::PX(LEASE_MS));
            let told = redis.set_options::<_, _, ()>(&key, &text, options);
            let told = match tokio::time::timeout(PATIENCE, told).await {
                Ok(told) => told.map_err(|error| error.to_string()),
                Err(_) => Err("no answer in time".to_owned()),
            };
            match told {
                Ok(()) => away = false,
                Err(error) if !away => {
                    tracing::warn!(%error, "Redis is away: new gateways do not find this executor");
                    away = true;
                }
                Err(_) => {}
            }
        }
        let _ = tokio::time::timeout(PATIENCE, redis.del::<_, ()>(&key)).await;
    });
}
