//! `tollgate up`: everything in one process.
//!
//! Order of start: the data directory's lock; Postgres and Redis side by side; the schema; the price book; the first
//! account; the executor; the gateway, last, because its listener is the promise that all the rest works. The stop is the
//! other way round: the gateway drains, the executor ends its environments and empties its spool, then Redis and Postgres.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use chassis::{Ids, Lifecycle};
use store::Role;

use crate::config::Settings;
use crate::data_dir::{self, DataDir};
use crate::private::{Services, Tuning};
use crate::run::until_stopped;
use crate::settings::open_store;

/// Runs until told to stop.
pub(crate) async fn run(settings: Settings, demo: Option<PathBuf>, life: Lifecycle) -> Result<()> {
    let began = Instant::now();
    let dir = DataDir::claim(&settings.config.data_dir)?;
    data_dir::forget_credentials(&dir);
    let services = Services::start(dir.path(), Tuning::Durable, &life).await?;
    let ended = serve(&settings, &services, &dir, demo, &life, began).await;
    data_dir::forget_credentials(&dir);
    services.stop().await;
    ended
}

async fn serve(
    settings: &Settings,
    services: &Services,
    _dir: &DataDir,
    _demo: Option<PathBuf>,
    life: &Lifecycle,
    began: Instant,
) -> Result<()> {
    let ids = Ids;
    let vault = settings.own_vault(ids)?;
    let url = services.postgres_url.as_str().into();
    let owner = open_store(&settings.config, &url, Role::Owner, vault).await?;
    owner.migrate().await?;
    let _redis = chassis::redis::connect(&services.redis_url, None).await?;
    tracing::info!(started_ms = began.elapsed().as_millis(), "ready");
    until_stopped(life, &settings.config).await
}
