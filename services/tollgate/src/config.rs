//! Every setting of Tollgate: a struct per concern, whose comments are the manual.
//!
//! `tollgate.default.toml` at the top of the repository is the same manual as a file; a test keeps the two equal. How a key is written in the file, the
//! environment and on the command line: [`chassis::config`].

mod check;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use chassis::config::{Flag, Sources};
use chassis::telemetry::LogFormat;
use domain::{AccountId, Region};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// Variables with our prefix that are not keys: secrets, and the file's own place.
const OTHER_VARIABLES: &[&str] = &[
    "CONFIG",
    "MASTER_KEY",
    "CLUSTER_SECRET",
    "DATABASE_PASSWORD",
    "REDIS_PASSWORD",
    // Left to tests of Tollgate and around it.
    "TEST_*",
];

/// The file looked for in the data directory when none is named.
const FILE: &str = "tollgate.toml";

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    /// Where everything of this installation lies: databases, code, logs, secrets.
    pub(crate) data_dir: PathBuf,
    /// The region that `tollgate env` speaks for. Requests name their own region; any name is served.
    pub(crate) region: Region,
    /// The first account's id: 12 digits. Given once, at the first start.
    pub(crate) account: AccountId,
    /// How long work in flight may take to end at a stop, in seconds: 1 to 3600.
    pub(crate) drain_s: u64,
    /// Let `tollgate clock advance` move the platform's time. Only for `tollgate up`, and only for development: what is recorded
    /// afterwards, usage for one, lies in the future.
    pub(crate) dev_clock: bool,
    pub(crate) gateway: Gateway,
    pub(crate) executor: Executor,
    pub(crate) queue: Queue,
    pub(crate) scheduler: Scheduler,
    pub(crate) billing: Billing,
    pub(crate) database: Database,
    pub(crate) redis: Redis,
    pub(crate) storage: Storage,
    pub(crate) secrets: Secrets,
    pub(crate) telemetry: Telemetry,
}

/// The AWS-facing service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Gateway {
    /// Address and port to listen on; port 0 takes a free one. Anything but loopback asks for TLS or `insecure_listen`.
    pub(crate) listen: SocketAddr,
    /// Accept plain HTTP from other machines: for a trusted network, or behind a proxy that speaks TLS.
    pub(crate) insecure_listen: bool,
    /// Certificate chain in PEM form. Together with `tls_key`.
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key in PEM form.
    pub(crate) tls_key: Option<PathBuf>,
    /// Let webhooks of budgets reach private addresses.
    pub(crate) webhooks_private: bool,
}

/// The service that runs functions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Executor {
    /// `container`, or `process`: no isolation at all, for development on hosts that allow nothing better.
    pub(crate) isolation: Isolation,
    /// Memory for function environments in MB, or `auto`: four fifths of the host's.
    pub(crate) memory_mb: Amount,
    /// How long an environment may stand idle before it ends, in seconds.
    pub(crate) idle_s: u64,
    /// Interpreters to use besides those that are found on the PATH and in the usual places.
    pub(crate) interpreters: Vec<PathBuf>,
    /// How many of each runtime wait, started, for a function: 0 to 100. They make cold starts short and cost memory.
    pub(crate) parked_runtimes: usize,
    /// Where functions reach the Lambda API (they find it as `AWS_ENDPOINT_URL`): a gateway's URL. By default `tollgate up` takes
    /// its own; functions of a `tollgate executor` reach none. With https it has the name of the gateway's certificate.
    pub(crate) gateway_url: Option<String>,
    /// `on-request`: functions with the tag `tollgate:egress` = `internet` reach the internet, and nothing private. `deny`: they
    /// do not run.
    pub(crate) egress: Egress,
    /// Name servers for functions with egress: at most three IPv4 addresses. By default those that this host asks.
    pub(crate) resolvers: Vec<Ipv4Addr>,
    /// Where `tollgate executor` listens for gateways (gRPC). Not used by `tollgate up`.
    pub(crate) listen: SocketAddr,
    /// `host:port` under which gateways reach this executor, where it differs from `listen`.
    pub(crate) announce: Option<String>,
    /// Where `tollgate executor` answers `/health` and `/metrics` (HTTP). Not used by `tollgate up`.
    pub(crate) health_listen: SocketAddr,
}

/// The service that runs asynchronous invocations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Queue {
    /// Events that a replica has running at once: 1 to 100000.
    pub(crate) in_flight_max: usize,
    /// Where `tollgate queue-service` answers `/health` and `/metrics` (HTTP). Not used by `tollgate up`.
    pub(crate) health_listen: SocketAddr,
}

/// The service that fires schedules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Scheduler {
    /// Where `tollgate scheduler-service` answers `/health` and `/metrics` (HTTP). Not used by `tollgate up`.
    pub(crate) health_listen: SocketAddr,
}

