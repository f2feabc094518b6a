//! What a runtime needs besides its interpreter: laid out once, in a directory named after its contents.
//!
//! A directory that exists is whole, because it was renamed into place; one of another release of ours, or for another
//! interpreter, has another name. Running sandboxes keep the one they were started with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::runtime::{Kind, Runtime};

const BOOTSTRAP_PY: &str = include_str!("python/bootstrap.py");
const TOLLGATE_BOOTSTRAP_PY: &str = include_str!("python/tollgate_bootstrap.py");
const TOLLGATE_CLIENT_PY: &str = include_str!("python/tollgate_client.py");
const TOLLGATE_TRANSPORT_PY: &str = include_str!("python/tollgate_transport.py");
/// AWS's client, pinned and hashed, for the Pythons that its present release supports, and the last one for Python 3.9.
const REQUIREMENTS: &str = include_str!("python/requirements.txt");
const REQUIREMENTS_39: &str = include_str!("python/requirements-3.9.txt");
const BOOTSTRAP_MJS: &str = include_str!("node/bootstrap.mjs");

/// Time for pip to fetch and install three small wheels.
const PIP_TIMEOUT: Duration = Duration::from_mins(3);

/// In a fallback's directory: why it was needed.
const REASON: &str = "reason.txt";

/// What connects an interpreter to the Runtime API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Seen by the sandbox as `/var/runtime`; `None` if the runtime has no files of its own.
    pub dir: Option<PathBuf>,
    /// Why AWS's own client is not used, where there is one that might be.
    pub fallback: Option<String>,
}

/// Why a runtime cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot lay out the runtime's files in {dir}: {why}")]
    Write { dir: PathBuf, why: io::Error },
}

/// The client as an earlier process left it, if it did.
pub(super) fn present(runtime: &Runtime) -> Option<Client> {
    match runtime.kind {
        Kind::Python { .. } => {
            let dir = runtime.dir.join(directory(runtime, "awslambdaric"));
            dir.is_dir().then_some(Client {
                dir: Some(dir),
                fallback: None,
            })
        }
        Kind::Node => {
            let dir = runtime.dir.join(directory(runtime, "tollgate"));
            dir.is_dir().then_some(Client {
                dir: Some(dir),
                fallback: None,
            })
        }
        Kind::Provided | Kind::Custom { .. } => Some(Client {
            dir: None,
            fallback: None,
        }),
    }
}

/// Why this process, or an earlier one, fell back on the built-in client.
pub(super) fn fallback(runtime: &Runtime) -> Option<String> {
    if let Some(client) = runtime.client.get() {
        return client.fallback.clone();
    }
    let dir = runtime.dir.join(directory(runtime, "tollgate"));
    fs::read_to_string(dir.join(REASON)).ok()
}

/// Lays out the client.
pub(super) async fn client(runtime: &Runtime) -> Result<Client, Error> {
    if let Some(client) = present(runtime) {
        return Ok(client);
    }
    let official = directory(runtime, "awslambdaric");
    let own = directory(runtime, "tollgate");
    match runtime.kind {
        Kind::Python { minor } => {
            let attempt = place(&runtime.dir, &official, async |dir: PathBuf| {
                pip(runtime, minor, &dir).await.map_err(io::Error::other)?;
                python_files(runtime, &dir).await
            });
            match attempt.await {
                Ok(dir) => Ok(Client {
                    dir: Some(dir),
                    fallback: None,
                }),
                Err(error) => {
                    tracing::warn!(
                        runtime = runtime.name(),
                        error = %error,
                        "AWS's Python client could not be installed; functions run on the built-in one"
                    );
                    let dir = place(&runtime.dir, &own, async |dir: PathBuf| {
                        fs::write(dir.join(REASON), error.to_string())?;
                        python_files(runtime, &dir).await
                    });
                    Ok(Client {
                        dir: Some(dir.await.map_err(|why| write_error(runtime, why))?),
                        fallback: Some(error.to_string()),
                    })
                }
            }
        }
        Kind::Node => {
            let dir = place(&runtime.dir, &own, async |dir: PathBuf| {
                fs::write(dir.join("bootstrap.mjs"), BOOTSTRAP_MJS)
            });
            Ok(Client {
                dir: Some(dir.await.map_err(|why| write_error(runtime, why))?),
                fallback: None,
            })
        }
        Kind::Provided | Kind::Custom { .. } => Ok(Client {
            dir: None,
            fallback: None,
        }),
    }
}

fn write_error(runtime: &Runtime, why: io::Error) -> Error {
    Error::Write {
        dir: runtime.dir.clone(),
        why,
    }
}

