//! A child process that lives as long as we do.
//!
//! A thread of its own starts the child and waits for it: the kernel's parent-death signal is tied to the *thread* that
//! forked, so that thread must last as long as the process. When the child dies unasked it is started again, after a
//! growing pause; after [`QUICK_DEATHS_MAX`] deaths in a row the guard gives up and hands over the child's last words.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

/// Deaths in a row after which we give up.
const QUICK_DEATHS_MAX: u32 = 5;
/// A child that lived this long starts a new row.
const LONG_LIFE: Duration = Duration::from_secs(30);
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// A log file of this size is put aside; one old file is kept.
const LOG_BYTES_MAX: u64 = 10 << 20;
const LAST_LINES: usize = 12;

/// What a guard runs.
pub(crate) struct Program {
    /// For people: `Postgres`.
    pub(crate) name: &'static str,
    /// Its command, made anew for each start; called on the guard's thread. Cleans up after an earlier life first.
    pub(crate) start: Box<dyn Fn() -> Result<Command> + Send>,
    /// Asks it to stop in order.
    pub(crate) stop: Signal,
    /// Stops it at once, still safely, when it does not.
    pub(crate) cut: Signal,
    /// How long it may take to stop in order.
    pub(crate) stop_time_max: Duration,
    /// Where its output is kept.
    pub(crate) log: PathBuf,
}

/// A running child and its thread.
pub(crate) struct Guard {
    name: &'static str,
    stop: Signal,
    cut: Signal,
    stop_time_max: Duration,
    shared: Arc<Shared>,
    state: watch::Receiver<State>,
}

/// What the guard's thread last saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Running(i32),
    /// Ended for good: `Err` says why, unless it was asked to.
    Ended(Result<(), String>),
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    stopping: Condvar,
    last_lines: Mutex<VecDeque<String>>,
}

#[derive(Default)]
struct Inner {
    pid: Option<Pid>,
    stop: bool,
}

