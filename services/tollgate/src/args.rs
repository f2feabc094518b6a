//! The command line.

mod billing;
mod caps;
mod documents;
mod events;
mod invoices;
mod ledger;
mod prices;
mod schedules;
mod services;

use std::net::SocketAddr;
use std::path::PathBuf;

use chassis::config::Flag;
use clap::{Parser, Subcommand, ValueHint};

use crate::config::Isolation;

pub(crate) use billing::{Billing, Forecast, Report, ReportFormat, Simulate};
pub(crate) use caps::{CapScope, Caps, ListCaps, SetCap};
pub(crate) use documents::{Exporting, Rendering, Table};
pub(crate) use events::{
    DeadLetters, Events, ListEvents, Output, Policy, Purge, Queue, Redrive, Undelivered, Which,
};
pub(crate) use invoices::{
    Close, Credit, CreditNote, DeclareLost, Draft, Explain, Invoices, ListInvoices, Pay,
};
pub(crate) use ledger::{Customers, LateUsage, Ledger, SetCustomer};
pub(crate) use prices::{DiffPrices, ImportPrices, ListPrices, Prices, Terms};
pub(crate) use schedules::{
    BackfillSchedule, History, Import, ImportCrontab, Key, ListSchedules, Next, OneSchedule,
    Schedules, SetPolicy,
};
pub(crate) use services::{BillingService, QueueService, SchedulerService};

/// A self-hosted AWS Lambda that carries its own bill.
///
/// Exit codes: 0 done, 1 failed (a sentence says why), 2 wrong usage.
#[derive(Debug, Parser)]
#[command(
    name = "tollgate",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Examples:\n  \
        tollgate up                                  start everything in .tollgate/\n  \
        eval \"$(tollgate env)\"                       point the AWS CLI and SDKs at it\n  \
        tollgate deploy examples/hello               zip, upload, wait, print the ARN\n  \
        tollgate invoke hello --payload '{\"name\":\"Ada\"}' --tail\n  \
        tollgate logs hello --follow"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything in one process, with a private Postgres and Redis
    #[command(after_help = "Examples:\n  \
        tollgate up\n  \
        tollgate up --data-dir /var/lib/tollgate --listen 127.0.0.1:0\n  \
        tollgate up --listen 0.0.0.0:9400 --tls-cert chain.pem --tls-key key.pem\n\n\
        All settings, with their meaning: tollgate.default.toml.")]
    Up(Up),
    /// Run the AWS-facing service alone, against given Postgres and Redis
    #[command(after_help = APART_HELP)]
    Gateway(Gateway),
    /// Run the service that executes functions alone, against given Postgres and Redis
    #[command(after_help = APART_HELP)]
    Executor(Executor),
    /// Run the service of asynchronous invocations alone, against given Postgres and Redis
    #[command(name = "queue-service", after_help = APART_HELP)]
    QueueService(QueueService),
    /// Run the service that fires schedules alone, against given Postgres and Redis
    #[command(name = "scheduler-service", after_help = APART_HELP)]
    SchedulerService(SchedulerService),
    /// Run the service that makes the bill alone, against given Postgres and Redis
    #[command(name = "billing-service", after_help = APART_HELP)]
    BillingService(BillingService),
    /// Bring a database's schema up to date
    Migrate(Migrate),
    /// Say what this host offers, and what to do about what is missing
    Doctor(Client),
    /// Print the AWS_* exports of a running Tollgate
    #[command(after_help = "Example:\n  eval \"$(tollgate env)\" && aws lambda list-functions")]
    Env(Client),
    /// Zip a directory and create or update its function
    #[command(
        after_help = "The directory's tollgate.toml names the function, its runtime and handler. Files that its \
        .gitignore names are left out.\n\nExample:\n  tollgate deploy examples/hello"
    )]
    Deploy(Deploy),
    /// Invoke a function and print its answer
    #[command(after_help = "Examples:\n  \
        tollgate invoke hello --payload '{\"name\":\"Ada\"}'\n  \
        tollgate invoke thumbnail --payload @event.json --tail\n  \
        echo '{}' | tollgate invoke hello --payload - --qualifier live\n  \
        tollgate invoke hello --event --wait\n\n\
        The answer goes to standard output; log and cost to standard error. Exit code 1 when the function fails.")]
    Invoke(Invoke),
    /// Print a function's log
    #[command(
        after_help = "Examples:\n  tollgate logs hello --since 1h\n  tollgate logs hello --follow"
    )]
    Logs(Logs),
    /// List functions
    Functions(Client),
    /// Asynchronous invocations: what became of them, dead letters, policies
    #[command(subcommand)]
    Async(Events),
    /// Schedules: when they fire, what they did; pause, run now, backfill; import a crontab
    #[command(subcommand)]
    Schedules(Schedules),
    /// Show what waits, per function, live
    #[command(
        after_help = "Examples:\n  tollgate queue\n  tollgate queue --once --json\n\nDEPTH counts events without an end: those that wait for a retry and those that run are among them."
    )]
    Queue(Queue),
    /// Show the platform's time, or move it forward (development only)
    #[command(
        subcommand,
        after_help = "The clock moves only where Tollgate was started with `tollgate up --dev-clock`. Schedules, retries, ages and \
            billing periods go by it; signatures and functions keep the host's time.\n\nExample:\n  tollgate clock advance 2m"
    )]
    Clock(Clock),
    /// Create and list accounts; on which terms they are billed
    #[command(subcommand)]
    Accounts(Accounts),
    /// Create, list and delete access keys
    #[command(subcommand)]
    Keys(Keys),
    /// Hard limits on what a month may cost: per account, function or tag
    #[command(subcommand)]
    Caps(Caps),
    /// Import, list, compare and export price books
    #[command(subcommand)]
    Prices(Prices),
    /// The bill: reports, forecasts, simulated months, drafts, invoices, credit notes, payments
    #[command(subcommand)]
    Billing(Billing),
    /// The ledger behind the bill: verify, accounts, journals
    #[command(subcommand)]
    Ledger(Ledger),
    /// Whom invoices are for
    #[command(subcommand)]
    Customers(Customers),
    /// Run a command with a private Postgres and Redis of its own, thrown away afterwards: for tests
    #[command(hide = true)]
    PrivateServices(PrivateServices),
}