/// `<identifier>-<client>-<digest of everything that decides the contents>`.
fn directory(runtime: &Runtime, client: &str) -> String {
    let mut digest = Sha256::new();
    let sources = match runtime.kind {
        Kind::Python { .. } => [
            BOOTSTRAP_PY,
            TOLLGATE_BOOTSTRAP_PY,
            TOLLGATE_CLIENT_PY,
            TOLLGATE_TRANSPORT_PY,
            REQUIREMENTS,
            REQUIREMENTS_39,
        ]
        .as_slice(),
        _ => &[BOOTSTRAP_MJS],
    };
    for part in sources.iter().copied().chain([runtime.version.as_str()]) {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    digest.update(runtime.program.as_os_str().as_encoded_bytes());
    let mut name = format!("{}-{client}-", runtime.name());
    name.push_str(hex::encode(digest.finalize()).get(..12).unwrap_or_default());
    name
}

/// Fills a fresh directory and renames it into place.
async fn place<F>(dir: &Path, name: &str, fill: F) -> io::Result<PathBuf>
where
    F: AsyncFnOnce(PathBuf) -> io::Result<()>,
{
    let path = dir.join(name);
    let partial = dir.join(format!(".{name}.{}.partial", std::process::id()));
    if path.is_dir() {
        return Ok(path);
    }
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    let filled = fill(partial.clone())
        .await
        .and_then(|()| readable(&partial))
        .and_then(|()| fs::rename(&partial, &path));
    match filled {
        Ok(()) => Ok(path),
        Err(error) => {
            let _ = fs::remove_dir_all(&partial);
            // Another process of the same release was quicker.
            if path.is_dir() { Ok(path) } else { Err(error) }
        }
    }
}

/// Makes everything readable by the sandbox's user, whatever the umask was.
fn readable(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            readable(&entry.path())?;
        } else {
            let mode = entry.metadata()?.permissions().mode();
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode | 0o444))?;
        }
    }
    Ok(())
}

/// Our own modules, compiled so that no start has to.
async fn python_files(runtime: &Runtime, dir: &Path) -> io::Result<()> {
    fs::write(dir.join("bootstrap.py"), BOOTSTRAP_PY)?;
    fs::write(dir.join("tollgate_bootstrap.py"), TOLLGATE_BOOTSTRAP_PY)?;
    fs::write(dir.join("tollgate_client.py"), TOLLGATE_CLIENT_PY)?;
    fs::write(dir.join("tollgate_transport.py"), TOLLGATE_TRANSPORT_PY)?;
    let status = Command::new(&runtime.program)
        .args([
            "-I",
            "-m",
            "compileall",
            "-q",
            "--invalidation-mode",
            "unchecked-hash",
        ])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await?;
    // Without compiled files everything works, a few milliseconds slower.
    if !status.success() {
        tracing::warn!(
            runtime = runtime.name(),
            "runtime files could not be compiled"
        );
    }
    Ok(())
}

/// Installs AWS's client into `dir`, by the interpreter's own pip or by any `python3`'s.
async fn pip(runtime: &Runtime, minor: u8, dir: &Path) -> Result<(), String> {
    let own = run_pip(&runtime.program, &[], minor, dir).await;
    let Err(why) = own else {
        return Ok(());
    };
    if !why.contains("No module named pip") {
        return Err(why);
    }
    let arch = std::env::consts::ARCH;
    let foreign = [
        "--implementation=cp".to_owned(),
        format!("--python-version=3.{minor}"),
        format!("--platform=manylinux2014_{arch}"),
        format!("--platform=manylinux_2_28_{arch}"),
    ];
    run_pip(Path::new("python3"), &foreign, minor, dir)
        .await
        .map_err(|_| "this Python has no pip".to_owned())
}

async fn run_pip(python: &Path, extra: &[String], minor: u8, dir: &Path) -> Result<(), String> {
    let requirements = dir.join("requirements.txt");
    let text = if minor == 9 {
        REQUIREMENTS_39
    } else {
        REQUIREMENTS
    };
    fs::write(&requirements, text).map_err(|error| error.to_string())?;
    let output = Command::new(python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args([
            "--no-input",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
        ])
        .args(["--no-compile", "--retries=1", "--timeout=15"])
        .args(extra)
        .arg("--target")
        .arg(dir)
        .arg("--requirement")
        .arg(&requirements)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PIP_TIMEOUT, output)
        .await
        .map_err(|_| "pip took too long".to_owned())?
        .map_err(|error| format!("pip cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text
        .lines()
        .rfind(|line| line.to_lowercase().contains("error") || line.contains("No module"))
        .unwrap_or("pip failed without a word");
    Err(last.trim().to_owned())
}
