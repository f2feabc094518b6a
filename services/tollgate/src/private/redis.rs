//! The private Redis: wake-ups, the executors' registry, leases. Nothing in it needs to last, so nothing is written to disk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::found;
use super::guard::{Guard, Program, wait_for_leftover};
use super::quarters::Quarters;

/// Its directory in the data directory.
pub(super) const HOME: &str = "redis";
const SOCKET: &str = "redis.sock";
const PID_FILE: &str = "redis.pid";

/// Starts the Redis of `data_dir` (absolute). Returns before it accepts connections; see [`Ready::check`].
pub(crate) fn start(data_dir: &Path) -> Result<(Guard, Ready)> {
    let program = found::redis()?.path;
    let home = data_dir.join(HOME);
    let quarters = Quarters::prepare(&home, &["redis", "nobody"])?;
    let (socket, socket_inside) = quarters.socket(SOCKET)?;
    let config = settings(quarters.inside(), &socket_inside);
    std::fs::write(home.join("redis.conf"), config)
        .context("redis.conf of the private Redis cannot be written")?;
    let url = format!("unix://{}", socket.display());
    let guard = Guard::start(Program {
        name: "Redis",
        start: Box::new(move || {
            recover(quarters.outside());
            let mut command = quarters.command(&program, Signal::SIGTERM)?;
            command.arg(quarters.inside().join("redis.conf"));
            Ok(command)
        }),
        stop: Signal::SIGTERM,
        cut: Signal::SIGKILL,
        stop_time_max: Duration::from_secs(5),
        log: data_dir.join("logs/redis.log"),
    })?;
    Ok((guard, Ready { socket, url }))
}

/// How to see that it accepts connections, and under which URL.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    socket: PathBuf,
    pub(crate) url: String,
}

impl Ready {
    /// Whether it answers a PING.
    pub(crate) async fn check(&self) -> bool {
        let ping = async {
            let mut stream = UnixStream::connect(&self.socket).await?;
            stream.write_all(b"PING\r\n").await?;
            let mut answer = [0; 7];
            stream.read_exact(&mut answer).await?;
            std::io::Result::Ok(&answer == b"+PONG\r\n")
        };
        ping.await.unwrap_or(false)
    }
}

fn settings(dir: &Path, socket: &Path) -> String {
    format!(
        "# Written by tollgate at each start.\n\
         port 0\n\
         unixsocket {}\n\
         unixsocketperm 700\n\
         dir {}\n\
         pidfile {}\n\
         daemonize no\n\
         save \"\"\n\
         appendonly no\n\
         maxmemory-policy noeviction\n\
         # Wake seldom when idle.\n\
         hz 2\n\
         logfile \"\"\n\
         loglevel warning\n",
        quoted(socket),
        quoted(dir),
        quoted(&dir.join(PID_FILE)),
    )
}

fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Waits for a Redis that an earlier life of ours left behind: it removes the socket when it ends, and it must not be ours.
fn recover(home: &Path) {
    let pid_file = home.join(PID_FILE);
    let text = std::fs::read_to_string(&pid_file).unwrap_or_default();
    if let Ok(pid) = text.trim().parse() {
        wait_for_leftover("Redis", pid, home, Duration::from_secs(5), Signal::SIGKILL);
    }
    let _ = std::fs::remove_file(&pid_file);
    let _ = std::fs::remove_file(home.join(SOCKET));
}
