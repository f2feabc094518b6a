//! Putting the gateway together.

use std::net::SocketAddr;
use std::sync::Arc;

use chassis::{Clock, DevClock, Ids, Lifecycle};
use dispatch::Dispatch;
use dispatch::hints::Hints;
use redis::aio::ConnectionManager;
use store::Store;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::api::{Api, Looks};
use crate::call::App;
use crate::front::Front;
use crate::keys::Keys;
use crate::lambda::invoke::event::Intake;
use crate::measures::Measures;
use crate::server;

/// What a gateway is made of.
pub struct Options {
    /// Bound by the caller, so that it knows the port before anything is served.
    pub listener: TcpListener,
    pub tls: Option<TlsAcceptor>,
    pub store: Store,
    pub dispatch: Dispatch,
    pub redis: ConnectionManager,
    pub blobs: package::Blobs,
    pub clock: Clock,
    /// Never moved: clients sign by it.
    pub host_clock: Clock,
    /// What moves `clock`, where that is allowed.
    pub dev_clock: Option<DevClock>,
    pub ids: Ids,
    /// Signs code download URLs; all gateways of an installation share it.
    pub url_key: [u8; 32],
    /// Whether webhooks of budgets may reach private addresses.
    pub webhooks_private: bool,
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
}

/// Starts serving. Returns when the listener accepts.
pub async fn start(options: Options, life: &Lifecycle) -> Result<Handle, Error> {
    let address = options.listener.local_addr()?;
    let intake = Intake::start(
        options.store.clone(),
        Hints::new(options.redis),
        options.clock.clone(),
        options.ids,
        life,
    );
    let app = Arc::new(App {
        intake,
        keys: Keys::new(options.store.clone()),
        store: options.store,
        clock: options.clock,
        host_clock: options.host_clock,
        dev_clock: options.dev_clock,
        ids: options.ids,
        life: life.clone(),
        blobs: options.blobs,
        url_key: options.url_key,
        webhooks_private: options.webhooks_private,
        scheme: if options.tls.is_some() {
            "https"
        } else {
            "http"
        },
        dispatch: options.dispatch,
        looks: Looks::default(),
        measures: Measures::default(),
    });
    let ours = server::own_paths(Arc::clone(&app)).merge(options.health);
    let front = Arc::new(Front::new(Arc::clone(&app)));
    let api = Arc::new(Api::new(Arc::clone(&app)));
    life.spawn(
        "gateway",
        server::serve(
            options.listener,
            options.tls,
            (front, api, ours),
            life.clone(),
        ),
    );
    let forgetting = Arc::clone(&app);
    app.dispatch
        .start(Arc::new(move || forgetting.keys.clear()), life)
        .await?;
    // Log groups that were deleted when an earlier process ended.
    life.spawn(
        "sweep logs",
        crate::logs::sweep(app.store.clone(), life.clone()),
    );
    life.spawn(
        "watch budgets",
        crate::budgets::watch::run(app, life.clone()),
    );
    Ok(Handle { address })
}