impl Guard {
    /// Starts the child on a thread of its own.
    pub(crate) fn start(program: Program) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let (report, state) = watch::channel(State::Starting);
        let guard = Self {
            name: program.name,
            stop: program.stop,
            cut: program.cut,
            stop_time_max: program.stop_time_max,
            shared: Arc::clone(&shared),
            state,
        };
        std::thread::Builder::new()
            .name(format!("guard-{}", program.name))
            .spawn(move || {
                let end = watch_over(&program, &shared, &report);
                report.send_replace(State::Ended(end.map_err(|error| format!("{error:#}"))));
            })
            .with_context(|| format!("{} cannot be started", guard.name))?;
        Ok(guard)
    }

    /// What the child does now, and its changes.
    pub(crate) fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Waits until `check`, given the child's process id, says that it serves.
    pub(crate) async fn ready(&self, check: impl AsyncFn(i32) -> bool) -> Result<()> {
        let began = Instant::now();
        let mut said = false;
        loop {
            let state = self.state.borrow().clone();
            match state {
                State::Ended(Err(why)) => return Err(anyhow!(why)),
                State::Ended(Ok(())) => return Err(anyhow!("{} was stopped", self.name)),
                State::Running(pid) if check(pid).await => return Ok(()),
                _ => {}
            }
            if !said && began.elapsed() > Duration::from_secs(5) {
                said = true;
                tracing::info!(
                    child = self.name,
                    "still starting, perhaps recovering from a crash"
                );
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops the child in order, or at once when it takes too long, and waits for its end.
    pub(crate) async fn stop(mut self) {
        self.signal(self.stop);
        let ended = |state: &State| matches!(state, State::Ended(_));
        if tokio::time::timeout(self.stop_time_max, self.state.wait_for(ended))
            .await
            .is_ok()
        {
            return;
        }
        tracing::warn!(child = self.name, "does not stop, cutting");
        self.signal(self.cut);
        let _ = tokio::time::timeout(self.stop_time_max, self.state.wait_for(ended)).await;
    }

    fn signal(&self, signal: Signal) {
        let mut inner = self.shared.inner.lock();
        inner.stop = true;
        if let Some(pid) = inner.pid {
            // It may have ended already; it is not reaped while we hold the lock, so the id is still its own.
            let _ = kill(pid, signal);
        }
        self.shared.stopping.notify_all();
    }
}

/// The guard's thread.
fn watch_over(
    program: &Program,
    shared: &Arc<Shared>,
    report: &watch::Sender<State>,
) -> Result<()> {
    let mut deaths = 0;
    loop {
        let Some((mut child, output)) = spawn(program, shared)? else {
            return Ok(());
        };
        report.send_replace(State::Running(child.id().cast_signed()));
        let born = Instant::now();
        let logs = keep_logs(program, shared, output)?;
        let status = reap(shared, &mut child)?;
        // Its output ends with the last process that inherited it: Postgres' own children outlive it briefly.
        drop(logs.join());
        if shared.inner.lock().stop {
            return Ok(());
        }
        deaths = if born.elapsed() > LONG_LIFE {
            1
        } else {
            deaths + 1
        };
        if deaths >= QUICK_DEATHS_MAX {
            return Err(anyhow!(
                "{} ended {deaths} times in a row ({status}). Its last words:\n{}",
                program.name,
                last_lines(shared)
            ));
        }
        tracing::warn!(child = program.name, %status, last_words = %last_lines(shared), "ended unasked, starting it again");
        report.send_replace(State::Starting);
        if paused(shared, PAUSE_FIRST * 2_u32.pow(deaths - 1)) {
            return Ok(());
        }
    }
}

/// Starts the child unless we were told to stop.
fn spawn(program: &Program, shared: &Shared) -> Result<Option<(Child, PipeReader)>> {
    let mut command = (program.start)()?;
    let (output, input) = std::io::pipe().context("a pipe for its log")?;
    command
        .stdin(Stdio::null())
        .stdout(input.try_clone()?)
        .stderr(input);
    // Under the lock: whoever asks to stop sees either no child, and none will come, or its id.
    let mut inner = shared.inner.lock();
    if inner.stop {
        return Ok(None);
    }
    let child = command
        .spawn()
        .with_context(|| format!("{} cannot be started", program.name))?;
    inner.pid = Some(Pid::from_raw(child.id().cast_signed()));
    Ok(Some((child, output)))
}

/// Waits for the child's end without freeing its id, then frees it under the lock.
fn reap(shared: &Shared, child: &mut Child) -> Result<std::process::ExitStatus> {
    let pid = Pid::from_raw(child.id().cast_signed());
    while let Err(nix::Error::EINTR) =
        waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
    {}
    let mut inner = shared.inner.lock();
    inner.pid = None;
    Ok(child.wait()?)
}

/// Waits before the next start; `true` when told to stop meanwhile.
fn paused(shared: &Shared, pause: Duration) -> bool {
    let mut inner = shared.inner.lock();
    shared
        .stopping
        .wait_while_for(&mut inner, |inner| !inner.stop, pause);
    inner.stop
}

fn keep_logs(
    program: &Program,
    shared: &Arc<Shared>,
    output: PipeReader,
) -> Result<std::thread::JoinHandle<()>> {
    let mut log = Log::open(&program.log)?;
    let shared = Arc::clone(shared);
    let name = program.name;
    let keep = move || {
        if let Err(error) = copy_lines(output, &mut log, &shared) {
            tracing::warn!(child = name, %error, "its log cannot be kept");
        }
    };
    std::thread::Builder::new()
        .name(format!("log-{name}"))
        .spawn(keep)
        .context("a thread for its log")
}

fn copy_lines(output: PipeReader, log: &mut Log, shared: &Shared) -> std::io::Result<()> {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        {
            let mut last = shared.last_lines.lock();
            last.push_back(text);
            if last.len() > LAST_LINES {
                last.pop_front();
            }
        }
        log.write(&line)?;
        line.clear();
    }
    Ok(())
}

fn last_lines(shared: &Shared) -> String {
    let lines = shared.last_lines.lock();
    let indented: Vec<_> = lines.iter().map(|line| format!("  {line}")).collect();
    indented.join("\n")
}

/// A log file of limited size.
struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Log {
    fn open(path: &Path) -> Result<Self> {
        let context = || format!("{} cannot be written", path.display());
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).with_context(context)?;
        }
        let file = File::options()
            .append(true)
            .create(true)
            .open(path)
            .with_context(context)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
        })
    }

    fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        if self.bytes > LOG_BYTES_MAX {
            std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
            self.file = File::create(&self.path)?;
            self.bytes = 0;
        }
        self.bytes += line.len() as u64;
        self.file.write_all(line)
    }
}

/// Waits for a process that an earlier life of ours left behind in `dir`, its working directory: it was told to stop when its
/// parent died, and may still be at it. After `patience` it gets `cut`.
///
/// Process ids are reused, so the pid in a file proves nothing; only a process that works in that very directory is meant.
pub(crate) fn wait_for_leftover(name: &str, pid: i32, dir: &Path, patience: Duration, cut: Signal) {
    let began = Instant::now();
    let mut cutting = false;
    while works_in(pid, dir) {
        if !cutting && began.elapsed() > patience {
            cutting = true;
            tracing::warn!(
                child = name,
                pid,
                "left over from an earlier start and does not stop, cutting"
            );
            let _ = kill(Pid::from_raw(pid), cut);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn works_in(pid: i32, dir: &Path) -> bool {
    let place = |path: &Path| {
        std::fs::metadata(path)
            .ok()
            .map(|meta| (meta.dev(), meta.ino()))
    };
    let cwd = place(Path::new(&format!("/proc/{pid}/cwd")));
    cwd.is_some() && cwd == place(dir)
}
