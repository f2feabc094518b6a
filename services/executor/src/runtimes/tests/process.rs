//! A runtime as a plain process: the paths that a sandbox would mount are written out.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Architecture, FunctionSpec, Version};

use super::api::Api;
use crate::runtimes::{Program, RUNTIME_DIR, Runtime, Runtimes, TASK_ROOT};

/// Kept between runs, so that pip is asked once.
pub(super) fn runtimes_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tmp/runtimes")
}

/// The runtime whose identifier starts so, prepared. A host without it fails the test: both are needed to build.
pub(super) async fn runtime(prefix: &str) -> Arc<Runtime> {
    let runtimes = Runtimes::discover(&runtimes_dir(), &[]).await;
    let mut names: Vec<&str> = runtimes.identifiers().collect();
    // The one that most hosts have comes first.
    names.sort_by_key(|name| *name != "python3.11");
    let name = names.into_iter().find(|name| name.starts_with(prefix));
    let name = name
        .unwrap_or_else(|| panic!("no {prefix} on this host"))
        .to_owned();
    let runtime = Arc::clone(runtimes.find(&name).unwrap());
    runtime.prepare().await.unwrap();
    runtime
}

pub(super) fn spec(runtime: &Runtime, handler: &str) -> FunctionSpec {
    FunctionSpec {
        spec_id: "1".to_owned(),
        account: "000000000000".parse().unwrap(),
        region: "eu-central-1".parse().unwrap(),
        name: "demo".parse().unwrap(),
        version: Version::Latest,
        runtime: runtime.name().to_owned(),
        handler: handler.to_owned(),
        architecture: Architecture::X86_64,
        memory_mb: 128,
        timeout_s: 3,
        ephemeral_mb: 512,
        egress: domain::Egress::None,
        environment: [("COLOUR".to_owned(), "blue".to_owned())].into(),
        code_sha256: "0".repeat(64),
        code_size: 1,
    }
}

/// A function's files, the process that runs it, and its Runtime API.
pub(super) struct Function {
    pub(super) api: Api,
    code: tempfile::TempDir,
    runtime: Arc<Runtime>,
    child: Option<Child>,
    control: Option<UnixStream>,
    /// More variables for a plain start.
    variables: Vec<(String, String)>,
}

impl Function {
    pub(super) fn new(runtime: &Arc<Runtime>, files: &[(&str, &str)]) -> Self {
        let code = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = code.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self {
            api: Api::start(),
            code,
            runtime: Arc::clone(runtime),
            child: None,
            control: None,
            variables: Vec::new(),
        }
    }

    /// Gives the function a wrapper script, which sets `WRAPPED`.
    pub(super) fn wrap(&mut self) {
        let script = self.code.path().join("wrapper");
        std::fs::write(&script, "#!/bin/sh\nWRAPPED=yes exec \"$@\"\n").unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        let script = script.to_str().unwrap().to_owned();
        self.variables
            .push(("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), script));
    }

    /// Starts it with the function's environment.
    pub(super) fn start(mut self, handler: &str) -> Self {
        let mut program = self.runtime.launch(Some(self.code.path())).unwrap();
        program.env = self
            .runtime
            .environment(&spec(&self.runtime, handler), "stream");
        program.env.append(&mut self.variables);
        self.spawn(&program);
        self
    }

    /// Starts it parked.
    pub(super) fn park(mut self) -> Self {
        let program = self.runtime.launch(None).unwrap();
        assert!(program.control);
        self.spawn(&program);
        self
    }

    /// Tells a parked one what it is; gives the moment.
    pub(super) fn assign(&mut self, handler: &str) -> Instant {
        let env: serde_json::Map<String, serde_json::Value> = self
            .runtime
            .environment(&spec(&self.runtime, handler), "stream")
            .into_iter()
            .map(|(key, value)| (key, self.real(&value).into()))
            .collect();
        let line = serde_json::json!({"env": env, "handler": handler, "cwd": self.code.path()});
        let mut control = self.control.take().unwrap();
        let at = Instant::now();
        control.write_all(format!("{line}\n").as_bytes()).unwrap();
        at
    }

    /// Waits until a parked one has nothing to do but to wait for its assignment: it sleeps in a read or poll, having
    /// used no processor time for a while.
    pub(super) fn wait_until_parked(&self) {
        let stat = format!("/proc/{}/stat", self.child.as_ref().unwrap().id());
        let used = || {
            let text = std::fs::read_to_string(&stat).unwrap();
            let fields: Vec<&str> = text.rsplit(") ").next().unwrap().split(' ').collect();
            (
                fields[0].to_owned(),
                fields[11].to_owned(),
                fields[12].to_owned(),
            )
        };
        let mut last = used();
        let mut quiet = 0;
        while quiet < 5 {
            std::thread::sleep(Duration::from_millis(20));
            let now = used();
            quiet = if now == last && now.0 == "S" {
                quiet + 1
            } else {
                0
            };
            last = now;
        }
    }

    /// Processor time used so far by its main thread: what waiting for other processes does not change.
    pub(super) fn work(&self) -> Duration {
        let id = self.child.as_ref().unwrap().id();
        let text = std::fs::read_to_string(format!("/proc/{id}/schedstat")).unwrap();
        Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
    }

    /// Waits for the end: exit code and all output.
    pub(super) fn output(mut self) -> (Option<i32>, String) {
        let mut child = self.child.take().unwrap();
        let mut text = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        let code = child.wait().unwrap().code();
        (code, text)
    }

    /// Ends the process; gives all output.
    pub(super) fn stop(mut self) -> String {
        self.child.as_mut().unwrap().kill().unwrap();
        self.output().1
    }

    pub(super) fn dir(&self) -> &Path {
        self.code.path()
    }

    /// A sandbox's path as a path of the host.
    fn real(&self, text: &str) -> String {
        let client = self
            .runtime
            .client()
            .unwrap()
            .dir
            .clone()
            .unwrap_or_default();
        text.replace(RUNTIME_DIR, client.to_str().unwrap())
            .replace(TASK_ROOT, self.code.path().to_str().unwrap())
            .replace("${RUNTIME_API}", &self.api.address)
    }

    fn spawn(&mut self, program: &Program) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        // Moves the control socket from standard input to descriptor 3.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec 3<&0 0</dev/null; exec \"$@\"", "sh"]);
        command.args(program.argv.iter().map(|arg| self.real(arg)));
        command.env_clear();
        command.envs(
            program
                .env
                .iter()
                .map(|(key, value)| (key, self.real(value))),
        );
        command.current_dir(if program.control {
            Path::new("/")
        } else {
            self.code.path()
        });
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        command.stdout(Stdio::piped());
        self.child = Some(command.spawn().unwrap());
        self.control = Some(ours);
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
