//! Putting the gateway together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chassis::{Clock, Ids, Lifecycle};
use redis::AsyncCommands as _;
use redis::aio::ConnectionManager;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use store::Store;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::admission::Admission;
use crate::call::App;
use crate::executors::Executors;
use crate::front::Front;
use crate::keys::Keys;
use crate::measures::Measures;
use crate::server;
use crate::targets::Targets;

/// How often the catalog's stamp, the registry and the concurrency leases are looked at.
const TICK: Duration = Duration::from_secs(1);

/// What a gateway is made of.
pub struct Options {
    /// Bound by the caller, so that it knows the port before anything is served.
    pub listener: TcpListener,
    pub tls: Option<TlsAcceptor>,
    pub store: Store,
    pub redis: ConnectionManager,
    pub blobs: package::Blobs,
    pub clock: Clock,
    pub ids: Ids,
    /// Signs code download URLs; all gateways of an installation share it.
    pub url_key: [u8; 32],
    /// Proves gateways to executors of other machines.
    pub cluster_secret: SecretString,
    /// `/health` and `/metrics`.
    pub health: axum::Router,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not read the listener's address: {0}")]
    Listener(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A running gateway.
pub struct Handle {
    pub address: SocketAddr,
    /// Executors of the same process are added here.
    pub executors: Executors,
}

/// Starts serving. Returns when the listener accepts.
pub async fn start(options: Options, life: &Lifecycle) -> Result<Handle, Error> {
    let address = options.listener.local_addr()?;
    let executors = Executors::default();
    let admission = Admission::new(options.redis.clone(), &options.ids.random().to_string());
    let targets = Targets::new(options.store.clone(), admission.clone());
    let stamp = options.store.catalog_stamp().await?;
    let app = Arc::new(App {
        keys: Keys::new(options.store.clone()),
        store: options.store,
        clock: options.clock,
        ids: options.ids,
        life: life.clone(),
        blobs: options.blobs,
        url_key: options.url_key,
        scheme: if options.tls.is_some() {
            "https"
        } else {
            "http"
        },
        executors: executors.clone(),
        admission,
        targets,
        measures: Measures::default(),
    });
    let ours = server::own_paths(Arc::clone(&app)).merge(options.health);
    let front = Arc::new(Front::new(Arc::clone(&app)));
    life.spawn(
        "gateway",
        server::serve(options.listener, options.tls, front, ours, life.clone()),
    );
    // Log groups that were deleted when an earlier process ended.
    life.spawn(
        "sweep logs",
        crate::logs::sweep(app.store.clone(), life.clone()),
    );
    life.spawn(
        "gateway tick",
        tick(
            app,
            options.redis,
            options.cluster_secret,
            stamp,
            life.clone(),
        ),
    );
    Ok(Handle { address, executors })
}

/// Once a second: drop caches when the catalog moved, follow the registry, renew leases.
async fn tick(
    app: Arc<App>,
    mut redis: ConnectionManager,
    secret: SecretString,
    mut stamp: i64,
    life: Lifecycle,
) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = life.drain().cancelled() => return,
        }
        match app.store.catalog_stamp().await {
            Ok(now) if now != stamp => {
                app.forget();
                stamp = now;
            }
            Ok(_) => {}
            // Serving goes on with what is known: the warm path needs no Postgres.
            Err(error) => tracing::warn!(%error, "could not read the catalog's stamp"),
        }
        app.admission.renew().await;
        follow(&app.executors, &mut redis, &secret, &life).await;
    }
}

/// What an executor announces of itself.
#[derive(Deserialize)]
struct Announced {
    id: String,
    addr: String,
}

/// Key pattern of the executors' announcements.
const ANNOUNCED: &str = "tollgate:executor:*";

/// Connects to executors that announced themselves since the last look.
async fn follow(
    executors: &Executors,
    redis: &mut ConnectionManager,
    secret: &SecretString,
    life: &Lifecycle,
) {
    let look = async {
        let mut names = Vec::new();
        let mut scan = redis.scan_match::<_, String>(ANNOUNCED).await?;
        while let Some(name) = scan.next_item().await {
            names.push(name?);
        }
        drop(scan);
        if names.is_empty() {
            return Ok(Vec::new());
        }
        redis.mget::<_, Vec<Option<String>>>(names).await
    };
    let announced = match tokio::time::timeout(TICK, look).await {
        Ok(Ok(announced)) => announced,
        Ok(Err(error)) => {
            let error: redis::RedisError = error;
            tracing::debug!(%error, "could not read the executors' announcements");
            return;
        }
        Err(_) => return,
    };
    for text in announced.into_iter().flatten() {
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