/// The service that makes the bill, and who issues it. What is changed here is on invoices from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Billing {
    /// The issuer's name.
    pub(crate) issuer_name: String,
    /// Lines of the issuer's postal address, without the country.
    pub(crate) issuer_address: Vec<String>,
    /// The issuer's country: two capital letters (ISO 3166).
    pub(crate) issuer_country: String,
    /// The issuer's VAT number or the like.
    pub(crate) issuer_tax_id: String,
    /// Where customers write to.
    pub(crate) issuer_email: String,
    /// A picture for invoices: PNG or SVG, at most 1 MiB.
    pub(crate) logo_file: Option<PathBuf>,
    /// What invoice numbers begin with, at most 32 characters. Each prefix is a series of its own: 1, 2, 3 without a gap.
    pub(crate) number_prefix: String,
    /// Days from an invoice's date to when it is due: 0 to 365.
    pub(crate) payment_days: u32,
    /// What taxes are computed from: the `invoice`'s subtotal, or each `line`.
    pub(crate) tax_level: TaxedBy,
    /// Where `tollgate billing-service` answers `/health` and `/metrics` (HTTP). Not used by `tollgate up`.
    pub(crate) health_listen: SocketAddr,
}

/// What taxes are computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TaxedBy {
    Invoice,
    Line,
}

/// Postgres, where services run apart. `tollgate up` runs its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Database {
    /// `postgres://user@host:5432/name`, without password: that comes from `TOLLGATE_DATABASE_PASSWORD` or `url_file`.
    pub(crate) url: Option<String>,
    /// A file, readable by its owner only, whose first line is the URL, with its password.
    pub(crate) url_file: Option<PathBuf>,
    /// Connections of each service: 2 to 1000. A queue and a scheduler have one more, by which others see that they live.
    pub(crate) connections_max: u32,
}

/// Redis or Valkey, where services run apart. `tollgate up` runs its own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Redis {
    /// `redis://host:6379/0`, without password: that comes from `TOLLGATE_REDIS_PASSWORD` or `url_file`.
    pub(crate) url: Option<String>,
    /// A file, readable by its owner only, whose first line is the URL, with its password.
    pub(crate) url_file: Option<PathBuf>,
}

/// Where deployed code is kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Storage {
    /// The directory of zips, by default `code` in the data directory. Gateways and executors on several machines share it (NFS).
    pub(crate) dir: Option<PathBuf>,
}

/// Keys.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Secrets {
    /// The key that encrypts access keys and environment variables in the database: 32 bytes in base64. By default
    /// `secrets/master.key` in the data directory, made at the first `tollgate up`. `TOLLGATE_MASTER_KEY` wins.
    pub(crate) master_key_file: Option<PathBuf>,
    /// What gateways and executors prove themselves to each other with: 32 bytes in base64. By default
    /// `secrets/cluster.secret` in the data directory. `TOLLGATE_CLUSTER_SECRET` wins.
    pub(crate) cluster_secret_file: Option<PathBuf>,
}

/// Logs and traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Telemetry {
    /// `auto` (text on a terminal, JSON otherwise), `text` or `json`.
    pub(crate) log_format: LogFormat,
    /// What to log, such as `info` or `info,executor=debug`.
    pub(crate) log_filter: String,
    /// An OpenTelemetry collector (gRPC) to send traces to, such as `http://127.0.0.1:4317`. Without one, none are made.
    pub(crate) otlp_endpoint: Option<String>,
}

/// What separates functions from the host and from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Isolation {
    /// Namespaces, cgroups, seccomp, an unprivileged user.
    Container,
    /// None: development only.
    Process,
}

impl std::fmt::Display for Isolation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Container => "container",
            Self::Process => "process",
        })
    }
}

/// Whether functions get out that ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Egress {
    OnRequest,
    Deny,
}

/// A number of MB, or `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "NumberOrText")]
pub(crate) enum Amount {
    Auto,
    Mb(u64),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

impl TryFrom<NumberOrText> for Amount {
    type Error = String;

    fn try_from(given: NumberOrText) -> Result<Self, String> {
        match given {
            NumberOrText::Number(mb) => Ok(Self::Mb(mb)),
            NumberOrText::Text(text) if text == "auto" => Ok(Self::Auto),
            NumberOrText::Text(text) => text
                .parse()
                .map(Self::Mb)
                .map_err(|_| format!("{text:?} is neither a number of MB nor \"auto\"")),
        }
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        match amount {
            Amount::Auto => "auto".to_owned(),
            Amount::Mb(mb) => mb.to_string(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from(".tollgate"),
            #[expect(clippy::expect_used, reason = "a constant that a test reads")]
            region: "us-east-1".parse().expect("a region's name"),
            #[expect(clippy::expect_used, reason = "a constant that a test reads")]
            account: AccountId::new(0).expect("12 digits"),
            drain_s: 60,
            dev_clock: false,
            gateway: Gateway::default(),
            executor: Executor::default(),
            queue: Queue::default(),
            scheduler: Scheduler::default(),
            billing: Billing::default(),
            database: Database::default(),
            redis: Redis::default(),
            storage: Storage::default(),
            secrets: Secrets::default(),
            telemetry: Telemetry::default(),
        }
    }
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 9400).into(),
            insecure_listen: false,
            tls_cert: None,
            tls_key: None,
            webhooks_private: false,
        }
    }
}

