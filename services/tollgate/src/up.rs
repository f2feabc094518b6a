//! `tollgate up`: everything in one process.
//!
//! Order of start: the data directory's lock; Postgres and Redis side by side; the schema; the price book; the first
//! account; the executor; the gateway, last, because its listener is the promise that all the rest works. The stop is the
//! other way round: the gateway drains, the executor ends its environments and empties its spool, then Redis and Postgres.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chassis::{Clock, Ids, Lifecycle};
use domain::AccountId;
use secrecy::{ExposeSecret, SecretString};
use store::{Role, Store};

use crate::client::{Endpoint, demo, print};
use crate::config::{Config, Settings};
use crate::data_dir::{self, Credentials, DataDir};
use crate::parts::{Parts, bind, endpoint, given_gateway, own_gateway};
use crate::platform_clock::PlatformClock;
use crate::private::{Services, Tuning};
use crate::run::until_stopped;
use crate::settings::open_store;

/// How long the executor may take to empty its spool once no request is in flight.
const LAST_RECORDS_TIME_MAX: Duration = Duration::from_secs(15);

/// Runs until told to stop.
pub(crate) async fn run(settings: Settings, demo: Option<PathBuf>, life: Lifecycle) -> Result<()> {
    let began = Instant::now();
    let dir = DataDir::claim(&settings.config.data_dir)?;
    data_dir::forget_credentials(&dir);
    let clock = PlatformClock::of(&settings.config, &dir)?;
    // Before anything is started that would have to be stopped again.
    let listener = bind(settings.config.gateway.listen).await?;
    let services = Services::start(dir.path(), Tuning::Durable, &life).await?;
    // Ends after the gateway, which may still wait for answers.
    let inner = life.nested();
    let started = start(
        &settings,
        &services,
        (&dir, &clock),
        listener,
        &life,
        &inner,
    )
    .await;
    let ended = match started {
        Ok(started) => {
            announce(&settings.config, &started.credentials, began)?;
            if let Some(demo) = demo {
                show(&started, demo, &life)?;
            }
            let ended = until_stopped(&life, &settings.config).await;
            data_dir::forget_credentials(&dir);
            ended
        }
        Err(error) => {
            life.stop(Duration::ZERO).await;
            Err(error)
        }
    };
    inner.stop(LAST_RECORDS_TIME_MAX).await;
    services.stop().await;
    ended
}

/// What a started platform hands out.
struct Started {
    credentials: Credentials,
    /// Where the demonstration finds the bill.
    bill: demo::Bill,
}

async fn start(
    settings: &Settings,
    services: &Services,
    (dir, clock): (&DataDir, &PlatformClock),
    listener: tokio::net::TcpListener,
    life: &Lifecycle,
    inner: &Lifecycle,
) -> Result<Started> {
    let config = &settings.config;
    let ids = Ids;
    let vault = settings.own_vault(ids)?;
    let url: SecretString = services.postgres_url.as_str().into();
    let owner = open_store(config, &url, Role::Owner, vault.clone()).await?;
    prepare(&owner).await?;
    let key = first_key(&owner, config.account, &clock.clock, ids).await?;
    owner.close().await;
    let redis = chassis::redis::connect(&services.redis_url, None).await?;
    let secret = settings.own_cluster(ids)?;
    let parts = Parts::new("tollgate", config, redis, secret, life)?.on(clock);
    // The gateway listens before all the rest is there, and before `tollgate env` has anything to say.
    parts.health.unwell("start", "Tollgate is still starting");
    let functions_gateway = match given_gateway(config) {
        Some(given) => Some(given),
        None => own_gateway(config, listener.local_addr()?),
    };
    let for_executor = open_store(config, &url, Role::Executor, vault.clone()).await?;
    let executor = parts
        .executor(
            config,
            dir.path(),
            None,
            functions_gateway,
            for_executor,
            inner,
        )
        .await?;
    let for_gateway = open_store(config, &url, Role::Gateway, vault.clone()).await?;
    parts.probe_store(&for_gateway);
    let dispatch = parts.dispatch(&for_gateway);
    let gateway = parts
        .gateway(config, listener, for_gateway, &dispatch, life)
        .await?;
    let client = rpc::executor::Client::local(executor.service());
    dispatch.executors.add(executor.id(), client, life);
    let for_queue = open_store(config, &url, Role::Queue, vault.clone()).await?;
    let source = (services.redis_url.as_str().into(), None);
    parts
        .queue(config, for_queue, &dispatch, source, life)
        .await?;
    let for_scheduler = open_store(config, &url, Role::Scheduler, vault.clone()).await?;
    parts.scheduler(for_scheduler, &dispatch, life).await?;
    let for_billing = open_store(config, &url, Role::Billing, vault).await?;
    let bill = demo::Bill {
        store: for_billing.clone(),
        account: config.account,
        clock: clock.clock.clone(),
    };
    parts.billing(config, for_billing, life).await?;
    let credentials = Credentials {
        endpoint: endpoint(config, gateway.address),
        region: config.region.to_string(),
        account: config.account.to_string(),
        access_key_id: key.0,
        secret_access_key: key.1.expose_secret().to_owned(),
        ca_bundle: config
            .gateway
            .tls_cert
            .as_ref()
            .map(std::path::absolute)
            .transpose()?,
    };
    dir.leave_credentials(&credentials)?;
    parts.health.well("start", None);
    Ok(Started { credentials, bill })
}

/// Brings the schema and the price book up to date.
pub(crate) async fn prepare(owner: &Store) -> Result<()> {
    owner
        .migrate()
        .await
        .context("The database's schema cannot be brought up to date")?;
    owner
        .seed_prices()
        .await
        .context("The price book cannot be loaded")?;
    Ok(())
}

/// The first account's oldest key, made where there is none.
async fn first_key(
    owner: &Store,
    account: AccountId,
    clock: &Clock,
    ids: Ids,
) -> Result<(String, SecretString)> {
    let (_, made) = owner
        .ensure_first_account(account, clock.now(), &ids.bytes())
        .await?;
    if let Some(key) = made {
        return Ok((key.id, key.secret));
    }
    if let Some(oldest) = owner.access_keys(account).await?.into_iter().next()
        && let Some(key) = owner.access_key(&oldest.id).await?
    {
        return Ok((oldest.id, key.secret));
    }
    let made = owner
        .create_access_key(account, clock.now(), &ids.bytes())
        .await?;
    let key = made.context("the first account is gone")?;
    Ok((key.id, key.secret))
}

/// The line that says that it works. Other programs wait for it.
fn announce(config: &Config, credentials: &Credentials, began: Instant) -> Result<()> {
    let line = format!(
        "Tollgate is ready at {} (region {}, isolation {}, started in {:.1} s)",
        credentials.endpoint,
        config.region,
        config.executor.isolation,
        began.elapsed().as_secs_f64()
    );
    print(line.as_bytes())
}

/// Runs the demonstration beside the platform, which stays up whatever comes of it.
fn show(started: &Started, dir: PathBuf, life: &Lifecycle) -> Result<()> {
    let endpoint = Endpoint::of(&started.credentials, None)?;
    let bill = started.bill.clone();
    let drain = life.drain().clone();
    life.spawn("demonstration", async move {
        tokio::select! {
            shown = demo::run(&endpoint, &dir, &bill) => if let Err(error) = shown {
                eprintln!("tollgate: The demonstration failed: {error:#}");
            },
            () = drain.cancelled() => {}
        }
    });
    Ok(())
}
