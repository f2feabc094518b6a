//! What to run, and how it ended.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How strongly programs are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Linux namespaces, a read-only root, control groups, no capabilities, a system call filter, a user of its own.
    Container,
    /// None: a plain child process that can read whatever the executor can. For development only.
    Process,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Container => "container",
            Self::Process => "process",
        })
    }
}

impl FromStr for Isolation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "container" => Ok(Self::Container),
            "process" => Ok(Self::Process),
            _ => Err(format!("{text:?} is neither \"container\" nor \"process\"")),
        }
    }
}

/// How to run sandboxes.
#[derive(Debug, Clone)]
pub struct Options {
    /// This program: it starts itself again as `PROGRAM sandbox-spawner 3` (see [`super::spawner::main`]).
    pub program: PathBuf,
    /// A directory of this executor's own; also its identity, after which its control groups are named.
    pub work_dir: PathBuf,
    pub isolation: Isolation,
    /// How many shells to keep ready. Each costs about 1 MB and no CPU.
    pub parked_shells: usize,
    /// Where programs are to reach the public gateway: the name that leads there inside, which is that of its certificate. With
    /// it every sandbox has [`super::Sandbox::gateway`]. Means nothing under process isolation.
    pub gateway_name: Option<String>,
    /// Whether programs that ask for it get out to the internet. Means nothing under process isolation, which has the host's
    /// network.
    pub egress: Egress,
}

/// The operator's word on [`super::Sandboxes::launch_with_egress`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Egress {
    Deny,
    /// With these name servers, or the host's where none are given.
    OnRequest {
        resolvers: Vec<Ipv4Addr>,
    },
}

impl Options {
    pub fn new(program: PathBuf, work_dir: PathBuf, isolation: Isolation) -> Self {
        Self {
            program,
            work_dir,
            isolation,
            parked_shells: 2,
            gateway_name: None,
            egress: Egress::Deny,
        }
    }
}

/// Why no program gets out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Confined {
    #[error("this installation's operator denies egress (executor.egress)")]
    Denied,
    /// With the reason.
    #[error("this host cannot give any ({0})")]
    Impossible(String),
}

/// A command and the walls around it.
///
/// In `env`, `${RUNTIME_API}` stands for the address of the Runtime API; in `argv` and `env`, `${TASK_ROOT}` for the directory
/// that is bound to `/var/task`. Under process isolation nothing can be bound: there, `argv`, `env` and `cwd` have every path
/// that begins with a bind's target rewritten to its source.
#[derive(Clone, Serialize, Deserialize)]
pub struct Launch {
    /// Memory of everything inside, in MB; no swap. CPU is not held to the share that goes with it until
    /// [`super::Sandbox::limit`] is called, so that initialization is fast, as on Lambda.
    pub memory_mb: u32,
    /// Size of `/tmp`, in MB.
    pub ephemeral_mb: u32,
    /// The program (an absolute path inside) and its arguments.
    pub argv: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub env: Vec<(String, String)>,
    pub binds: Vec<Bind>,
    pub cwd: String,
    /// Whether the program gets one end of a stream socket as descriptor 3, and we the other.
    pub control: bool,
}

impl fmt::Debug for Launch {
    /// Without the values of the environment, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        f.debug_struct("Launch")
            .field("memory_mb", &self.memory_mb)
            .field("ephemeral_mb", &self.ephemeral_mb)
            .field("argv", &self.argv)
            .field("env", &names)
            .field("binds", &self.binds)
            .field("cwd", &self.cwd)
            .field("control", &self.control)
            .finish()
    }
}

/// A file or directory of the host that is visible inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    pub source: PathBuf,
    /// Absolute, without symbolic links.
    pub target: String,
    /// Read-only unless set.
    pub writable: bool,
}

impl Bind {
    pub fn read_only(source: impl Into<PathBuf>, target: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            target: target.into(),
            writable: false,
        }
    }
}

/// How the program ended. Exactly one of `code` and `signal` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// What it passed to `exit`.
    pub code: Option<i32>,
    /// What killed it. 9 also when the sandbox was killed as a whole.
    pub signal: Option<i32>,
    /// Whether the kernel killed something inside for want of memory.
    pub out_of_memory: bool,
}
