//! The connection to Redis: one multiplexed connection that mends itself.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo};
use secrecy::{ExposeSecret, SecretString};

/// Redis that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the Redis URL is not one: {0}")]
    Url(redis::RedisError),
    #[error("Redis does not answer: {0}")]
    Connect(redis::RedisError),
}

/// Connects to `url` (`redis://host:6379/0`, or `unix:///path` as `tollgate up` does), with `password` where Redis asks for
/// one. Commands fail after two seconds: everything in Redis can be recomputed, so nobody should wait long for it.
pub async fn connect(
    url: &str,
    password: Option<&SecretString>,
) -> Result<ConnectionManager, Error> {
    let info = info(url, password).map_err(Error::Url)?;
    let client = Client::open(info).map_err(Error::Url)?;
    let config = ConnectionManagerConfig::new()
        .set_min_delay(Duration::from_millis(20))
        .set_max_delay(Duration::from_secs(1))
        .set_connection_timeout(Some(Duration::from_secs(2)))
        .set_response_timeout(Some(Duration::from_secs(2)));
    ConnectionManager::new_with_config(client, config)
        .await
        .map_err(Error::Connect)
}

/// A connection of its own for one reader that blocks: on the shared one everybody else would wait behind it. It does not mend
/// itself; the reader makes a new one.
pub async fn connect_reader(
    url: &str,
    password: Option<&SecretString>,
) -> Result<MultiplexedConnection, Error> {
    let info = info(url, password).map_err(Error::Url)?;
    let client = Client::open(info).map_err(Error::Url)?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(2)))
        .set_response_timeout(Some(READER_PATIENCE));
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .map_err(Error::Connect)
}

/// How long a reader waits for an answer: readers block for less.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// One round trip.
pub async fn ping(connection: &ConnectionManager) -> Result<(), redis::RedisError> {
    redis::cmd("PING").exec_async(&mut connection.clone()).await
}

fn info(url: &str, password: Option<&SecretString>) -> redis::RedisResult<ConnectionInfo> {
    let info = url.into_connection_info()?;
    let Some(password) = password else {
        return Ok(info);
    };
    let settings = info
        .redis_settings()
        .clone()
        .set_password(password.expose_secret());
    Ok(info.set_redis_settings(settings))
}
