//! One runtime, and how it is started.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use domain::FunctionSpec;
use tokio::sync::OnceCell;

use super::environment::{self, RUNTIME_DIR, TASK_ROOT};
use super::install::{self, Client, Error};

/// A way to run functions, found on this host.
#[derive(Debug)]
pub struct Runtime {
    /// Lambda's identifiers that it answers to.
    pub identifiers: Vec<String>,
    /// What the interpreter says its version is; empty where there is none.
    pub version: String,
    /// The interpreter, or the first word of the command.
    pub program: PathBuf,
    /// Directories of the host that the sandbox must see, read-only, under the same path. What is under `/usr` is there
    /// anyway.
    pub host_dirs: Vec<PathBuf>,
    pub(super) kind: Kind,
    /// `<data-dir>/runtimes`.
    pub(super) dir: PathBuf,
    /// What connects it to the Runtime API, once laid out.
    pub(super) client: OnceCell<Client>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// `python3.<minor>`.
    Python { minor: u8 },
    /// `nodejs<major>.x`.
    Node,
    /// The package's own `bootstrap`.
    Provided,
    /// From a manifest: the command to run and variables to set.
    Custom {
        argv: Vec<String>,
        env: BTreeMap<String, String>,
    },
}

/// A command for a sandbox. The sandbox replaces the text `${RUNTIME_API}` in `env` by the Runtime API's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub argv: Vec<String>,
    /// What every start of this runtime has in its environment, and all that a parked one has. A function's own start
    /// takes [`Runtime::environment`] in its place.
    pub env: Vec<(String, String)>,
    /// Read-only mounts: host path, path in the sandbox.
    pub binds: Vec<(PathBuf, String)>,
    pub cwd: String,
    /// Whether it waits on file descriptor 3 for its function.
    pub control: bool,
}

/// A function that cannot start, in Lambda's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Such as `Runtime.InvalidEntrypoint`.
    pub error_type: &'static str,
    pub message: String,
}

impl Runtime {
    /// Lays out what the runtime needs besides its interpreter, once; later calls cost nothing. For Python this may
    /// download the official client, which takes seconds.
    pub async fn prepare(&self) -> Result<&Client, Error> {
        self.client.get_or_try_init(|| install::client(self)).await
    }

    /// What connects the runtime to the Runtime API; `None` before the first [`Self::prepare`].
    pub fn client(&self) -> Option<&Client> {
        self.client.get()
    }

    /// How to start it: with the function's code in `code_dir`, or parked without any. Call [`Self::prepare`] first.
    pub fn launch(&self, code_dir: Option<&Path>) -> Result<Program, Fault> {
        let client = self.client.get().ok_or_else(|| Fault {
            error_type: "Runtime.InvalidEntrypoint",
            message: format!("runtime {} is not prepared", self.name()),
        })?;
        if let (Kind::Provided, Some(code_dir)) = (&self.kind, code_dir) {
            check_bootstrap(code_dir)?;
        }
        let parked = code_dir.is_none();
        let mut binds: Vec<(PathBuf, String)> = self
            .host_dirs
            .iter()
            .map(|dir| (dir.clone(), dir.to_string_lossy().into_owned()))
            .collect();
        if let Some(dir) = &client.dir {
            binds.push((dir.clone(), RUNTIME_DIR.to_owned()));
        }
        if let Some(code_dir) = code_dir {
            binds.push((code_dir.to_path_buf(), TASK_ROOT.to_owned()));
        }
        Ok(Program {
            argv: self.argv(parked),
            env: environment::base(self),
            binds,
            cwd: if parked { "/" } else { TASK_ROOT }.to_owned(),
            control: parked,
        })
    }

    /// Whether it can be started before its function is known.
    pub fn can_park(&self) -> bool {
        matches!(self.kind, Kind::Python { .. } | Kind::Node)
    }

    /// Whether a parked one can take on a function with these variables. Not if one of them matters to the interpreter's
    /// own start.
    pub fn assignable(&self, variables: &BTreeMap<String, String>) -> bool {
        self.can_park() && !variables.keys().any(|key| environment::at_start(key))
    }

    /// All variables of a function's environment, as Lambda sets them: the platform's own win over the function's, where
    /// AWS reserves them; elsewhere the function's win.
    pub fn environment(&self, spec: &FunctionSpec, log_stream: &str) -> Vec<(String, String)> {
        environment::of(self, spec, log_stream)
    }

    /// The first identifier: its name in logs.
    pub fn name(&self) -> &str {
        self.identifiers.first().map_or("", String::as_str)
    }

    fn argv(&self, parked: bool) -> Vec<String> {
        let program = self.program.to_string_lossy().into_owned();
        let mut argv = match &self.kind {
            // -S and -s: packages installed on the host are none of the function's business. -u: lines arrive when they
            // are printed, even if the process is killed right after.
            Kind::Python { .. } => vec![
                program,
                "-S".to_owned(),
                "-s".to_owned(),
                "-u".to_owned(),
                format!("{RUNTIME_DIR}/bootstrap.py"),
            ],
            Kind::Node => vec![program, format!("{RUNTIME_DIR}/bootstrap.mjs")],
            Kind::Provided => vec![format!("{TASK_ROOT}/bootstrap")],
            Kind::Custom { argv, .. } => argv.clone(),
        };
        if parked {
            argv.push("parked".to_owned());
        }
        argv
    }
}

/// Lambda's check of a custom runtime, before anything is started.
fn check_bootstrap(code_dir: &Path) -> Result<(), Fault> {
    let invalid = |message: &str| Fault {
        error_type: "Runtime.InvalidEntrypoint",
        message: message.to_owned(),
    };
    match std::fs::metadata(code_dir.join("bootstrap")) {
        Ok(found) if !found.is_file() => Err(invalid(
            "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
        )),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => {
            Err(invalid("fork/exec /var/task/bootstrap: permission denied"))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(invalid("fork/exec /var/task/bootstrap: permission denied"))
        }
        Err(_) => Err(invalid(
            "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
        )),
    }
}
