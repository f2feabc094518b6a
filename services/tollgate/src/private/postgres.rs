//! The private Postgres.
//!
//! A cluster of its own in `<data-dir>/postgres/data`, without TCP; its socket accepts only the users that we and it run as
//! (peer authentication). Its configuration is written anew at each start: the file in the data directory is ours.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::found;
use super::guard::{Guard, Program, wait_for_leftover};
use super::quarters::Quarters;
use super::services::Tuning;
use crate::settings::percent_encoded;

/// The owner of everything in it.
const USER: &str = "tollgate";
const DATABASE: &str = "tollgate";
/// Its directory in the data directory.
pub(super) const HOME: &str = "postgres";
const SOCKET: &str = ".s.PGSQL.5432";

/// Starts the Postgres of `data_dir` (absolute), making its cluster at the first start. Returns before it accepts
/// connections; see [`Ready::check`].
pub(crate) fn start(data_dir: &Path, tuning: Tuning) -> Result<(Guard, Ready)> {
    let home = data_dir.join(HOME);
    let quarters = Quarters::prepare(&home, &["postgres", "nobody"])?;
    let program = found::postgres(cluster_version(&home.join("data")))?.path;
    if !home.join("data").exists() {
        init(&quarters, &program)?;
    }
    let (socket, socket_inside) = quarters.socket(SOCKET)?;
    configure(&quarters, &socket_inside, tuning)?;
    let url = url(&socket, DATABASE);
    let ready = Ready {
        data: home.join("data"),
        url,
    };
    let guard = Guard::start(Program {
        name: "Postgres",
        start: Box::new(move || {
            recover(&quarters.outside().join("data"));
            // SIGINT is its fast shutdown: sessions are cut, everything committed is on disk.
            let mut command = quarters.command(&program, Signal::SIGINT)?;
            command.arg("-D").arg(quarters.inside().join("data"));
            Ok(command)
        }),
        stop: Signal::SIGINT,
        cut: Signal::SIGQUIT,
        stop_time_max: Duration::from_secs(15),
        log: data_dir.join("logs/postgres.log"),
    })?;
    Ok((guard, ready))
}

/// How to see that it accepts connections, and under which URL.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    data: PathBuf,
    pub(crate) url: String,
}

impl Ready {
    /// Whether the process `pid` has said `ready` in its pid file, as `pg_ctl` looks for it.
    pub(crate) fn check(&self, pid: i32) -> bool {
        let text = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        let same = lines.next() == Some(&pid.to_string());
        same && lines.nth(6).is_some_and(|status| status.trim() == "ready")
    }
}

/// The URL of a database of the private Postgres in `data_dir`, for a process other than the one that runs it.
pub(crate) fn url_of(data_dir: &Path) -> Result<String> {
    let quarters = Quarters::visit(&data_dir.join(HOME));
    let (socket, _) = quarters.socket(SOCKET)?;
    Ok(url(&socket, DATABASE))
}

fn url(socket: &Path, database: &str) -> String {
    let dir = socket.parent().unwrap_or(socket).to_string_lossy();
    let encoded = percent_encoded(&dir);
    format!("postgres://{USER}@localhost/{database}?host={encoded}")
}

/// The major version that made the cluster, where there is one.
fn cluster_version(data: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(data.join("PG_VERSION")).ok()?;
    text.trim().parse().ok()
}

