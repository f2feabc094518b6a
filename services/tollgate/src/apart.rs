//! Services on their own, against given Postgres and Redis.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use chassis::{Ids, Lifecycle, health};
use redis::aio::ConnectionManager;
use secrecy::ExposeSecret;
use store::{Role, Vault};

use crate::client::print;
use crate::config::Settings;
use crate::data_dir::DataDir;
use crate::parts::{Parts, bind, endpoint, given_gateway};
use crate::run::until_stopped;
use crate::settings::open_store;
use crate::up::prepare;

/// `tollgate gateway`: until told to stop.
pub(crate) async fn gateway(settings: Settings, life: Lifecycle) -> Result<()> {
    let began = Instant::now();
    let config = &settings.config;
    let (vault, secret) = (settings.given_vault()?, settings.given_cluster()?);
    let listener = bind(config.gateway.listen).await?;
    let store = open_store(config, &settings.database_url()?, Role::Gateway, vault).await?;
    let parts = Parts::new("gateway", config, redis(&settings).await?, secret, &life)?;
    parts.probe_store(&store);
    let dispatch = parts.dispatch(&store);
    let gateway = parts
        .gateway(config, listener, store, &dispatch, &life)
        .await?;
    let url = endpoint(config, gateway.address);
    ready(
        "gateway",
        &format!("{url} (region {})", config.region),
        began,
    )?;
    until_stopped(&life, config).await
}

/// `tollgate executor`: until told to stop.
pub(crate) async fn executor(settings: Settings, life: Lifecycle) -> Result<()> {
    let began = Instant::now();
    let config = &settings.config;
    let dir = DataDir::claim(&config.data_dir)?;
    let secret = settings.given_cluster()?;
    let listener = bind(config.executor.listen).await?;
    let address = listener.local_addr()?;
    let health_listener = bind(config.executor.health_listen).await?;
    let health_address = health_listener.local_addr()?;
    // It opens nothing that is encrypted at rest: gateways send it what a function needs. So it has no use for the master key.
    let vault = Vault::new(&Ids.bytes());
    let store = open_store(config, &settings.database_url()?, Role::Executor, vault).await?;
    let parts = Parts::new("executor", config, redis(&settings).await?, secret, &life)?;
    parts.probe_store(&store);
    let advertise = config
        .executor
        .announce
        .clone()
        .unwrap_or_else(|| address.to_string());
    let executor = parts
        .executor(
            config,
            dir.path(),
            Some(advertise),
            given_gateway(config),
            store,
            &life,
        )
        .await?;
    let router = parts.health.router(Some(parts.metrics.clone()));
    life.spawn_critical(
        "health",
        health::serve(health_listener, router, life.clone()),
    );
    life.spawn_critical("executor", async move { executor.serve(listener).await });
    let text = format!(
        "{address} (isolation {}, health http://{health_address}/health)",
        config.executor.isolation
    );
    ready("executor", &text, began)?;
    until_stopped(&life, config).await
}

/// `tollgate queue-service`: until told to stop.
pub(crate) async fn queue(settings: Settings, life: Lifecycle) -> Result<()> {
    let began = Instant::now();
    let config = &settings.config;
    let (vault, secret) = (settings.given_vault()?, settings.given_cluster()?);
    let health_listener = bind(config.queue.health_listen).await?;
    let health_address = health_listener.local_addr()?;
    let store = open_store(config, &settings.database_url()?, Role::Queue, vault).await?;
    let parts = Parts::new("queue", config, redis(&settings).await?, secret, &life)?;
    parts.probe_store(&store);
    let dispatch = parts.dispatch(&store);
    // Nothing else of the catalog is remembered here.
    dispatch.start(Arc::new(|| {}), &life).await?;
    let (redis_url, password) = settings.redis_url()?;
    let source = (redis_url, password.cloned());
    parts.queue(config, store, &dispatch, source, &life).await?;
    let router = parts.health.router(Some(parts.metrics.clone()));
    life.spawn_critical(
        "health",
        health::serve(health_listener, router, life.clone()),
    );
    let text = format!("http://{health_address}/health");
    ready("queue", &text, began)?;
    until_stopped(&life, config).await
}

/// `tollgate scheduler-service`: until told to stop.
pub(crate) async fn scheduler(settings: Settings, life: Lifecycle) -> Result<()> {
    let began = Instant::now();
    let config = &settings.config;
    let (vault, secret) = (settings.given_vault()?, settings.given_cluster()?);
    let health_listener = bind(config.scheduler.health_listen).await?;
    let health_address = health_listener.local_addr()?;
    let url = settings.database_url()?;
    let store = open_store(config, &url, Role::Scheduler, vault).await?;
    let parts = Parts::new("scheduler", config, redis(&settings).await?, secret, &life)?;
    parts.probe_store(&store);
    let dispatch = parts.dispatch(&store);
    dispatch.start(Arc::new(|| {}), &life).await?;
    parts.scheduler(store, &dispatch, &life).await?;
    let router = parts.health.router(Some(parts.metrics.clone()));
    life.spawn_critical(
        "health",
        health::serve(health_listener, router, life.clone()),
    );
    let text = format!("http://{health_address}/health");
    ready("scheduler", &text, began)?;
    until_stopped(&life, config).await
}

/// `tollgate billing-service`: until told to stop.
pub(crate) async fn billing(settings: Settings, life: Lifecycle) -> Result<()> {
    let began = Instant::now();
    let config = &settings.config;
    let secret = settings.given_cluster()?;
    let health_listener = bind(config.billing.health_listen).await?;
    let health_address = health_listener.local_addr()?;
    // It opens nothing that is encrypted at rest, so it has no use for the master key.
    let vault = Vault::new(&Ids.bytes());
    let url = settings.database_url()?;
    let store = open_store(config, &url, Role::Billing, vault).await?;
    let parts = Parts::new("billing", config, redis(&settings).await?, secret, &life)?;
    parts.probe_store(&store);
    parts.billing(config, store, &life).await?;
    let router = parts.health.router(Some(parts.metrics.clone()));
    life.spawn_critical(
        "health",
        health::serve(health_listener, router, life.clone()),
    );
    let text = format!("http://{health_address}/health");
    ready("billing", &text, began)?;
    until_stopped(&life, config).await
}

/// `tollgate migrate`.
pub(crate) async fn migrate(settings: Settings) -> Result<()> {
    // Nothing is opened or sealed by a migration.
    let vault = Vault::new(&Ids.bytes());
    let store = open_store(
        &settings.config,
        &settings.operator_url()?,
        Role::Owner,
        vault,
    )
    .await?;
    prepare(&store).await?;
    store.close().await;
    print(b"The schema and the price book are up to date.")
}

async fn redis(settings: &Settings) -> Result<ConnectionManager> {
    let (url, password) = settings.redis_url()?;
    chassis::redis::connect(url.expose_secret(), password)
        .await
        .context("Redis cannot be used")
}

fn ready(service: &str, at: &str, began: Instant) -> Result<()> {
    let seconds = began.elapsed().as_secs_f64();
    print(format!("Tollgate {service} is ready at {at}, started in {seconds:.1} s").as_bytes())
}
