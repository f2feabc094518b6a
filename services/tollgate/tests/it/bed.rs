//! The platform under test, and accounts on it.
//!
//! Tests share one running `tollgate up`: the one that `TOLLGATE_TEST_URL` and `TOLLGATE_TEST_DIR` name (`make test` starts
//! it), else one that the test process starts itself. Each test works in an account of its own, so that they cannot see
//! one another. Tests that break things start a platform of their own ([`Bed::own`]).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use tempfile::TempDir;

/// The binary under test.
pub(crate) const TOLLGATE: &str = env!("CARGO_BIN_EXE_tollgate");

/// A running platform.
pub(crate) struct Bed {
    pub(crate) url: String,
    pub(crate) data_dir: PathBuf,
    pub(crate) running: Option<Running>,
    /// Settings of services that run apart.
    pub(crate) environment: Vec<(String, String)>,
}

/// A process of ours that serves; it ends with the test process whatever becomes of that.
pub(crate) struct Running {
    child: Child,
    /// Kept open: the process must not meet a closed pipe.
    output: BufReader<ChildStdout>,
    /// What it works on, for as long as it runs.
    work: Option<TempDir>,
}

/// An account's keys.
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
}

impl Running {
    /// Starts `tollgate WORDS` and waits for a line that says it is ready; answers that line.
    pub(crate) fn start(words: &[&str], environment: &[(&str, &str)]) -> (Self, String) {
        // The kernel ends it with us, so that a failed test leaves nothing behind.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "TERM", TOLLGATE])
            .args(words)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| !is_ours(&name.to_string_lossy())))
            .envs(environment.iter().copied());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv (util-linux) starts tollgate");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        while !line.contains(" is ready at ") {
            line.clear();
            let read = output.read_line(&mut line).expect("readable");
            assert!(
                read > 0,
                "tollgate {words:?} ended before it was ready: {:?}",
                child.wait()
            );
        }
        (
            Self {
                child,
                output,
                work: None,
            },
            line,
        )
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("running");
        self.child.wait().expect("ended");
    }

    /// Asks it to end and answers how it ended.
    pub(crate) fn stop(mut self) -> std::process::ExitStatus {
        terminate(&self.child);
        let mut rest = String::new();
        while self.output.read_line(&mut rest).is_ok_and(|read| read > 0) {}
        self.child.wait().expect("ended")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            terminate(&self.child);
            let _ = self.child.wait();
        }
    }
}

fn terminate(child: &Child) {
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
}

impl Bed {
    /// The platform that tests share.
    pub(crate) fn shared() -> Self {
        match (
            std::env::var("TOLLGATE_TEST_URL"),
            std::env::var("TOLLGATE_TEST_DIR"),
        ) {
            (Ok(url), Ok(dir)) => Self {
                url,
                data_dir: dir.into(),
                running: None,
                environment: Vec::new(),
            },
            _ => Self::own(),
        }
    }

    /// A platform for one test.
    pub(crate) fn own() -> Self {
        Self::own_with(&[])
    }

    /// As [`Self::own`], with settings of its own.
    pub(crate) fn own_with(environment: &[(&str, &str)]) -> Self {
        let work = tempfile::Builder::new()
            .prefix("tollgate-it-")
            .tempdir()
            .expect("a directory");
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = environment.iter().map(own).collect();
        let data_dir = work.path().join("data");
        let mut bed = Self {
            url: String::new(),
            data_dir,
            running: None,
            environment,
        };
        bed.start();
        if let Some(running) = &mut bed.running {
            running.work = Some(work);
        }
        bed
    }

    /// Starts it, again after [`Self::kill`]: on the same data, on another port.
    pub(crate) fn start(&mut self) {
        let dir = self.data_dir.to_str().expect("UTF-8").to_owned();
        let listen = match self.url.strip_prefix("http://") {
            Some(address) => address.to_owned(),
            None => "127.0.0.1:0".to_owned(),
        };
        let environment: Vec<_> = self
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let words = ["up", "--data-dir", &dir, "--listen", &listen];
        let (running, line) = Running::start(&words, &environment);
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"));
        url.expect("a URL in the ready line")
            .clone_into(&mut self.url);
        self.running = Some(running);
    }

    /// `kill -9` of everything; the data stays.
    pub(crate) fn kill(&mut self) -> Option<TempDir> {
        let mut running = self.running.take().expect("our own platform");
        let work = running.work.take();
        running.kill();
        work
    }

    /// Ends it the polite way and answers how it ended.
    pub(crate) fn stop(&mut self) -> std::process::ExitStatus {
        self.running.take().expect("our own platform").stop()
    }

    /// A command of ours against this platform's data directory.
    pub(crate) fn operator(&self, words: &[&str]) -> String {
        let output = Command::new(TOLLGATE)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| !is_ours(&name.to_string_lossy())))
            .args(words)
            .arg("--data-dir")
            .arg(&self.data_dir)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("tollgate runs");
        text_of(&output, &format!("tollgate {words:?}"))
    }

    /// A new account with a key.
    pub(crate) fn account(&self) -> Account {
        let text = self.operator(&["accounts", "create", "test"]);
        let quoted = |name: &str| {
            let (_, rest) = text
                .split_once(&format!("{name}='"))
                .expect("an export line");
            rest.split('\'').next().unwrap_or_default().to_owned()
        };
        let digits =
            |word: &str| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit());
        let id = text
            .split(|c: char| !c.is_ascii_digit())
            .find(|word| digits(word));
        Account {
            id: id.expect("an account id").to_owned(),
            access_key_id: quoted("AWS_ACCESS_KEY_ID"),
            secret: quoted("AWS_SECRET_ACCESS_KEY"),
        }
    }

    /// Runs one function of a client script as this account, and answers what it printed.
    pub(crate) fn client(&self, account: &Account, script: &str, case: &str) -> String {
        let output = self
            .command(account, script, case)
            .output()
            .expect("python runs");
        text_of(&output, &format!("{script} {case}"))
    }

    /// The command behind [`Self::client`], to be started by the caller.
    pub(crate) fn command(&self, account: &Account, script: &str, case: &str) -> Command {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let repository = here.join("../..");
        let venv = std::env::var_os("TOLLGATE_TEST_VENV")
            .map_or_else(|| repository.join(".venv"), PathBuf::from);
        let python = venv.join("bin/python");
        assert!(
            python.exists(),
            "{} is missing: run `make venv` once",
            python.display()
        );
        let mut command = Command::new(python);
        command
            .arg(here.join("tests/it/clients").join(script))
            .arg(case)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| !is_ours(&name.to_string_lossy())))
            .envs(self.environment(account))
            .env("EXAMPLES_DIR", repository.join("examples"));
        command
    }

    fn environment(&self, account: &Account) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_ACCESS_KEY_ID", account.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", account.secret.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("ACCOUNT_ID", account.id.clone()),
            ("PROGRAM", TOLLGATE.to_owned()),
            ("DATA_DIR", self.data_dir.display().to_string()),
        ])
    }
}

/// Variables that would point clients, or our own commands, elsewhere.
fn is_ours(name: &str) -> bool {
    name.starts_with("AWS_") || name.starts_with("TOLLGATE_")
}

/// Standard output of a command that must succeed.
pub(crate) fn text_of(output: &Output, what: &str) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{what} ended with {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}
