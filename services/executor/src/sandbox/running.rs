//! A running sandbox.

use std::fmt;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::socket::{Shutdown, shutdown};
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

use super::cgroup::{Cgroup, read_number};
use super::protocol::{self, Event, Mounted, Refusal, Request};
use super::sandboxes::{Inner, channel};
use super::{Bind, Error, Exit, Isolation, sys};

/// How long the kernel may take from being out of memory to having killed something.
const OUT_OF_MEMORY_PATIENCE: Duration = Duration::from_secs(1);

/// Names a sandbox within its executor; never used twice by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A sandbox. Dropping it kills what runs inside and releases everything; [`Sandbox::destroy`] also waits for that.
#[derive(Debug)]
pub struct Sandbox {
    pub id: Id,
    pub stdout: pipe::Receiver,
    pub stderr: pipe::Receiver,
    /// Listens inside on [`Sandbox::runtime_api_addr`]; what it accepts, we serve out here.
    pub listener: TcpListener,
    /// Listens inside on port 9002 of loopback, where programs are to reach the public gateway.
    pub gateway: Option<TcpListener>,
    /// Our end of the program's descriptor 3, if it was asked for.
    pub control: Option<UnixStream>,
    address: SocketAddr,
    executor: Arc<Inner>,
    cgroup: Option<Cgroup>,
    pidfd: OwnedFd,
    channel: AsyncFd<OwnedFd>,
    out_of_memory: Option<AsyncFd<OwnedFd>>,
    exit: watch::Sender<Option<Exit>>,
    /// As the first process tells it at the end, where there is no control group.
    peak_kb: AtomicU64,
    memory_peak: OnceLock<Option<File>>,
}

impl Sandbox {
    pub(super) fn new(
        executor: Arc<Inner>,
        id: u64,
        port: u16,
        cgroup: Option<Cgroup>,
        channel: AsyncFd<OwnedFd>,
        fds: Vec<OwnedFd>,
    ) -> Result<Self, Error> {
        let broken = |error| Error::Io("sandbox descriptors", error);
        let mut fds = fds.into_iter();
        let (Some(pidfd), Some(stdout), Some(stderr), Some(listener)) =
            (fds.next(), fds.next(), fds.next(), fds.next())
        else {
            return Err(Error::Setup("descriptors are missing".to_owned()));
        };
        let mut gateway = None;
        if executor.has_gateway() {
            let fd = fds.next();
            let fd = fd.ok_or_else(|| Error::Setup("a listener is missing".to_owned()))?;
            gateway = Some(listen(fd).map_err(broken)?);
        }
        let event = match &cgroup {
            Some(cgroup) => cgroup.out_of_memory_event().map_err(broken)?,
            None => None,
        };
        let sandbox = Self {
            id: Id(id),
            stdout: pipe::Receiver::from_owned_fd(stdout).map_err(broken)?,
            stderr: pipe::Receiver::from_owned_fd(stderr).map_err(broken)?,
            listener: listen(listener).map_err(broken)?,
            gateway,
            control: fds.next().map(stream).transpose().map_err(broken)?,
            address: (Ipv4Addr::LOCALHOST, port).into(),
            executor,
            cgroup,
            pidfd,
            channel,
            out_of_memory: event.map(sys::watch).transpose().map_err(broken)?,
            exit: watch::Sender::default(),
            peak_kb: AtomicU64::default(),
            memory_peak: OnceLock::new(),
        };
        // Before we asked to be told, so we were not.
        if sandbox.out_of_memory_kills() > 0 {
            sandbox.kill();
        }
        Ok(sandbox)
    }

    /// The value for `AWS_LAMBDA_RUNTIME_API`.
    pub fn runtime_api_addr(&self) -> String {
        self.address.to_string()
    }

