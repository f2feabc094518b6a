//! An installation of services apart: a gateway, queues and executors as processes of their own, against the program's own
//! Postgres and Redis, which run with the settings that `tollgate up` gives its private ones.
//!
//! Everything is on loopback, or, for partitions, each service in a network namespace of its own (`network`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Door, Function};
use crate::bench::Bench;
use crate::children::{Child, Program, last_words};
use crate::client;
use crate::databases::{Kept, Postgres, Redis};
use crate::ledger::Facts;
use crate::network::Network;
use crate::platform::free_port;
use crate::processes;
use crate::witness::{Witness, Work};

/// The name of the function that events are for.
pub(crate) const FUNCTION: &str = "witness";
/// The name of the function that is handed the records of their ends.
const SINK: &str = "sink";
/// Of which a sandbox holds none: more environments may stand than fit the host's memory, for the witness is small.
const EXECUTOR_MEMORY_MB: u32 = 100_000;
const READY_TIME_MAX: Duration = Duration::from_mins(1);
const COMMAND_TIME_MAX: Duration = Duration::from_secs(30);

/// A part of an installation. Its place among all is also its network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Postgres,
    Redis,
    Gateway,
    /// Another one, beside it.
    SecondGateway,
    Queue(u8),
    Executor(u8),
    Scheduler(u8),
}

/// How many replicas each service may have.
const REPLICAS_MAX: u8 = 2;
/// How many the scheduler may have.
pub(crate) const SCHEDULERS_MAX: u8 = 3;
pub(crate) const SPACES: u8 = 4 + 2 * REPLICAS_MAX + SCHEDULERS_MAX;

impl Part {
    pub(crate) fn space(self) -> u8 {
        match self {
            Self::Postgres => 0,
            Self::Redis => 1,
            Self::Gateway => 2,
            Self::Queue(number) => 3 + number,
            Self::Executor(number) => 3 + REPLICAS_MAX + number,
            Self::Scheduler(number) => 3 + 2 * REPLICAS_MAX + number,
            Self::SecondGateway => SPACES - 1,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Postgres => "postgres".to_owned(),
            Self::Redis => "redis".to_owned(),
            Self::Gateway => "gateway".to_owned(),
            Self::SecondGateway => "gateway-2".to_owned(),
            Self::Queue(number) => format!("queue-{number}"),
            Self::Executor(number) => format!("executor-{number}"),
            Self::Scheduler(number) => format!("scheduler-{number}"),
        }
    }
}

/// Where a service runs, and how it is started again.
struct Service {
    part: Part,
    program: Program,
    log: PathBuf,
    child: Option<Child>,
}

/// The installation; it ends with this value, services before databases.
pub(crate) struct Installation {
    services: Vec<Service>,
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
    pub(crate) door: Door,
    /// The same account's at the second gateway, where there is one.
    pub(crate) second_door: Option<Door>,
    pub(crate) network: Option<Network>,
    environment: Vec<(String, String)>,
    tollgate: PathBuf,
    runtimes: PathBuf,
    dir: TempDir,
    sound: bool,
}

impl Drop for Installation {
    fn drop(&mut self) {
        if !self.sound {
            self.dir.disable_cleanup(true);
            announce_kept(self.dir.path());
        }
    }
}

#[expect(clippy::print_stderr, reason = "for the person at the terminal")]
fn announce_kept(dir: &Path) {
    eprintln!("Logs and ledgers are kept in {}", dir.display());
}

