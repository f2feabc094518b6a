//! The executor's handle to its sandboxes.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chassis::Lifecycle;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use sha2::{Digest, Sha256};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::cgroup::Cgroups;
use super::egress::EgressSetup;
use super::protocol::{self, Event, Request, Setup, Welcome};
use super::running::{self, Sandbox};
use super::{Confined, Egress, Error, Isolation, Launch, Options, egress, host, privileges, sys};

/// How long a predecessor in the same directory may take to die.
const PREDECESSOR_DEADLINE: Duration = Duration::from_secs(5);

/// How long a launch may take on a host that is very busy.
const LAUNCH_DEADLINE: Duration = Duration::from_secs(30);

/// User ids from here on are reserved for nobody by Linux distributions; each executor takes a range of its own.
const UID_FIRST: u32 = 0x7000_0000;
const UIDS_PER_EXECUTOR: u32 = 4096;

/// All sandboxes of this executor. Cheap to clone; when the last clone and the last [`Sandbox`] are gone, so is everything in them.
#[derive(Debug, Clone)]
pub struct Sandboxes(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    isolation: Isolation,
    cgroups: Option<Cgroups>,
    gateway: bool,
    /// Why nobody gets out, if so.
    confined: Option<Confined>,
    control: AsyncFd<OwnedFd>,
    closing: Arc<AtomicBool>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}

impl Sandboxes {
    /// Starts the spawner, after ending what an earlier executor in the same directory has left, and makes sure that a sandbox can
    /// be had. The spawner's death is a failure of `life`.
    pub async fn start(options: Options, life: &Lifecycle) -> Result<Self, Error> {
        privileges::raise_open_files().map_err(io_error("limit on open files"))?;
        let work_dir = make_work_dir(&options.work_dir).map_err(io_error("sandbox directory"))?;
        let lock = lock(&work_dir).await?;
        let identity = Sha256::digest(work_dir.as_os_str().as_encoded_bytes());
        let cgroups = match options.isolation {
            Isolation::Container => {
                host::require_container().map_err(Error::Unavailable)?;
                Some(prepare_cgroups(&work_dir, &identity)?)
            }
            Isolation::Process => {
                tracing::warn!(
                    "functions run WITHOUT isolation: they can read and change whatever this user can; for development only"
                );
                None
            }
        };
        let (way_out, confined) = way_out(&options, &identity);
        let closing = Arc::new(AtomicBool::new(false));
        let control = spawn(&options.program, lock, closing.clone(), life)?;
        let inner = Inner {
            isolation: options.isolation,
            cgroups: cgroups.clone(),
            gateway: options.isolation == Isolation::Container && options.gateway_name.is_some(),
            confined,
            control,
            closing,
        };
        let setup = Setup {
            isolation: options.isolation,
            work_dir,
            cgroups,
            parked_shells: options.parked_shells,
            uid_base: uid_base(&identity),
            gateway_name: options.gateway_name,
            egress: way_out,
        };
        inner.introduce(&setup).await?;
        let sandboxes = Self(Arc::new(inner));
        sandboxes.prove().await?;
        Ok(sandboxes)
    }

    /// Runs a command. Returns once the program is executing.
    pub async fn launch(&self, launch: Launch) -> Result<Sandbox, Error> {
        self.start_program(launch, false).await
    }

    /// As [`Self::launch`], for a program that reaches the internet. Fails where [`Self::egress`] does.
    pub async fn launch_with_egress(&self, launch: Launch) -> Result<Sandbox, Error> {
        self.start_program(launch, true).await
    }

    async fn start_program(&self, launch: Launch, egress: bool) -> Result<Sandbox, Error> {
        let (channel, theirs) = channel()?;
        let request = Request::Launch { launch, egress };
        self.0.request(&request, theirs).await?;
        let answer = running::receive::<Event>(&channel);
        let answer = tokio::time::timeout(LAUNCH_DEADLINE, answer).await;
        let answer = answer.map_err(|_| Error::Setup("it took too long".to_owned()))?;
        match answer? {
            Some((Event::Started { id, port }, fds)) => {
                let cgroup = self.0.cgroups.as_ref().map(|groups| groups.group(id));
                Sandbox::new(self.0.clone(), id, port, cgroup, channel, fds)
            }
            Some((Event::Refused(refusal), _)) => Err(refusal.into()),
            Some((Event::Exited { .. } | Event::Gone, _)) => {
                Err(Error::Setup("it ended while being set up".to_owned()))
            }
            // The spawner is gone, or had no room for the request's socket.
            None => Err(Error::SpawnerGone),
        }
    }

    pub fn isolation(&self) -> Isolation {
        self.0.isolation
    }

    /// Whether programs may get out.
    pub fn egress(&self) -> Result<(), &Confined> {
        self.0.confined.as_ref().map_or(Ok(()), Err)
    }