impl Default for Executor {
    fn default() -> Self {
        Self {
            isolation: Isolation::Container,
            memory_mb: Amount::Auto,
            idle_s: 300,
            interpreters: Vec::new(),
            parked_runtimes: 1,
            gateway_url: None,
            egress: Egress::OnRequest,
            resolvers: Vec::new(),
            listen: ([127, 0, 0, 1], 9411).into(),
            announce: None,
            health_listen: ([127, 0, 0, 1], 9412).into(),
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            in_flight_max: queue::IN_FLIGHT_MAX,
            health_listen: ([127, 0, 0, 1], 9413).into(),
        }
    }
}

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            health_listen: ([127, 0, 0, 1], 9414).into(),
        }
    }
}

impl Default for Billing {
    fn default() -> Self {
        let issuer = store::parties::Issuer::default();
        Self {
            issuer_name: issuer.party.name,
            issuer_address: Vec::new(),
            issuer_country: String::new(),
            issuer_tax_id: String::new(),
            issuer_email: String::new(),
            logo_file: None,
            number_prefix: issuer.number_prefix,
            payment_days: issuer.payment_days,
            tax_level: TaxedBy::Invoice,
            health_listen: ([127, 0, 0, 1], 9415).into(),
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            connections_max: 16,
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Auto,
            log_filter: "info,sqlx=warn".to_owned(),
            otlp_endpoint: None,
        }
    }
}

/// A configuration that makes sense, and the secrets of the environment.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) environment: Environment,
}

/// Secrets that came from the environment.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    pub(crate) master_key: Option<SecretString>,
    pub(crate) cluster_secret: Option<SecretString>,
    pub(crate) database_password: Option<SecretString>,
    pub(crate) redis_password: Option<SecretString>,
}

/// Which services a process runs: some keys make sense for one and not for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `tollgate up`, with its own Postgres and Redis.
    Up,
    Gateway,
    Executor,
    Queue,
    Scheduler,
    Billing,
    /// An operator's command on the database of a running `up`, or of `database.url`.
    Operator,
}

/// Reads the layers: defaults, `file` (or the data directory's own), `environment`, `flags`.
pub(crate) fn load(
    shape: Shape,
    file: Option<PathBuf>,
    environment: &[(String, String)],
    flags: &[Flag],
) -> Result<Settings> {
    let variable = |name: &str| {
        let found = environment
            .iter()
            .find(|(key, _)| key.strip_prefix("TOLLGATE_") == Some(name));
        found.map(|(_, value)| value.clone())
    };
    let secrets = Environment {
        master_key: variable("MASTER_KEY").map(Into::into),
        cluster_secret: variable("CLUSTER_SECRET").map(Into::into),
        database_password: variable("DATABASE_PASSWORD").map(Into::into),
        redis_password: variable("REDIS_PASSWORD").map(Into::into),
    };
    let file = file.or_else(|| variable("CONFIG").map(PathBuf::from));
    let sources = |file| Sources {
        file,
        environment: environment.to_vec(),
        other_variables: OTHER_VARIABLES,
        flags: flags.to_vec(),
    };
    let file = if file.is_some() {
        file
    } else {
        let bare = chassis::config::load::<Config>(sources(None))?.config;
        Some(bare.data_dir.join(FILE)).filter(|file| file.exists())
    };
    let loaded = chassis::config::load::<Config>(sources(file))?;
    check::check(&loaded, shape).map_err(|why| anyhow!(why))?;
    let mut config = loaded.config;
    config.data_dir = std::path::absolute(&config.data_dir)
        .with_context(|| format!("{} is not a path", config.data_dir.display()))?;
    Ok(Settings {
        config,
        environment: secrets,
    })
}

impl Config {
    /// Where deployed code is kept.
    pub(crate) fn code_dir(&self) -> PathBuf {
        self.storage
            .dir
            .clone()
            .unwrap_or_else(|| self.data_dir.join("code"))
    }

    pub(crate) fn master_key_file(&self) -> PathBuf {
        let default = || self.data_dir.join("secrets/master.key");
        self.secrets.master_key_file.clone().unwrap_or_else(default)
    }

    pub(crate) fn cluster_secret_file(&self) -> PathBuf {
        let default = || self.data_dir.join("secrets/cluster.secret");
        self.secrets
            .cluster_secret_file
            .clone()
            .unwrap_or_else(default)
    }
}

/// The text of a URL file.
pub(crate) fn url_from_file(path: &Path) -> Result<SecretString> {
    Ok(chassis::secrets::read_private(path)?)
}

#[cfg(test)]
mod tests;
