//! Other job queues on the same machine in the same run, each with usual production settings and an equal job that does nothing.
//!
//! `load-tests/peers` holds their programs and the pinned versions; they are installed into the work directory. Their Redis keeps
//! an append-only file synced every second, their Postgres is set like ours.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use redis::AsyncCommands as _;
use serde::Deserialize;
use tempfile::TempDir;

use crate::bench::Bench;
use crate::children::Program;
use crate::databases::{Kept, Postgres, Redis};
use crate::figures::per;
use crate::platform::free_port;

const INSTALL_TIME_MAX: Duration = Duration::from_mins(5);
const RUN_TIME_MAX: Duration = Duration::from_mins(10);

/// Their databases, for the length of a scenario.
pub(crate) struct Peers {
    node: PathBuf,
    celery: PathBuf,
    redis: Redis,
    postgres: Postgres,
    dir: TempDir,
}

/// What their programs print.
#[derive(Debug, Deserialize)]
struct Run {
    jobs: u64,
    seconds: f64,
}

impl Peers {
    /// Installs what is missing and starts the databases.
    pub(crate) async fn start(bench: &Bench) -> Result<Self> {
        let node = install_node(bench).await.context("npm ci")?;
        let celery = install_celery(bench).await.context("pip install")?;
        let dir = tempfile::Builder::new()
            .prefix("tollgate-peers-")
            .tempdir()?;
        let address = || Ok::<_, anyhow::Error>(([127, 0, 0, 1], free_port()?).into());
        let redis = Redis::start(dir.path(), address()?, None, Kept::EverySecond).await?;
        let postgres = Postgres::start(dir.path(), address()?, None).await?;
        Ok(Self {
            node,
            celery,
            redis,
            postgres,
            dir,
        })
    }

    /// Jobs a second that `clients` calls of `BullMQ`'s `add` at a time hand over.
    pub(crate) async fn bullmq_add(&self, jobs: u64, clients: u64) -> Result<f64> {
        self.redis.wipe().await?;
        self.node("bullmq.mjs", &["add", &text(jobs), &text(clients)])
            .await
    }

    /// As [`Self::bullmq_add`], by `addBulk`, 100 jobs a call.
    pub(crate) async fn bullmq_bulk(&self, jobs: u64) -> Result<f64> {
        self.redis.wipe().await?;
        self.node("bullmq.mjs", &["bulk", &text(jobs), "100"]).await
    }

    /// Jobs a second that a worker takes out; `kind` is `inline`, or `process` for a processor in processes of its own.
    pub(crate) async fn bullmq_drain(
        &self,
        jobs: u64,
        concurrency: u64,
        kind: &str,
    ) -> Result<f64> {
        self.bullmq_bulk(jobs).await?;
        let words = ["drain", &text(jobs), &text(concurrency), kind];
        self.node("bullmq.mjs", &words).await
    }

    pub(crate) async fn graphile_add(&self, jobs: u64, clients: u64) -> Result<f64> {
        self.graphile_wipe().await?;
        self.node("graphile.mjs", &["add", &text(jobs), &text(clients)])
            .await
    }

    pub(crate) async fn graphile_bulk(&self, jobs: u64) -> Result<f64> {
        self.graphile_wipe().await?;
        self.node("graphile.mjs", &["bulk", &text(jobs), "100"])
            .await
    }

    pub(crate) async fn graphile_drain(&self, jobs: u64, concurrency: u64) -> Result<f64> {
        self.graphile_bulk(jobs).await?;
        self.node("graphile.mjs", &["drain", &text(jobs), &text(concurrency)])
            .await
    }

    async fn graphile_wipe(&self) -> Result<()> {
        let client = self.postgres.connect().await?;
        Ok(client
            .batch_execute("DROP SCHEMA IF EXISTS graphile_worker CASCADE")
            .await?)
    }

    async fn node(&self, script: &str, words: &[&str]) -> Result<f64> {
        let log = self.dir.path().join("node.log");
        let words = ["node", script].into_iter().chain(words.iter().copied());
        let program = Program::new(script, &log, words)
            .dir(&self.node)
            .env("REDIS_URL", self.redis.url())
            .env("DATABASE_URL", self.postgres.url())
            .env("NODE_ENV", "production")
            .piped();
        rate(&program.run(RUN_TIME_MAX).await?)
    }