    /// Goes through a whole launch, up to a program that does not exist.
    async fn prove(&self) -> Result<(), Error> {
        let nothing = Launch {
            memory_mb: 128,
            ephemeral_mb: 512,
            argv: vec!["/there-is-no-such-program".to_owned()],
            env: Vec::new(),
            binds: Vec::new(),
            cwd: "/".to_owned(),
            control: false,
        };
        match self.launch(nothing).await {
            Err(Error::Exec { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(Error::Exec { source, .. }) => Err(Error::Unavailable(format!(
                "sandboxes cannot run programs on this host: {source}"
            ))),
            Err(Error::Setup(why)) => Err(Error::Unavailable(format!(
                "sandboxes cannot be made on this host: {why}"
            ))),
            Err(error) => Err(error),
            Ok(_) => Err(Error::Setup(
                "nothing was executed, and it worked".to_owned(),
            )),
        }
    }
}

impl Inner {
    pub(super) fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// Whether every sandbox has a listener for the gateway.
    pub(super) fn has_gateway(&self) -> bool {
        self.gateway
    }

    pub(super) async fn request(&self, request: &Request, socket: OwnedFd) -> Result<(), Error> {
        self.send(request, &[socket]).await
    }

    async fn introduce(&self, setup: &Setup) -> Result<(), Error> {
        self.send(setup, &[]).await?;
        match running::receive::<Welcome>(&self.control).await? {
            Some((Welcome { failure: None }, _)) => Ok(()),
            Some((Welcome { failure: Some(why) }, _)) => Err(Error::Setup(why)),
            None => Err(Error::SpawnerGone),
        }
    }

    async fn send<T: serde::Serialize>(&self, message: &T, fds: &[OwnedFd]) -> Result<(), Error> {
        let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        self.control
            .async_io(Interest::WRITABLE, |control| {
                protocol::send(control.as_fd(), message, &borrowed)
            })
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Error::SpawnerGone,
                _ => Error::Io("sandbox request", error),
            })
    }
}

/// One end of a new message socket for us, the other to pass on.
pub(super) fn channel() -> Result<(AsyncFd<OwnedFd>, OwnedFd), Error> {
    let pair = || {
        let (ours, theirs) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )?;
        running::set_nonblocking(&ours)?;
        Ok((sys::watch(ours)?, theirs))
    };
    pair().map_err(io_error("sandbox channel"))
}

fn make_work_dir(dir: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    dir.canonicalize()
}

/// Takes the directory for this executor. The spawner holds the lock as well, so a successor waits until it has died, too.
async fn lock(work_dir: &Path) -> Result<File, Error> {
    let failed = io_error("sandbox lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(work_dir.join("lock"))
        .map_err(&failed)?;
    let deadline = Instant::now() + PREDECESSOR_DEADLINE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                return Err(Error::InUse(work_dir.display().to_string()));
            }
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Ends what an earlier executor has left in its control groups, wherever they were, and makes ours.
fn prepare_cgroups(work_dir: &Path, identity: &[u8]) -> Result<Cgroups, Error> {
    let record = work_dir.join("cgroups.json");
    if let Ok(text) = fs::read(&record)
        && let Ok(earlier) = serde_json::from_slice::<Cgroups>(&text)
    {
        earlier
            .clear()
            .map_err(io_error("control groups of an earlier run"))?;
    }
    let instance = format!("tollgate-{}", hex::encode(&identity[..8]));
    let cgroups = Cgroups::prepare(&instance).map_err(Error::Unavailable)?;
    let text = serde_json::to_vec(&cgroups).map_err(|error| Error::Setup(error.to_string()))?;
    fs::write(&record, text).map_err(io_error("control group record"))?;
    Ok(cgroups)
}

/// What the spawner needs for egress, or why there is none.
fn way_out(options: &Options, identity: &[u8]) -> (Option<EgressSetup>, Option<Confined>) {
    let given = match (&options.egress, options.isolation) {
        (Egress::Deny, _) => return (None, Some(Confined::Denied)),
        // There is nothing to get out of.
        (_, Isolation::Process) => return (None, None),
        (Egress::OnRequest { resolvers }, _) => resolvers,
    };
    let tag = hex::encode(&identity[..4]);
    match egress::prepare(&tag) {
        Ok(nft) => {
            let resolvers = egress::resolvers(given);
            if resolvers.is_empty() {
                tracing::warn!(
                    "functions with egress can look up no names: this host's name servers answer itself only. Name others in executor.resolvers"
                );
            }
            let setup = EgressSetup {
                nft,
                tag,
                resolvers,
            };
            (Some(setup), None)
        }
        Err(error) => {
            tracing::warn!(%error, "functions that ask for egress cannot run here: see `tollgate doctor`");
            (None, Some(Confined::Impossible(error.to_string())))
        }
    }
}

fn uid_base(identity: &[u8]) -> u32 {
    let number = u32::from(identity[8]) << 7 | u32::from(identity[9]) >> 1;
    UID_FIRST + number * UIDS_PER_EXECUTOR
}

/// Starts the spawner from a thread that lives as long as it does: the kernel tells a child of its parent's death when the
/// *thread* that made it ends.
fn spawn(
    program: &Path,
    lock: File,
    closing: Arc<AtomicBool>,
    life: &Lifecycle,
) -> Result<AsyncFd<OwnedFd>, Error> {
    let (ours, theirs) = channel()?;
    let (started, result) = std::sync::mpsc::channel();
    let mut command = Command::new(program);
    command
        // What functions see as the first process' name: not where this program is installed.
        .arg0("init")
        .args(["sandbox-spawner", "3"])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    sys::as_child(&mut command, vec![theirs, lock.into()]);
    let life = life.clone();
    let watch = move || {
        let child = command.spawn();
        // Closes our copies of what the child has inherited.
        drop(command);
        let mut child = match child {
            Ok(child) => child,
            Err(error) => return drop(started.send(Err(error))),
        };
        // Nobody listens any more only if the start was abandoned.
        let _ = started.send(Ok(()));
        let ended = child.wait();
        if !closing.load(Ordering::Relaxed) {
            life.fail(format!("the sandbox spawner has died: {ended:?}"));
        }
    };
    std::thread::Builder::new()
        .name("sandbox-spawner".to_owned())
        .spawn(watch)
        .map_err(io_error("sandbox spawner thread"))?;
    match result.recv() {
        Ok(Ok(())) => Ok(ours),
        Ok(Err(error)) => Err(Error::Io("sandbox spawner", error)),
        Err(_) => Err(Error::SpawnerGone),
    }
}

fn io_error(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::Io(what, error)
}
