//! What both compositions, one process or many, put together the same way.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chassis::{Clock, DevClock, Health, Ids, Lifecycle, Metrics};
use dispatch::Dispatch;
use dispatch::hints::Hints;
use executor::GatewayUrl;
use package::Blobs;
use redis::aio::ConnectionManager;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use store::Store;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{Amount, Config, Egress, Isolation};
use crate::platform_clock::PlatformClock;

/// Metrics nobody asks for are folded this often.
const TIDY_PERIOD: Duration = Duration::from_mins(1);

/// After a start or a jump of the clock, billing waits so long for executors to report, before it closes a month without them: they say
/// something every ten seconds.
const BILLING_SETTLING: Duration = Duration::from_secs(15);

/// The parts of a process that every service of it uses.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) redis: ConnectionManager,
    pub(crate) blobs: Blobs,
    pub(crate) clock: Clock,
    /// What moves `clock`, where that is allowed.
    pub(crate) dev_clock: Option<DevClock>,
    pub(crate) ids: Ids,
    pub(crate) cluster_secret: SecretString,
    pub(crate) health: Health,
    pub(crate) metrics: Metrics,
}

impl Parts {
    /// Sets up metrics, health with a probe of Redis, and the store of code.
    pub(crate) fn new(
        service: &'static str,
        config: &Config,
        redis: ConnectionManager,
        cluster_secret: SecretString,
        life: &Lifecycle,
    ) -> Result<Self> {
        let metrics = Metrics::install()?;
        life.spawn("tidy metrics", tidy(metrics.clone(), life.clone()));
        let health = Health::new(service);
        let asked = redis.clone();
        health.probe("redis", move || {
            let redis = asked.clone();
            async move {
                let pong = chassis::redis::ping(&redis).await;
                pong.map(|()| None).map_err(|error| error.to_string())
            }
        });
        let dir = config.code_dir();
        let blobs = Blobs::local(&dir).with_context(|| {
            format!(
                "The directory of deployed code, {}, cannot be used",
                dir.display()
            )
        })?;
        Ok(Self {
            redis,
            blobs,
            clock: Clock::system(),
            dev_clock: None,
            ids: Ids,
            cluster_secret,
            health,
            metrics,
        })
    }

    /// The same parts on the clock of a data directory.
    pub(crate) fn on(mut self, clock: &PlatformClock) -> Self {
        self.clock = clock.clock.clone();
        self.dev_clock.clone_from(&clock.dev);
        self
    }

    /// Lets `/health` ask the database.
    pub(crate) fn probe_store(&self, store: &Store) {
        let store = store.clone();
        self.health.probe("postgres", move || {
            let store = store.clone();
            async move {
                store
                    .ping()
                    .await
                    .map(|()| None)
                    .map_err(|error| error.to_string())
            }
        });
    }

    /// What gateway and queue of a process share: from a function's name to its run.
    pub(crate) fn dispatch(&self, store: &Store) -> Dispatch {
        Dispatch::new(
            store.clone(),
            self.redis.clone(),
            self.cluster_secret.clone(),
            self.clock.clone(),
            self.ids,
        )
    }

    /// Starts the gateway on a listener that is bound already.
    pub(crate) async fn gateway(
        &self,
        config: &Config,
        listener: TcpListener,
        store: Store,
        dispatch: &Dispatch,
        life: &Lifecycle,
    ) -> Result<gateway::Handle> {
        let options = gateway::Options {
            listener,
            tls: tls(config)?,
            store,
            dispatch: dispatch.clone(),
            redis: self.redis.clone(),
            blobs: self.blobs.clone(),
            clock: self.clock.clone(),
            host_clock: Clock::system(),
            dev_clock: self.dev_clock.clone(),
            ids: self.ids,
            url_key: url_key(&self.cluster_secret),
            webhooks_private: config.gateway.webhooks_private,
            health: self.health.router(Some(self.metrics.clone())),
        };
        gateway::start(options, life)
            .await
            .context("The gateway cannot start")
    }

    /// Starts a replica of the queue; `source` is the URL and password of Redis, for a connection of its own.
    pub(crate) async fn queue(
        &self,
        config: &Config,
        store: Store,
        dispatch: &Dispatch,
        source: (SecretString, Option<SecretString>),
        life: &Lifecycle,
    ) -> Result<()> {
        let options = queue::Options {
            store,
            dispatch: dispatch.clone(),
            redis: self.redis.clone(),
            redis_url: source.0,
            redis_password: source.1,
            clock: self.clock.clone(),
            ids: self.ids,
            in_flight_max: config.queue.in_flight_max,
        };
        let handle = queue::start(options, life)
            .await
            .context("The queue cannot start")?;
        self.health.probe("queue", move || {
            let text = handle.describe();
            async move { Ok(Some(text)) }
        });
        Ok(())
    }

    /// Starts a replica of the scheduler.
    pub(crate) async fn scheduler(
        &self,
        store: Store,
        dispatch: &Dispatch,
        life: &Lifecycle,
    ) -> Result<()> {
        let options = scheduler::Options {
            store,
            hints: Hints::new(self.redis.clone()),
            executors: dispatch.executors.clone(),
            clock: self.clock.clone(),
            ids: self.ids,
        };
        let handle = scheduler::start(options, life)
            .await
            .context("The scheduler cannot start")?;
        self.health.probe("scheduler", move || {
            let text = handle.describe();
            async move { Ok(Some(text)) }
        });
        Ok(())
    }

