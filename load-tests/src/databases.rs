//! The Postgres and the Redis of a scenario: private, thrown away with it, on TCP as servers on machines of their own are.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;
use redis::aio::MultiplexedConnection;
use tokio_postgres::{Client, NoTls};

use crate::children::{Child, Program};
use crate::processes;

/// What the product's private Postgres runs with (`services/tollgate/src/private/postgres.rs`); a test compares.
const POSTGRES_SETTINGS: &str = "\
shared_buffers = 128MB
jit = off
max_wal_size = 1GB
checkpoint_timeout = 15min
wal_compression = on
wal_level = minimal
max_wal_senders = 0
bgwriter_delay = 1s
autovacuum_naptime = 1min
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
log_checkpoints = off
fsync = on
synchronous_commit = on
full_page_writes = on
";

const READY_TIME_MAX: Duration = Duration::from_mins(1);
const USER: &str = "tollgate";

/// A Postgres server.
pub(crate) struct Postgres {
    program: Program,
    child: Option<Child>,
    pub(crate) address: SocketAddr,
}

impl Postgres {
    /// Makes a cluster in `dir` and starts it. `network` is the namespace that `address` is in.
    pub(crate) async fn start(
        dir: &Path,
        address: SocketAddr,
        network: Option<u32>,
    ) -> Result<Self> {
        let bin = postgres_bin()?;
        let (data, log) = (dir.join("postgres"), dir.join("postgres.log"));
        std::fs::create_dir_all(&data)?;
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o711))?;
        if let Some(user) = nix::unistd::User::from_name("postgres")?
            .filter(|_| nix::unistd::Uid::effective().is_root())
        {
            std::os::unix::fs::chown(&data, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        let path = |program: &str| bin.join(program).into_os_string();
        let initdb = [path("initdb"), "--pgdata".into(), data.clone().into()]
            .into_iter()
            .chain(["--username", USER, "--encoding", "UTF8", "--no-locale"].map(Into::into))
            .chain(["--auth", "trust", "--data-checksums", "--no-instructions"].map(Into::into));
        let initdb = Program::new("initdb", &log, initdb).user("postgres");
        initdb.dir(dir).run(READY_TIME_MAX).await?;
        std::fs::write(data.join("postgresql.conf"), settings(address))?;
        std::fs::write(
            data.join("pg_hba.conf"),
            format!("host all {USER} all trust\n"),
        )?;
        let words = [path("postgres"), "-D".into(), data.into()];
        let program = Program::new("postgres", &log, words)
            .user("postgres")
            .dir(dir)
            .network(network)
            .ends_by([Signal::SIGINT, Signal::SIGQUIT]);
        let mut postgres = Self {
            child: Some(program.start()?),
            program,
            address,
        };
        postgres.ready().await?;
        Ok(postgres)
    }

    /// As its owner; trusted, for it listens on loopback or in a namespace of the program's own.
    pub(crate) fn url(&self) -> String {
        format!("postgres://{USER}@{}/postgres", self.address)
    }

    pub(crate) async fn connect(&self) -> Result<Client> {
        connect(&self.url()).await
    }

    async fn ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_TIME_MAX;
        while connect(&self.url()).await.is_err() {
            let child = self.child.as_mut().context("postgres was not started")?;
            child.must_run()?;
            ensure!(
                Instant::now() < deadline,
                "postgres was not ready in a minute"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Its immediate shutdown: nothing is written any more, as in a crash.
    pub(crate) async fn stop_immediately(&mut self) -> Result<()> {
        let mut child = self.child.take().context("postgres does not run")?;
        child.signal(Signal::SIGQUIT)?;
        child.ended(READY_TIME_MAX).await?;
        Ok(())
    }

    /// Starts it again and waits until it has recovered.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.child = Some(self.program.start()?);
        self.ready().await
    }

    /// All of its processes.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let root = self.child.as_ref().map(Child::id);
        root.map(processes::tree).unwrap_or_default()
    }
}

