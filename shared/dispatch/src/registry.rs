//! Finds executors that announced themselves in Redis.

use std::time::Duration;

use chassis::Lifecycle;
use redis::AsyncCommands as _;
use redis::aio::ConnectionManager;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::executors::Executors;

/// What an executor announces of itself.
#[derive(Deserialize)]
struct Announced {
    id: String,
    addr: String,
}

/// Key pattern of the executors' announcements.
const ANNOUNCED: &str = "tollgate:executor:*";

/// Longer than this one look does not wait for Redis.
const PATIENCE: Duration = Duration::from_secs(1);

/// The values of all keys that fit a pattern; none where Redis does not answer in time.
pub(crate) async fn values(redis: &mut ConnectionManager, pattern: &str) -> Vec<String> {
    let look = async {
        let mut names = Vec::new();
        let mut scan = redis.scan_match::<_, String>(pattern).await?;
        while let Some(name) = scan.next_item().await {
            names.push(name?);
        }
        drop(scan);
        if names.is_empty() {
            return Ok(Vec::new());
        }
        redis.mget::<_, Vec<Option<String>>>(names).await
    };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(values)) => values.into_iter().flatten().collect(),
        Ok(Err(error)) => {
            let error: redis::RedisError = error;
            tracing::debug!(%error, pattern, "could not read what was announced");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

/// Connects to executors that announced themselves since the last look.
pub(crate) async fn follow(
    executors: &Executors,
    redis: &mut ConnectionManager,
    secret: &SecretString,
    life: &Lifecycle,
) {
    for text in values(redis, ANNOUNCED).await {
        let Ok(announced) = serde_json::from_str::<Announced>(&text) else {
            continue;
        };
        if executors.knows(&announced.id) {
            continue;
        }
        match rpc::executor::Client::remote(&announced.addr, secret.expose_secret()) {
            Ok(client) => {
                tracing::info!(executor.id = %announced.id, executor.address = %announced.addr, "executor found");
                executors.add(announced.id, client, life);
            }
            Err(error) => {
                tracing::warn!(executor.id = %announced.id, %error, "executor announces an address that cannot be used");
            }
        }
    }
}