const APART_HELP: &str = "Passwords are never given on the command line: write URLs without them and set \
    TOLLGATE_DATABASE_PASSWORD and TOLLGATE_REDIS_PASSWORD, or name files that hold the whole URLs \
    (database.url_file, redis.url_file). The gateway needs the installation's master key (TOLLGATE_MASTER_KEY or \
    secrets.master_key_file); all of them need the cluster secret (TOLLGATE_CLUSTER_SECRET or \
    secrets.cluster_secret_file).\n\nAll settings, with their meaning: tollgate.default.toml.";

/// Flags of every command that reads the configuration.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Place {
    /// Configuration file [default: tollgate.toml in the data directory, where there is one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Directory of this installation [default: .tollgate]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Door {
    /// Address to serve on; port 0 takes a free one [default: 127.0.0.1:9400]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Serve plain HTTP to other machines
    #[arg(long)]
    pub(crate) insecure_listen: bool,
    /// Certificate chain (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) door: Door,
    /// Id of the first account, 12 digits [default: 000000000000]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// Region that `tollgate env` speaks for [default: us-east-1]
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// What separates functions from the host [default: container]
    #[arg(long)]
    pub(crate) isolation: Option<Isolation>,
    /// Let `tollgate clock advance` move the platform's time: for development only
    #[arg(long)]
    pub(crate) dev_clock: bool,
    /// Once ready, deploy this directory, invoke its function and print answer, log and cost
    #[arg(long, value_name = "DIR")]
    pub(crate) demo: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Urls {
    /// `postgres://user@host/name`, without password
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// `redis://host:6379`, without password
    #[arg(long, value_name = "URL")]
    pub(crate) redis_url: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Gateway {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) urls: Urls,
    #[command(flatten)]
    pub(crate) door: Door,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Executor {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) urls: Urls,
    /// Address to serve gateways on; port 0 takes a free one [default: 127.0.0.1:9411]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address to answer /health and /metrics on [default: 127.0.0.1:9412]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) health_listen: Option<SocketAddr>,
    /// Where gateways reach it, if that is another
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) announce: Option<String>,
    /// What separates functions from the host [default: container]
    #[arg(long)]
    pub(crate) isolation: Option<Isolation>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) place: Place,
    /// `postgres://user@host/name`, without password
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
}