    /// Waits for the program's end. May be cancelled, and called again. While somebody waits here, the whole sandbox ends as soon
    /// as anything in it has run out of memory.
    pub async fn exited(&self) -> Exit {
        let mut exit = self.exit.subscribe();
        let mut killed = false;
        loop {
            if let Some(exit) = *exit.borrow_and_update() {
                return exit;
            }
            tokio::select! {
                // Of several that wait here, one receives the event and this tells the others. Our sender lives, so it never fails.
                _ = exit.changed() => {}
                event = receive::<Event>(&self.channel) => self.note(&event),
                () = self.runs_out_of_memory(), if !killed => {
                    self.kill();
                    killed = true;
                }
            }
        }
    }

    /// Kills everything inside. Returns at once; [`Sandbox::exited`] tells when it is done.
    pub fn kill(&self) {
        let signal = match self.executor.isolation() {
            Isolation::Container => Signal::SIGKILL,
            // The first process ends the others, which no pid namespace would do for it.
            Isolation::Process => Signal::SIGTERM,
        };
        if let Err(error) = sys::signal(self.pidfd.as_fd(), signal as i32) {
            tracing::error!(sandbox.id = %self.id, %error, "cannot kill a sandbox");
        }
    }

    /// The most memory ever in use, in MB, rounded up. Under process isolation known only after the end.
    pub fn memory_peak_mb(&self) -> u32 {
        let bytes = match &self.cgroup {
            // Asked after every execution: opened once.
            Some(cgroup) => {
                let file = self.memory_peak.get_or_init(|| cgroup.memory_peak().ok());
                file.as_ref().map_or(0, read_number)
            }
            None => self.peak_kb.load(Ordering::Relaxed) * 1024,
        };
        u32::try_from(bytes.div_ceil(1024 * 1024)).unwrap_or(u32::MAX)
    }

    /// How many processes the kernel has killed inside for want of memory.
    pub fn out_of_memory_kills(&self) -> u64 {
        self.cgroup.as_ref().map_or(0, Cgroup::out_of_memory_kills)
    }

    /// Mounts a file or directory into the running sandbox. The target must exist: `/var/task`, `/var/runtime`, `/var/lang` and `/opt`
    /// always do.
    pub async fn mount(&self, bind: Bind) -> Result<(), Error> {
        if self.executor.isolation() == Isolation::Process {
            return Err(Error::Unsupported("mounting into a running program"));
        }
        let (answer, theirs) = channel()?;
        let target = bind.target.clone();
        let request = Request::Mount {
            id: self.id.0,
            bind,
        };
        self.executor.request(&request, theirs).await?;
        match receive::<Mounted>(&answer).await? {
            Some((Mounted { failure: None }, _)) => Ok(()),
            Some((Mounted { failure: Some(why) }, _)) => Err(Error::Bind { target, why }),
            None => Err(Error::SpawnerGone),
        }
    }

    /// Gives a running program the way out that one has from the start by [`super::Sandboxes::launch_with_egress`].
    pub async fn connect(&self) -> Result<(), Error> {
        if self.executor.isolation() == Isolation::Process {
            return Ok(());
        }
        let (answer, theirs) = channel()?;
        let request = Request::Connect { id: self.id.0 };
        self.executor.request(&request, theirs).await?;
        match receive::<Mounted>(&answer).await? {
            Some((Mounted { failure: None }, _)) => Ok(()),
            Some((Mounted { failure: Some(why) }, _)) => {
                Err(Error::Setup(format!("egress: {why}")))
            }
            None => Err(Error::SpawnerGone),
        }
    }

    /// Sets the memory limit, and holds the sandbox to the share of CPU that goes with it: one at 1,769 MB. To be called when
    /// initialization is over. Nothing is limited under process isolation.
    pub fn limit(&self, memory_mb: u32) -> Result<(), Error> {
        let Some(cgroup) = &self.cgroup else {
            return Ok(());
        };
        cgroup
            .limit_memory(memory_mb)
            .and_then(|()| cgroup.limit_cpu(memory_mb, 0))
            .map_err(|error| Error::Io("sandbox limit", error))
    }