impl Installation {
    /// Starts the databases and a gateway, with an account. Queues and executors are started by [`Self::add`].
    pub(crate) async fn start(bench: &Bench, network: Option<Network>) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("tollgate-load-")
            .tempdir()?;
        let holder = |part: Part| network.as_ref().and_then(|n| n.holder(part.space()));
        let place = |part: Part, port| address(network.as_ref(), part, port);
        let (at_postgres, at_redis) = (place(Part::Postgres, 5432)?, place(Part::Redis, 6379)?);
        let postgres = Postgres::start(dir.path(), at_postgres, holder(Part::Postgres));
        let redis = Redis::start(dir.path(), at_redis, holder(Part::Redis), Kept::Nothing);
        let (postgres, redis) = tokio::try_join!(postgres, redis)?;
        let environment = settings(&postgres, &redis, dir.path());
        let runtimes = bench.work.join("runtimes");
        std::fs::create_dir_all(&runtimes)?;
        let mut installation = Self {
            services: Vec::new(),
            postgres,
            redis,
            door: Door {
                address: String::new(),
                key_id: String::new(),
                secret: String::new(),
            },
            second_door: None,
            network,
            environment,
            tollgate: bench.tollgate.clone(),
            runtimes,
            dir,
            sound: false,
        };
        installation.command(&["migrate"]).await?;
        installation.add(Part::Gateway).await?;
        installation.door = installation.account("load").await?;
        Ok(installation)
    }

    /// A directory of the scenario's own.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// All that was asked of it is well: its directory need not be looked at.
    pub(crate) fn sound(&mut self) {
        self.sound = true;
    }

    /// Runs a command of the operator's.
    pub(crate) async fn command(&self, words: &[&str]) -> Result<String> {
        let data = self.dir.path().join("gateway");
        let log = self.dir.path().join("commands.log");
        let words = [self.tollgate.as_os_str()]
            .into_iter()
            .chain(words.iter().map(std::ffi::OsStr::new))
            .chain(["--data-dir".as_ref(), data.as_os_str()]);
        let space = Part::Gateway.space();
        Program::new("tollgate", &log, words)
            .envs(&self.environment)
            .network(self.network.as_ref().and_then(|n| n.holder(space)))
            .piped()
            .run(COMMAND_TIME_MAX)
            .await
    }

    /// A new account.
    pub(crate) async fn account(&self, name: &str) -> Result<Door> {
        let text = self.command(&["accounts", "create", name]).await?;
        Door::from_exports(&self.door.address, &text)
    }

    /// Starts a service for the first time and waits until it is ready.
    pub(crate) async fn add(&mut self, part: Part) -> Result<()> {
        let name = part.name();
        let log = self.dir.path().join(format!("{name}.log"));
        let data = self.dir.path().join(&name);
        std::fs::create_dir_all(&data)?;
        let network = self.network.as_ref();
        let at = |port| address(network, part, port).map(|address| address.to_string());
        let data_dir = data.display().to_string();
        let mut words = vec![self.tollgate.display().to_string()];
        words.extend(match part {
            Part::Gateway => {
                let listen = at(9400)?;
                self.door.address.clone_from(&listen);
                vec!["gateway".to_owned(), "--listen".to_owned(), listen]
            }
            Part::SecondGateway => {
                let listen = at(9400)?;
                let mut door = self.door.clone();
                door.address.clone_from(&listen);
                self.second_door = Some(door);
                words_of("gateway", &[("--listen", listen)])
            }
            Part::Queue(_) => words_of("queue-service", &[("--health-listen", at(9421)?)]),
            Part::Scheduler(_) => words_of("scheduler-service", &[("--health-listen", at(9431)?)]),
            Part::Executor(_) => {
                // Runtime clients are installed once for all runs.
                std::os::unix::fs::symlink(&self.runtimes, data.join("runtimes"))?;
                let places = [("--listen", at(9411)?), ("--health-listen", at(9412)?)];
                words_of("executor", &places)
            }
            Part::Postgres | Part::Redis => {
                anyhow::bail!("{name} is started with the installation")
            }
        });
        words.extend(["--data-dir".to_owned(), data_dir]);
        let program = Program::new(&name, &log, words)
            .envs(&self.environment)
            .network(network.and_then(|network| network.holder(part.space())));
        self.services.push(Service {
            part,
            program,
            log,
            child: None,
        });
        self.start_service(part).await
    }

    /// Starts a service that was killed.
    pub(crate) async fn start_service(&mut self, part: Part) -> Result<()> {
        let service = self.service(part)?;
        let from = std::fs::metadata(&service.log).map_or(0, |log| log.len());
        let mut child = service.program.start()?;
        let deadline = Instant::now() + READY_TIME_MAX;
        while !says_ready(&service.log, from) {
            child.must_run()?;
            let late = Instant::now() > deadline;
            ensure!(
                !late,
                "{} was not ready: {}",
                child.name,
                last_words(&service.log)
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        service.child = Some(child);
        Ok(())
    }

    fn service(&mut self, part: Part) -> Result<&mut Service> {
        let service = self
            .services
            .iter_mut()
            .find(|service| service.part == part);
        service.with_context(|| format!("there is no {}", part.name()))
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, part: Part) -> Result<()> {
        let child = self.service(part)?.child.take();
        child
            .with_context(|| format!("no {} runs", part.name()))?
            .kill()
    }

    /// Ends a service in order.
    pub(crate) fn stop(&mut self, part: Part) -> Result<()> {
        let child = self.service(part)?.child.take();
        drop(child.with_context(|| format!("no {} runs", part.name()))?);
        Ok(())
    }

    /// The processes of a part: for Postgres all, for a service the one that serves.
    pub(crate) fn processes(&self, part: Part) -> Vec<u32> {
        match part {
            Part::Postgres => self.postgres.processes(),
            Part::Redis => self.redis.processes(),
            _ => {
                let all = self.services.iter().filter(|service| service.part == part);
                all.filter_map(|service| service.child.as_ref().map(Child::id))
                    .collect()
            }
        }
    }

    /// Fails if a service that was started has ended by itself.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        let mut children = self
            .services
            .iter_mut()
            .filter_map(|service| service.child.as_mut());
        children.try_for_each(Child::must_run)
    }

    /// Waits until starting has left nothing to do.
    pub(crate) async fn settled(&self) {
        let children = self
            .services
            .iter()
            .filter_map(|service| service.child.as_ref().map(Child::id));
        processes::settled(&children.collect::<Vec<_>>(), 60).await;
    }

    pub(crate) async fn facts(&self) -> Result<Facts> {
        Ok(Facts::new(self.postgres.connect().await?))
    }

    /// Creates the witness in the account of `door`, limited to `concurrency` environments where it is given.
    pub(crate) async fn deploy(
        &self,
        door: &Door,
        witness: &Witness,
        memory_mb: u32,
        concurrency: Option<u32>,
    ) -> Result<()> {
        create(door, FUNCTION, witness, memory_mb).await?;
        match concurrency {
            Some(concurrency) => limit(door, concurrency).await,
            None => Ok(()),
        }
    }

    /// Lets every end of the witness' events, whichever, be handed on to a second function; a function error is an end at once.
    pub(crate) async fn hand_on(&self, witness: &Witness, memory_mb: u32) -> Result<()> {
        create(&self.door, SINK, witness, memory_mb).await?;
        let path = format!("/2015-03-31/functions/{SINK}/configuration");
        let sink = self
            .door
            .call(Method::GET, &path, &Value::Null, 200)
            .await?;
        let target = json!({ "Destination": sink["FunctionArn"] });
        let path = format!("/2019-09-25/functions/{FUNCTION}/event-invoke-config");
        let config = json!({
            "MaximumRetryAttempts": 0,
            "DestinationConfig": { "OnSuccess": target, "OnFailure": target },
        });
        self.door.call(Method::PUT, &path, &config, 200).await?;
        Ok(())
    }

    /// Runs the witness `count` times at once, and again until no environment had to be started: all are warm then.
    pub(crate) async fn warm(&self, door: &Door, count: usize) -> Result<()> {
        let work = Work {
            ms: 100,
            ..Work::default()
        };
        let payload: Bytes = work.payload();
        for _ in 0..3 {
            let shot = door.invoke(FUNCTION, &payload)?;
            let calls = (0..count).map(|_| client::once(&shot));
            for answer in futures::future::try_join_all(calls).await? {
                ensure!(
                    answer.status == 200,
                    "warming up: {} {:?}",
                    answer.status,
                    answer.body
                );
            }
        }
        Ok(())
    }
}

