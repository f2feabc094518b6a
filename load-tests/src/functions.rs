//! The functions that are measured: a Python and a Rust echo, the same code for Tollgate and for the floor.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

/// A handler that returns its event.
pub(crate) const PYTHON_ECHO: &str = "def handler(event, context):\n    return event\n";

/// What the measurements need on disk.
pub(crate) struct Functions {
    /// Holds `echo.py`.
    pub(crate) python_dir: PathBuf,
    /// The Rust echo's `bootstrap`.
    pub(crate) rust_bootstrap: PathBuf,
    /// Where the platform keeps the Python runtime client.
    pub(crate) python_client: PathBuf,
    /// The interpreter for the floor.
    pub(crate) python: PathBuf,
}

impl Functions {
    /// Writes and builds them below `work`; `data_dir` is a started platform's.
    pub(crate) async fn prepare(repository: &Path, work: &Path, data_dir: &Path) -> Result<Self> {
        let python_dir = work.join("python-echo");
        std::fs::create_dir_all(&python_dir)?;
        std::fs::write(python_dir.join("echo.py"), PYTHON_ECHO)?;
        let rust = repository.join("load-tests/functions/echo");
        let target = work.join("rust-echo");
        let status = Command::new("cargo")
            .args([
                "build",
                "--release",
                "--locked",
                "--quiet",
                "--manifest-path",
            ])
            .arg(rust.join("Cargo.toml"))
            .env("CARGO_TARGET_DIR", &target)
            .status()?;
        ensure!(status.success(), "load-tests/functions/echo does not build");
        Ok(Self {
            python_dir,
            rust_bootstrap: target.join("release/bootstrap"),
            python_client: python_client(data_dir).await?,
            python: python(),
        })
    }

    pub(crate) fn python_zip(&self) -> Result<Vec<u8>> {
        Ok(package::build(&self.python_dir)?)
    }

    pub(crate) fn rust_zip(&self) -> Result<Vec<u8>> {
        let dir = self.python_dir.with_file_name("rust-zip");
        std::fs::create_dir_all(&dir)?;
        std::fs::copy(&self.rust_bootstrap, dir.join("bootstrap"))?;
        Ok(package::build(&dir)?)
    }

    /// The bare Python runtime client, as a user would start it by hand.
    pub(crate) fn bare_python(&self) -> Command {
        let mut command = Command::new(&self.python);
        command
            .args(["-m", "awslambdaric", "echo.handler"])
            .current_dir(&self.python_dir)
            .env("PYTHONPATH", &self.python_client)
            .env("AWS_LAMBDA_FUNCTION_NAME", "echo");
        command
    }

    /// The bare Rust function.
    pub(crate) fn bare_rust(&self) -> Command {
        let mut command = Command::new(&self.rust_bootstrap);
        for (name, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", "echo"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
        ] {
            command.env(name, value);
        }
        command
    }
}

/// The directory that holds the `awslambdaric` package for Python 3.11; the platform installs it at its first start.
async fn python_client(data_dir: &Path) -> Result<PathBuf> {
    let deadline = Instant::now() + Duration::from_mins(2);
    while Instant::now() < deadline {
        if let Some(found) = find_client(data_dir.join("runtimes")) {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    bail!(
        "the platform has not installed awslambdaric for Python 3.11 below {}",
        data_dir.display()
    )
}

fn find_client(runtimes: PathBuf) -> Option<PathBuf> {
    let mut pending = vec![runtimes];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            // What is still being filled is renamed when it is whole.
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let ours = dir.to_string_lossy().contains("3.11");
            if entry.file_name() == "awslambdaric" && ours {
                return Some(dir);
            }
            if entry.path().is_dir() {
                pending.push(entry.path());
            }
        }
    }
    None
}

/// The interpreter that the platform uses too, where the system has it.
fn python() -> PathBuf {
    let system = PathBuf::from("/usr/bin/python3.11");
    if system.exists() {
        system
    } else {
        "python3.11".into()
    }
}