/// Makes the cluster beside its place and moves it there when it is whole, so that an interrupted start leaves nothing half done.
fn init(quarters: &Quarters, postgres: &Path) -> Result<()> {
    let draft = quarters.outside().join("data.new");
    if draft.exists() {
        std::fs::remove_dir_all(&draft)
            .with_context(|| format!("{} is in the way", draft.display()))?;
    }
    let draft_inside = quarters.inside().join("data.new");
    let mut initdb = quarters.command(&postgres.with_file_name("initdb"), Signal::SIGKILL)?;
    initdb
        .args(["--username", USER, "--encoding", "UTF8", "--no-locale"])
        .args(["--auth-local", "peer", "--auth-host", "reject"])
        .args(["--data-checksums", "--no-instructions", "--pgdata"])
        .arg(&draft_inside);
    let output = initdb.output().context("initdb cannot be started")?;
    if !output.status.success() {
        bail!(
            "Postgres cannot make its data directory: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let mut single = quarters.command(postgres, Signal::SIGKILL)?;
    let mut child = single
        .args(["--single", "-D"])
        .arg(&draft_inside)
        .arg("postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("Postgres cannot be started")?;
    if let Some(mut input) = child.stdin.take() {
        writeln!(input, "CREATE DATABASE {DATABASE}")?;
    }
    if !child.wait()?.success() {
        bail!("Postgres cannot make the database {DATABASE}.");
    }
    std::fs::rename(&draft, quarters.outside().join("data"))
        .context("the new cluster cannot be moved into place")
}

/// Writes who may connect and how the server is tuned.
fn configure(quarters: &Quarters, socket: &Path, tuning: Tuning) -> Result<()> {
    let data = quarters.outside().join("data");
    let dir = socket.parent().unwrap_or(socket);
    let ours = nix::unistd::User::from_uid(nix::unistd::Uid::effective())?;
    let mut users = vec![quarters.user_name()?];
    users.extend(ours.map(|user| user.name));
    users.dedup();
    let map: Vec<_> = users
        .iter()
        .map(|user| {
            format!(
                "tollgate \"{user}\" {USER}
"
            )
        })
        .collect();
    let written = |name: &str, text: &str| {
        std::fs::write(
            data.join(name),
            format!("# Written by tollgate at each start.\n{text}"),
        )
        .with_context(|| format!("{name} of the private Postgres cannot be written"))
    };
    written(
        "pg_hba.conf",
        &format!("local all {USER} peer map=tollgate\n"),
    )?;
    written("pg_ident.conf", &map.concat())?;
    written("postgresql.conf", &settings(dir, tuning))
}

fn settings(socket_dir: &Path, tuning: Tuning) -> String {
    let dir = socket_dir.to_string_lossy().replace('\'', "''");
    let common = format!(
        "listen_addresses = ''\n\
         unix_socket_directories = '{dir}'\n\
         unix_socket_permissions = 0700\n\
         max_connections = {connections}\n\
         shared_buffers = 128MB\n\
         jit = off\n\
         max_wal_size = 1GB\n\
         checkpoint_timeout = 15min\n\
         wal_compression = on\n\
         # No archive and no standby here: write the least.\n\
         wal_level = minimal\n\
         max_wal_senders = 0\n\
         # Wake seldom when idle.\n\
         bgwriter_delay = 1s\n\
         autovacuum_naptime = 1min\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         log_destination = 'stderr'\n\
         log_line_prefix = '%m [%p] '\n\
         log_min_messages = warning\n\
         log_checkpoints = off\n\
         # Statements hold customers' values.\n\
         log_min_error_statement = panic\n",
        connections = if tuning == Tuning::Test { 300 } else { 100 },
    );
    let durability = match tuning {
        Tuning::Durable => "fsync = on\nsynchronous_commit = on\nfull_page_writes = on\n",
        Tuning::Test => "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n",
    };
    common + durability
}

/// Waits for a postmaster that an earlier life of ours left behind and removes what it could not.
fn recover(data: &Path) {
    let pid_file = data.join("postmaster.pid");
    let Ok(text) = std::fs::read_to_string(&pid_file) else {
        return;
    };
    let pid = text
        .lines()
        .next()
        .and_then(|line| line.trim().parse().ok());
    if let Some(pid) = pid {
        wait_for_leftover(
            "Postgres",
            pid,
            data,
            Duration::from_secs(15),
            Signal::SIGQUIT,
        );
    }
    // It ended without removing its file (kill -9, power loss). We hold the data directory's lock and no process works in it,
    // but its number may have been given to another process by now, which would make Postgres refuse to start.
    let _ = std::fs::remove_file(&pid_file);
}