async fn create(door: &Door, name: &str, witness: &Witness, memory_mb: u32) -> Result<()> {
    let function = Function {
        name,
        runtime: "provided.al2023",
        handler: "bootstrap",
        zip: &witness.zip,
        memory_mb,
        timeout_s: 120,
    };
    let secret = ("SECRET", witness.secret.as_str());
    door.create(&function, &[secret]).await
}

/// How many environments the witness may have.
pub(crate) async fn limit(door: &Door, concurrency: u32) -> Result<()> {
    let path = format!("/2017-10-31/functions/{FUNCTION}/concurrency");
    let body = json!({ "ReservedConcurrentExecutions": concurrency });
    door.call(Method::PUT, &path, &body, 200).await?;
    Ok(())
}

fn words_of(command: &str, flags: &[(&str, String)]) -> Vec<String> {
    let flags = flags
        .iter()
        .flat_map(|(flag, value)| [(*flag).to_owned(), value.clone()]);
    [command.to_owned()].into_iter().chain(flags).collect()
}

/// Where a part listens: in its namespace on its usual port, on loopback on a free one.
fn address(network: Option<&Network>, part: Part, usual_port: u16) -> Result<SocketAddr> {
    Ok(match network {
        Some(_) => SocketAddr::new(Network::address(part.space()), usual_port),
        None => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), free_port()?),
    })
}

fn says_ready(log: &Path, from: u64) -> bool {
    let bytes = std::fs::read(log).unwrap_or_default();
    let new = usize::try_from(from)
        .ok()
        .and_then(|from| bytes.get(from..));
    String::from_utf8_lossy(new.unwrap_or_default()).contains(" is ready at ")
}

fn settings(postgres: &Postgres, redis: &Redis, dir: &Path) -> Vec<(String, String)> {
    let key = |byte: u8| STANDARD.encode([byte; 32]);
    [
        ("TOLLGATE_DATABASE_URL", postgres.url()),
        ("TOLLGATE_REDIS_URL", redis.url()),
        ("TOLLGATE_MASTER_KEY", key(1)),
        ("TOLLGATE_CLUSTER_SECRET", key(2)),
        (
            "TOLLGATE_STORAGE_DIR",
            dir.join("code").display().to_string(),
        ),
        (
            "TOLLGATE_EXECUTOR_MEMORY_MB",
            EXECUTOR_MEMORY_MB.to_string(),
        ),
        ("TOLLGATE_GATEWAY_INSECURE_LISTEN", "true".to_owned()),
        ("TOLLGATE_DRAIN_S", "5".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