    /// Jobs a second that `threads` of one process hand over by `delay`.
    pub(crate) async fn celery_send(&self, jobs: u64, threads: u64) -> Result<f64> {
        self.redis.wipe().await?;
        let words = ["jobs.py", "send", &text(jobs), &text(threads)];
        let program = self.celery_program("python", &words).piped();
        rate(&program.run(RUN_TIME_MAX).await?)
    }

    /// Jobs a second that a worker takes out, with as many processes as cores: from the first job it takes to the last one it
    /// acknowledges, as Redis sees it.
    pub(crate) async fn celery_drain(&self, jobs: u64) -> Result<f64> {
        self.celery_send(jobs, 16).await?;
        let mut redis = self.redis.connect().await?;
        let waiting: u64 = redis.llen("celery").await?;
        ensure!(waiting >= jobs, "{waiting} of {jobs} jobs are in Redis");
        let words = ["--app", "jobs", "worker", "--loglevel", "WARNING"];
        let mut worker = self.celery_program("celery", &words).start()?;
        let deadline = Instant::now() + RUN_TIME_MAX;
        let mut started = None;
        loop {
            let (left, taken): (u64, u64) = redis::pipe()
                .llen("celery")
                .hlen("unacked")
                .query_async(&mut redis)
                .await?;
            if left < waiting && started.is_none() {
                started = Some(Instant::now());
            }
            if left + taken == 0 {
                let seconds = started.context("a start")?.elapsed().as_secs_f64();
                return Ok(per(waiting, seconds));
            }
            worker.must_run()?;
            ensure!(Instant::now() < deadline, "celery left {left} jobs");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn celery_program(&self, program: &str, words: &[&str]) -> Program {
        let path = self.celery.join("venv/bin").join(program);
        let words = words.iter().map(Into::into);
        let all = [path.into_os_string()].into_iter().chain(words);
        Program::new(program, &self.dir.path().join("celery.log"), all)
            .dir(&self.celery)
            .env("REDIS_URL", self.redis.url())
            // It warns of root, in whose name everything of this machine may run.
            .env("C_FORCE_ROOT", "1")
    }
}

fn text(number: u64) -> String {
    number.to_string()
}

fn rate(output: &str) -> Result<f64> {
    let run: Run = serde_json::from_str(output.trim())?;
    Ok(per(run.jobs, run.seconds))
}

/// Copies a peer's files where it runs. Whether what pins its versions is as it was at the last installation.
fn copy(from: &Path, to: &Path, pins: &str) -> Result<bool> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    let installed = std::fs::read(to.join("installed")).unwrap_or_default();
    Ok(installed == std::fs::read(from.join(pins))?)
}

async fn install_node(bench: &Bench) -> Result<PathBuf> {
    let from = bench.repository.join("load-tests/peers/node");
    let to = bench.work.join("peers/node");
    let pins = "package-lock.json";
    if !copy(&from, &to, pins)? {
        let words = ["npm", "ci", "--no-audit", "--no-fund"];
        let program = Program::new("npm", &bench.work.join("npm.log"), words);
        program.dir(&to).run(INSTALL_TIME_MAX).await?;
        std::fs::copy(from.join(pins), to.join("installed"))?;
    }
    Ok(to)
}

async fn install_celery(bench: &Bench) -> Result<PathBuf> {
    let from = bench.repository.join("load-tests/peers/celery");
    let to = bench.work.join("peers/celery");
    let pins = "requirements.txt";
    if !copy(&from, &to, pins)? {
        let log = bench.work.join("pip.log");
        let venv = ["python3", "-m", "venv", "--clear", "venv"];
        let venv = Program::new("python3", &log, venv).dir(&to);
        venv.run(INSTALL_TIME_MAX).await?;
        let words = [
            "venv/bin/python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--requirement",
            pins,
        ];
        let pip = Program::new("pip", &log, words).dir(&to);
        pip.run(INSTALL_TIME_MAX).await?;
        std::fs::copy(from.join(pins), to.join("installed"))?;
    }
    Ok(to)
}