/// Flags of commands that speak to a running Tollgate over its AWS API: `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, ... where
/// they are set, else what `tollgate up` left in its data directory.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Client {
    /// Directory of the running Tollgate [default: .tollgate]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Region to work in [default: that of the credentials]
    #[arg(long)]
    pub(crate) region: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Deploy {
    /// Directory with a tollgate.toml
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// Function name instead of the manifest's
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Publish a version of it
    #[arg(long)]
    pub(crate) publish: bool,
    /// Let it reach the internet, or no longer (none) [default: as it is]
    #[arg(long, value_name = "internet|none", num_args = 0..=1, require_equals = true, default_missing_value = "internet")]
    pub(crate) egress: Option<Reach>,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// What `deploy --egress` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Reach {
    Internet,
    None,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Invoke {
    /// Name, partial ARN or ARN
    pub(crate) name: String,
    /// The event: JSON, @FILE, or - for standard input
    #[arg(long, default_value = "{}", value_name = "JSON|@FILE|-")]
    pub(crate) payload: String,
    /// Version or alias
    #[arg(long)]
    pub(crate) qualifier: Option<String>,
    /// Print the end of the invocation's log
    #[arg(long)]
    pub(crate) tail: bool,
    /// Invoke asynchronously and print the request id
    #[arg(long, conflicts_with = "tail")]
    pub(crate) event: bool,
    /// With --event: follow it to its end and print the result
    #[arg(long, requires = "event")]
    pub(crate) wait: bool,
    /// With --event: the same key and payload are the same event
    #[arg(long, requires = "event", value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    #[command(flatten)]
    pub(crate) client: Client,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Logs {
    /// Name of the function
    pub(crate) name: String,
    /// Go on printing what arrives
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// How far back to begin: 30s, 10m, 2h, 1d
    #[arg(long, default_value = "10m", value_name = "TIME", value_parser = crate::client::parse_span)]
    pub(crate) since: chrono::TimeDelta,
    #[command(flatten)]
    pub(crate) client: Client,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Clock {
    /// Print the platform's time
    Show {
        #[command(flatten)]
        client: Client,
    },
    /// Move the platform's time forward; what falls due meanwhile does so at once
    Advance {
        /// How far: 90s, 2m, 3h, 5d
        #[arg(value_name = "TIME", value_parser = crate::client::parse_span)]
        by: chrono::TimeDelta,
        #[command(flatten)]
        client: Client,
    },
}

/// Flags of commands that work on the database itself.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Operator {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Database of services that run apart [default: that of the `tollgate up` in the data directory]
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Accounts {
    /// Make an account with a first access key, and print both
    Create {
        /// 12 digits [default: a random one]
        #[arg(long)]
        id: Option<String>,
        /// What to call it
        name: String,
        #[command(flatten)]
        operator: Operator,
    },
    /// List accounts
    List {
        #[command(flatten)]
        operator: Operator,
    },
    /// Show or set an account's price book and free tier
    #[command(after_help = "Examples:\n  \
        tollgate accounts terms 000000000000\n  \
        tollgate accounts terms 000000000000 --book house --no-free-tier\n\n\
        What is set holds for all that is not on a final invoice yet. Executors see it within a minute.")]
    Terms(Terms),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make an access key for an account and print it; its secret is shown this once
    Create {
        /// The account's id
        account: String,
        #[command(flatten)]
        operator: Operator,
    },
    /// List an account's access keys, without their secrets
    List {
        /// The account's id
        account: String,
        #[command(flatten)]
        operator: Operator,
    },
    /// Delete an access key: it stops working within a second
    Delete {
        /// The key's id, AKIA...
        id: String,
        /// Even where it is the last key of the first account
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        operator: Operator,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct PrivateServices {
    /// Directory for their files [default: a new one below the system's temporary directory]
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
    /// The command; it finds `DATABASE_URL` and `REDIS_URL` in its environment
    #[arg(trailing_var_arg = true, required = true)]
    pub(crate) command: Vec<String>,
}

/// Collects the flags that were given.
#[derive(Debug, Default)]
pub(crate) struct Given(Vec<Flag>);

impl Given {
    fn set<T: ToString>(
        mut self,
        name: &'static str,
        key: &'static str,
        value: Option<&T>,
    ) -> Self {
        if let Some(value) = value {
            let value = value.to_string().into();
            self.0.push(Flag { name, key, value });
        }
        self
    }

    fn set_path(self, name: &'static str, key: &'static str, path: Option<&PathBuf>) -> Self {
        let text = path.map(|path| path.display().to_string());
        self.set(name, key, text.as_ref())
    }

    pub(crate) fn flags(self) -> Vec<Flag> {
        self.0
    }

    pub(crate) fn place(self, place: &Place) -> Self {
        self.set_path("--data-dir", "data_dir", place.data_dir.as_ref())
    }

    fn switch(mut self, name: &'static str, key: &'static str, on: bool) -> Self {
        if on {
            let value = true.into();
            self.0.push(Flag { name, key, value });
        }
        self
    }

    pub(crate) fn door(self, door: &Door) -> Self {
        self.switch(
            "--insecure-listen",
            "gateway.insecure_listen",
            door.insecure_listen,
        )
        .set("--listen", "gateway.listen", door.listen.as_ref())
        .set_path("--tls-cert", "gateway.tls_cert", door.tls_cert.as_ref())
        .set_path("--tls-key", "gateway.tls_key", door.tls_key.as_ref())
    }

    pub(crate) fn database(self, url: Option<&String>) -> Self {
        self.set("--database-url", "database.url", url)
    }

    pub(crate) fn urls(self, urls: &Urls) -> Self {
        self.database(urls.database_url.as_ref()).set(
            "--redis-url",
            "redis.url",
            urls.redis_url.as_ref(),
        )
    }

    pub(crate) fn isolation(self, isolation: Option<Isolation>) -> Self {
        self.set("--isolation", "executor.isolation", isolation.as_ref())
    }
}

impl Up {
    pub(crate) fn given(&self) -> Given {
        Given::default()
            .switch("--dev-clock", "dev_clock", self.dev_clock)
            .place(&self.place)
            .door(&self.door)
            .isolation(self.isolation)
            .set("--account", "account", self.account.as_ref())
            .set("--region", "region", self.region.as_ref())
    }
}

impl Gateway {
    pub(crate) fn given(&self) -> Given {
        Given::default()
            .place(&self.place)
            .urls(&self.urls)
            .door(&self.door)
    }
}

impl Executor {
    pub(crate) fn given(&self) -> Given {
        Given::default()
            .place(&self.place)
            .urls(&self.urls)
            .isolation(self.isolation)
            .set("--listen", "executor.listen", self.listen.as_ref())
            .set(
                "--health-listen",
                "executor.health_listen",
                self.health_listen.as_ref(),
            )
            .set("--announce", "executor.announce", self.announce.as_ref())
    }
}

impl Migrate {
    pub(crate) fn given(&self) -> Given {
        Given::default()
            .place(&self.place)
            .database(self.database_url.as_ref())
    }
}

impl Operator {
    pub(crate) fn given(&self) -> Given {
        Given::default()
            .place(&self.place)
            .database(self.database_url.as_ref())
    }
}

impl Accounts {
    pub(crate) fn operator(&self) -> &Operator {
        match self {
            Self::Create { operator, .. } | Self::List { operator } => operator,
            Self::Terms(args) => &args.operator,
        }
    }
}

impl Keys {
    pub(crate) fn operator(&self) -> &Operator {
        match self {
            Self::Create { operator, .. }
            | Self::List { operator, .. }
            | Self::Delete { operator, .. } => operator,
        }
    }
}