    /// Starts the service that makes the bill.
    pub(crate) async fn billing(
        &self,
        config: &Config,
        store: Store,
        life: &Lifecycle,
    ) -> Result<()> {
        let options = billing::Options {
            store,
            clock: self.clock.clone(),
            issuer: crate::issuer::of(&config.billing)?,
            settling: BILLING_SETTLING,
        };
        let handle = billing::start(options, life)
            .await
            .context("Billing cannot start")?;
        self.health.probe("billing", move || {
            let text = handle.describe();
            async move { Ok(Some(text)) }
        });
        Ok(())
    }

    /// Starts the executor. `advertise` is where gateways of other processes reach it, `gateway` where functions reach one.
    pub(crate) async fn executor(
        &self,
        config: &Config,
        data_dir: &Path,
        advertise: Option<String>,
        gateway: Option<GatewayUrl>,
        store: Store,
        life: &Lifecycle,
    ) -> Result<Arc<executor::Handle>> {
        if config.executor.isolation == Isolation::Process {
            tracing::warn!(
                "isolation is \"process\": functions run with nothing between them and this host. For development only"
            );
        }
        let options = executor::Options {
            program: std::env::current_exe().context("this program's own path")?,
            data_dir: data_dir.to_owned(),
            isolation: match config.executor.isolation {
                Isolation::Container => executor::sandbox::Isolation::Container,
                Isolation::Process => executor::sandbox::Isolation::Process,
            },
            memory_mb_max: match config.executor.memory_mb {
                Amount::Auto => None,
                Amount::Mb(mb) => Some(mb),
            },
            idle_ttl: Duration::from_secs(config.executor.idle_s),
            interpreters: config.executor.interpreters.clone(),
            parked_runtimes: config.executor.parked_runtimes,
            gateway,
            egress: match config.executor.egress {
                Egress::OnRequest => executor::sandbox::Egress::OnRequest {
                    resolvers: config.executor.resolvers.clone(),
                },
                Egress::Deny => executor::sandbox::Egress::Deny,
            },
            cluster: advertise.map(|advertise| executor::Cluster {
                advertise,
                secret: self.cluster_secret.clone(),
                redis: self.redis.clone(),
            }),
            store,
            blobs: self.blobs.clone(),
            clock: self.clock.clone(),
            host_clock: Clock::system(),
            ids: self.ids,
        };
        let handle = executor::start(options, life)
            .await
            .context("The executor cannot start")?;
        let handle = Arc::new(handle);
        let described = Arc::clone(&handle);
        self.health.probe("executor", move || {
            let text = described.describe();
            async move { Ok(Some(text)) }
        });
        Ok(handle)
    }
}

/// What signs download URLs: derived, so that all gateways of an installation accept each other's.
fn url_key(cluster_secret: &SecretString) -> [u8; 32] {
    Sha256::new_with_prefix(b"tollgate code download URLs\0")
        .chain_update(cluster_secret.expose_secret())
        .finalize()
        .into()
}

async fn tidy(metrics: Metrics, life: Lifecycle) {
    let mut ticks = tokio::time::interval(TIDY_PERIOD);
    loop {
        tokio::select! {
            _ = ticks.tick() => metrics.tidy(),
            () = life.drain().cancelled() => return,
        }
    }
}

/// Binds a service's address.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("Nothing can listen on {address}: is another program there?"))
}

/// The URL under which clients on this host reach the gateway.
pub(crate) fn endpoint(config: &Config, bound: SocketAddr) -> String {
    let tls = config.gateway.tls_cert.is_some();
    // A certificate is made for a name; and nobody connects to "any address".
    let host = match bound.ip() {
        ip if tls && (ip.is_unspecified() || ip.is_loopback()) => "localhost".to_owned(),
        ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{host}:{}", bound.port())
}

/// Where functions of an executor in the gateway's own process reach that.
pub(crate) fn own_gateway(config: &Config, bound: SocketAddr) -> Option<GatewayUrl> {
    let url = endpoint(config, bound);
    let parsed = url.parse();
    if parsed.is_err() {
        tracing::warn!(
            "functions cannot call the Lambda API: set executor.gateway_url to https:// and the name of the gateway's certificate"
        );
    }
    parsed.ok()
}

/// Where functions reach a gateway, as configured.
pub(crate) fn given_gateway(config: &Config) -> Option<GatewayUrl> {
    let url = config.executor.gateway_url.as_ref()?;
    // Checked with the rest of the configuration.
    url.parse().ok()
}

fn tls(config: &Config) -> Result<Option<TlsAcceptor>> {
    let (Some(cert), Some(key)) = (&config.gateway.tls_cert, &config.gateway.tls_key) else {
        return Ok(None);
    };
    let bad = |path: &Path| {
        format!(
            "{} does not hold what it should in PEM form",
            path.display()
        )
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| bad(cert))?;
    let key_der = PrivateKeyDer::from_pem_file(key).with_context(|| bad(key))?;
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .with_context(|| {
            format!(
                "{} and {} do not belong together",
                cert.display(),
                key.display()
            )
        })?;
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_an_address_they_can_reach() {
        let check = |bound: &str, tls: bool, expected: &str| {
            let mut config = Config::default();
            config.gateway.tls_cert = tls.then(|| "c".into());
            assert_eq!(endpoint(&config, bound.parse().unwrap()), expected);
        };
        check("127.0.0.1:9400", false, "http://127.0.0.1:9400");
        check("0.0.0.0:9400", false, "http://127.0.0.1:9400");
        check("0.0.0.0:9400", true, "https://localhost:9400");
        check("10.0.0.7:1", true, "https://10.0.0.7:1");
        check("[::1]:1", false, "http://[::1]:1");
    }
}