    /// Sets the memory limit only: for a parked runtime that is given its function, whose initialization is still to come.
    pub fn limit_memory(&self, memory_mb: u32) -> Result<(), Error> {
        let Some(cgroup) = &self.cgroup else {
            return Ok(());
        };
        cgroup
            .limit_memory(memory_mb)
            .map_err(|error| Error::Io("sandbox memory limit", error))
    }

    /// Kills everything inside and waits until it is gone, control groups and all.
    pub async fn destroy(self) {
        // Fails when the spawner is gone, and everything with it.
        let _ = shutdown(sys::number(self.channel.get_ref()), Shutdown::Write);
        self.kill();
        while let Ok(Some(_)) = receive::<Event>(&self.channel).await {}
    }

    fn note(&self, event: &Result<Option<(Event, Vec<OwnedFd>)>, Error>) {
        let (code, signal) = match event {
            Ok(Some((Event::Exited { status, peak_kb }, _))) => {
                self.peak_kb.store(*peak_kb, Ordering::Relaxed);
                decode(*status)
            }
            // The whole sandbox was killed, or the spawner died and took it along.
            _ => (None, Some(libc::SIGKILL)),
        };
        let out_of_memory = self.out_of_memory_kills() > 0;
        self.exit.send_if_modified(|exit| {
            let first = exit.is_none();
            exit.get_or_insert(Exit {
                code,
                signal,
                out_of_memory,
            });
            first
        });
    }

    /// Returns when the kernel has killed something inside for want of memory; never where the kernel kills the whole sandbox
    /// by itself.
    async fn runs_out_of_memory(&self) {
        let Some(event) = &self.out_of_memory else {
            return std::future::pending().await;
        };
        loop {
            // Stays readable until handled, so that nothing is lost when this future is dropped in between.
            let Ok(mut readable) = event.readable().await else {
                return std::future::pending().await;
            };
            if self.killed_for_memory().await {
                return;
            }
            // Memory was short for a moment and nothing was killed.
            let _ = nix::unistd::read(event.get_ref(), &mut [0; 8]);
            readable.clear_ready();
        }
    }

    /// We are told before the kernel chooses what to kill: waits until it has killed. It rarely finds that it need not.
    async fn killed_for_memory(&self) -> bool {
        let deadline = Instant::now() + OUT_OF_MEMORY_PATIENCE;
        while self.out_of_memory_kills() == 0 {
            if Instant::now() > deadline {
                return false;
            }
            // The kernel has no event for the kill itself.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        true
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // The closing channel makes the spawner do this as well, a moment later.
        self.kill();
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Exec { program, errno } => Self::Exec {
                program,
                source: io::Error::from_raw_os_error(errno),
            },
            Refusal::Bind { target, why } => Self::Bind { target, why },
            Refusal::Setup(why) => Self::Setup(why),
        }
    }
}

/// Receives one message; `None` when the other side is gone.
pub(super) async fn receive<T: DeserializeOwned>(
    socket: &AsyncFd<OwnedFd>,
) -> Result<Option<(T, Vec<OwnedFd>)>, Error> {
    let received = socket
        .async_io(Interest::READABLE, |socket| {
            protocol::receive(socket.as_fd())
        })
        .await;
    match received {
        // A seqpacket socket says so when the other end closed with messages of ours unread.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
        other => other.map_err(|error| Error::Io("sandbox channel", error)),
    }
}

pub(super) fn set_nonblocking(fd: &OwnedFd) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

fn listen(fd: OwnedFd) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::from(fd);
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn stream(fd: OwnedFd) -> io::Result<UnixStream> {
    let stream = std::os::unix::net::UnixStream::from(fd);
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

fn decode(status: i32) -> (Option<i32>, Option<i32>) {
    if libc::WIFEXITED(status) {
        (Some(libc::WEXITSTATUS(status)), None)
    } else {
        (None, Some(libc::WTERMSIG(status)))
    }
}