/// Connects to a Postgres; the connection lives as long as the client.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    #[expect(clippy::disallowed_methods, reason = "ends with the client")]
    tokio::spawn(connection);
    Ok(client)
}

fn settings(address: SocketAddr) -> String {
    format!(
        "listen_addresses = '{}'\nport = {}\nunix_socket_directories = ''\nmax_connections = 300\n{POSTGRES_SETTINGS}",
        address.ip(),
        address.port()
    )
}

/// The directory of the newest installed Postgres' programs.
fn postgres_bin() -> Result<PathBuf> {
    let entries = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let version = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?;
        name.parse::<u32>().ok()
    };
    let newest = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/initdb").is_file())
        .max_by_key(version);
    let newest =
        newest.context("Postgres is not installed in /usr/lib/postgresql: `make setup`")?;
    Ok(newest.join("bin"))
}

/// A Redis server.
pub(crate) struct Redis {
    program: Program,
    child: Option<Child>,
    pub(crate) address: SocketAddr,
}

/// What a Redis keeps on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Nothing: the product's setting.
    Nothing,
    /// An append-only file that is synced every second: what queues on Redis are usually run with.
    EverySecond,
}

impl Redis {
    pub(crate) async fn start(
        dir: &Path,
        address: SocketAddr,
        network: Option<u32>,
        kept: Kept,
    ) -> Result<Self> {
        let dir = dir.join("redis");
        std::fs::create_dir_all(&dir)?;
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let appendonly = if kept == Kept::EverySecond {
            "yes"
        } else {
            "no"
        };
        let words = [
            "redis-server",
            "--bind",
            &ip,
            "--port",
            &port,
            "--protected-mode",
            "no",
            "--save",
            "",
            "--appendonly",
            appendonly,
            "--appendfsync",
            "everysec",
            "--maxmemory-policy",
            "noeviction",
        ];
        let program = Program::new("redis", &dir.join("redis.log"), words)
            .dir(&dir)
            .network(network);
        let mut redis = Self {
            child: Some(program.start()?),
            program,
            address,
        };
        redis.ready().await?;
        Ok(redis)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }

    pub(crate) async fn connect(&self) -> Result<MultiplexedConnection> {
        let client = redis::Client::open(self.url())?;
        Ok(client.get_multiplexed_async_connection().await?)
    }

    async fn ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_TIME_MAX;
        loop {
            if let Ok(mut connection) = self.connect().await
                && redis::cmd("PING")
                    .query_async::<String>(&mut connection)
                    .await
                    .is_ok()
            {
                return Ok(());
            }
            let child = self.child.as_mut().context("redis was not started")?;
            child.must_run()?;
            if Instant::now() > deadline {
                bail!("redis was not ready in a minute");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.take().context("redis does not run")?.kill()
    }

    /// Starts it again; what it kept nothing of is gone.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.child = Some(self.program.start()?);
        self.ready().await
    }

    /// Empties it.
    pub(crate) async fn wipe(&self) -> Result<()> {
        let mut connection = self.connect().await?;
        Ok(redis::cmd("FLUSHALL").query_async(&mut connection).await?)
    }

    /// What its data takes, as it says itself.
    pub(crate) async fn memory_bytes(&self) -> Result<u64> {
        let mut connection = self.connect().await?;
        let info: String = redis::cmd("INFO")
            .arg("memory")
            .query_async(&mut connection)
            .await?;
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:"));
        Ok(line.context("no used_memory")?.trim().parse()?)
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        self.child.iter().map(Child::id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_runs_as_the_products_own() {
        let product = include_str!("../../services/tollgate/src/private/postgres.rs");
        for line in POSTGRES_SETTINGS.lines() {
            assert!(
                product.contains(&format!("{line}\\n")),
                "the private Postgres of `tollgate up` has no {line:?}: write here what it has"
            );
        }
    }
}
