//! Child processes that cannot outlive the program.
//!
//! Each is started by one thread that lasts as long as the program, because the kernel's parent-death signal is tied to the
//! thread that forked. Each leads a process group of its own: the terminal's Ctrl-C does not reach it, it ends by the drop
//! of its [`Child`]. Processes are ended by their id, never by name.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, Uid};

/// How long a child may take to end when it is asked to.
const END_TIME_MAX: Duration = Duration::from_secs(10);

/// A program to start.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// For people, and of its log file.
    pub(crate) name: String,
    words: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    /// Run as this user, where we are root.
    user: Option<&'static str>,
    /// The process whose network namespace it shares; our own otherwise.
    network: Option<u32>,
    dir: Option<PathBuf>,
    /// Where its output goes; appended to.
    log: PathBuf,
    /// Whether standard output is a pipe to us.
    piped: bool,
    /// What asks it to end, and what does when it has not.
    end: [Signal; 2],
}

impl Program {
    /// `words` is its path or name and its arguments.
    pub(crate) fn new<W: Into<OsString>>(
        name: &str,
        log: &Path,
        words: impl IntoIterator<Item = W>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            words: words.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            user: None,
            network: None,
            dir: None,
            log: log.to_owned(),
            piped: false,
            end: [Signal::SIGTERM; 2],
        }
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn envs(mut self, variables: &[(String, String)]) -> Self {
        let variables = variables.iter().cloned();
        self.environment
            .extend(variables.map(|(name, value)| (name, value.into())));
        self
    }

    pub(crate) fn user(mut self, user: &'static str) -> Self {
        self.user = Some(user);
        self
    }

    pub(crate) fn network(mut self, holder: Option<u32>) -> Self {
        self.network = holder;
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.dir = Some(dir.to_owned());
        self
    }

    pub(crate) fn piped(mut self) -> Self {
        self.piped = true;
        self
    }

    /// Ends by these instead of two SIGTERM.
    pub(crate) fn ends_by(mut self, signals: [Signal; 2]) -> Self {
        self.end = signals;
        self
    }

    fn command(&self) -> Result<Command> {
        // Into the namespace first: another user may not.
        let mut command = match self.network {
            Some(holder) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net=/proc/{holder}/ns/net"));
                command.args(["--", "setpriv"]);
                command
            }
            None => Command::new("setpriv"),
        };
        if let Some(user) = self.user.filter(|_| Uid::effective().is_root()) {
            command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
        }
        command.args(["--pdeathsig", "KILL", "--"]);
        command.args(&self.words);
        // Settings of a Tollgate or an AWS account of the user's are not for ours.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("TOLLGATE_") || text.starts_with("AWS_") {
                command.env_remove(&name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("{}", self.log.display()))?;
        let output = if self.piped {
            Stdio::piped()
        } else {
            log.try_clone()?.into()
        };
        command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(log)
            .process_group(0);
        Ok(command)
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Result<Child> {
        let (answer, started) = sync_channel(1);
        let order = (self.command()?, answer);
        NURSERY.send(order).ok().context("no thread to start it")?;
        let process = started
            .recv()
            .context("no thread to start it")?
            .with_context(|| format!("{} cannot be started", self.name))?;
        Ok(Child {
            name: self.name.clone(),
            log: self.log.clone(),
            end: self.end,
            process,
            reaped: false,
        })
    }

    /// Runs it to its end, at most `time_max`; its output where it was asked for. A failure is an error.
    pub(crate) async fn run(&self, time_max: Duration) -> Result<String> {
        let mut child = self.start()?;
        let reader = child.process.stdout.take().map(|mut pipe| {
            tokio::task::spawn_blocking(move || {
                let mut text = String::new();
                std::io::Read::read_to_string(&mut pipe, &mut text).map(|_| text)
            })
        });
        let status = child.ended(time_max).await?;
        let text = match reader {
            Some(reader) => reader.await??,
            None => String::new(),
        };
        if !status.success() {
            bail!(
                "{} ended with {status}: {}",
                self.name,
                last_words(&self.log)
            );
        }
        Ok(text)
    }
}

type Order = (
    Command,
    std::sync::mpsc::SyncSender<std::io::Result<std::process::Child>>,
);

/// The thread that starts everything.
static NURSERY: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (sender, orders) = channel::<Order>();
    thread::spawn(move || {
        for (mut command, answer) in orders {
            let _ = answer.send(command.spawn());
        }
    });
    sender
});

/// A started process; it and what it started end with this value.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) name: String,
    log: PathBuf,
    end: [Signal; 2],
    process: std::process::Child,
    reaped: bool,
}

impl Child {
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().cast_signed())
    }

    /// Fails if it has ended.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => {
                self.reaped = true;
                bail!(
                    "{} ended with {status}: {}",
                    self.name,
                    last_words(&self.log)
                )
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill(self.pid(), signal).with_context(|| format!("{signal} to {}", self.name))
    }

    /// `kill -9` of this process alone, as an operator or the kernel would.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.process.wait()?;
        self.reaped = true;
        Ok(())
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self, time_max: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + time_max;
        loop {
            if let Some(status) = self.process.try_wait()? {
                self.reaped = true;
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("{} did not end within {time_max:?}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether it has ended. It is not reaped: its id still is its own.
    pub(crate) fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        !matches!(
            waitid(Id::Pid(self.pid()), flags),
            Ok(WaitStatus::StillAlive)
        )
    }

    /// Asks it to end and waits; then ends it, and what it started and left behind.
    fn end(&mut self) {
        for signal in [self.end[0], self.end[1], Signal::SIGKILL] {
            if self.has_ended() {
                break;
            }
            // One that a scenario stopped hears nothing else.
            let _ = kill(self.pid(), Signal::SIGCONT);
            let _ = kill(self.pid(), signal);
            let deadline = Instant::now() + END_TIME_MAX;
            while Instant::now() < deadline && !self.has_ended() {
                thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = killpg(self.pid(), Signal::SIGKILL);
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Once it is reaped its id may be another's.
        if !self.reaped {
            self.end();
        }
    }
}

/// The end of a log file, to say why a program ended.
pub(crate) fn last_words(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().rev().take(8).collect();
    if lines.is_empty() {
        return format!("it said nothing (in {})", log.display());
    }
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
