//! What the executor, the spawner and the shells say to one another: one JSON message per packet, descriptors beside it.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cgroup::Cgroups;
use super::egress::{EgressSetup, Link};
use super::{Bind, Isolation, Launch, sys};

/// The largest message. Lambda's environment is at most 4 KB, so real ones are far smaller.
pub(super) const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// The port of the Runtime API inside a sandbox of its own network.
pub(super) const RUNTIME_API_PORT: u16 = 9001;

/// The port behind which the public gateway is, inside a sandbox of its own network.
pub(crate) const GATEWAY_PORT: u16 = 9002;

/// Executor to spawner, once, before anything else. Answered by [`Welcome`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) isolation: Isolation,
    pub(super) work_dir: PathBuf,
    /// `None` under process isolation.
    pub(super) cgroups: Option<Cgroups>,
    pub(super) parked_shells: usize,
    /// The first of this executor's user ids; slot `n` runs as the `n`th after it.
    pub(super) uid_base: u32,
    /// As [`super::Options::gateway_name`].
    pub(super) gateway_name: Option<String>,
    /// `None` where nobody gets out.
    pub(super) egress: Option<EgressSetup>,
}

/// Spawner to executor: whether [`Setup`] worked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Welcome {
    pub(super) failure: Option<String>,
}

/// Executor to spawner; each comes with one socket, over which the answer goes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Answered with [`Event`]s on the socket, which becomes the sandbox's channel.
    Launch { launch: Launch, egress: bool },
    /// Answered with one [`Mounted`].
    Mount { id: u64, bind: Bind },
    /// Gives a running sandbox its way out. Answered with one [`Mounted`].
    Connect { id: u64 },
}

/// The answer to [`Request::Mount`] and [`Request::Connect`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Mounted {
    pub(super) failure: Option<String>,
}

/// Spawner to a parked shell; comes with the channel, the shell's own pidfd, a routing socket where there is a link to make, and
/// one detached mount per bind.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) launch: Launch,
    pub(super) link: Option<Link>,
}

/// What happens to a sandbox, told over its channel.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Event {
    /// From the shell; comes with these descriptors: pidfd, stdout, stderr, listener, the gateway's listener where there is one,
    /// control if asked for.
    Started { id: u64, port: u16 },
    /// From the shell or the spawner: there will be no sandbox.
    Refused(Refusal),
    /// From the shell: the program has ended. `status` is as `wait` gives it.
    Exited { status: i32, peak_kb: u64 },
    /// From the spawner: every process is gone.
    Gone,
}

/// Why a launch fails.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Refusal {
    Exec { program: String, errno: i32 },
    Bind { target: String, why: String },
    Setup(String),
}

/// Sends `message` in one packet.
pub(super) fn send<T: Serialize>(
    socket: BorrowedFd<'_>,
    message: &T,
    fds: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(io::Error::other(
            "the command and its environment are too long",
        ));
    }
    sys::send(socket, &bytes, fds)
}

/// Receives one message; `None` when the other side is gone.
pub(super) fn receive<T: DeserializeOwned>(
    socket: BorrowedFd<'_>,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut buffer = vec![0; MESSAGE_BYTES_MAX];
    let (length, fds) = loop {
        match sys::receive(socket, &mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if length == 0 {
        return Ok(None);
    }
    Ok(Some((serde_json::from_slice(&buffer[..length])?, fds)))
}
