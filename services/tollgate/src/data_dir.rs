//! The data directory: whose it is now, and what a running Tollgate leaves in it for the command line.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

/// A data directory that this process, and no other, uses. Freed when dropped, and by the kernel when the process ends.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: Flock<File>,
}

/// What the command line needs to speak to a running Tollgate as its first account.
#[derive(Serialize, Deserialize)]
pub(crate) struct Credentials {
    pub(crate) endpoint: String,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    /// Certificates to trust, where the endpoint is `https`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_bundle: Option<PathBuf>,
}

impl DataDir {
    /// Takes `path` (absolute), making it where it is missing. Refuses one that another process uses, naming it.
    pub(crate) fn claim(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path)
            .with_context(|| format!("The data directory {} cannot be made", path.display()))?;
        // Without symbolic links: the same directory has the same short names however it was called.
        let path = path.canonicalize()?;
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(lock_file(&path))
            .with_context(|| format!("The data directory {} cannot be written", path.display()))?;
        let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid)?;
                bail!(
                    "Tollgate already runs on {} (process {}). Stop it, or choose another --data-dir.",
                    path.display(),
                    pid.trim()
                );
            }
            Err((_, error)) => {
                bail!(
                    "The data directory {} cannot be locked: {error}.",
                    path.display()
                )
            }
        };
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves what `tollgate env` and the other commands read.
    pub(crate) fn leave_credentials(&self, credentials: &Credentials) -> Result<()> {
        let text = toml::to_string(credentials)?;
        chassis::secrets::write_private(&credentials_file(&self.path), &text)
            .context("The credentials for the command line cannot be written")
    }
}

/// Whether a Tollgate runs on the directory.
pub(crate) fn is_running(path: &Path) -> bool {
    let Ok(file) = File::open(lock_file(path)) else {
        return false;
    };
    matches!(
        Flock::lock(file, FlockArg::LockSharedNonblock),
        Err((_, Errno::EWOULDBLOCK))
    )
}

/// What a running Tollgate left for the command line.
pub(crate) fn credentials(path: &Path) -> Result<Credentials> {
    if !is_running(path) {
        bail!(
            "No Tollgate runs on {}. Start one with `tollgate up`, or name its directory with --data-dir.",
            path.display()
        );
    }
    let file = credentials_file(path);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!(
                "Tollgate is still starting on {}: try again in a moment.",
                path.display()
            )
        }
        Err(error) => bail!("{} cannot be read: {error}.", file.display()),
    };
    toml::from_str(&text).with_context(|| format!("{} is damaged", file.display()))
}

/// Forgets what an earlier run left: until the next ready line there is nobody to speak to.
pub(crate) fn forget_credentials(dir: &DataDir) {
    let _ = std::fs::remove_file(credentials_file(&dir.path));
}

fn lock_file(path: &Path) -> PathBuf {
    path.join("lock")
}

fn credentials_file(path: &Path) -> PathBuf {
    path.join("credentials")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_user() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::claim(dir.path()).unwrap();
        assert!(is_running(dir.path()));
        let error = DataDir::claim(dir.path()).unwrap_err().to_string();
        let expected = format!(
            "(process {}). Stop it, or choose another --data-dir.",
            std::process::id()
        );
        assert!(error.ends_with(&expected), "{error}");
        drop(first);
        assert!(!is_running(dir.path()));
        DataDir::claim(dir.path()).unwrap();
    }

    #[test]
    fn credentials_are_there_only_while_it_runs() {
        let dir = tempfile::tempdir().unwrap();
        let text =
            |result: Result<Credentials>| result.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(text(credentials(dir.path())).starts_with("No Tollgate runs on "));
        let claimed = DataDir::claim(dir.path()).unwrap();
        assert!(text(credentials(dir.path())).starts_with("Tollgate is still starting on "));
        let left = Credentials {
            endpoint: "http://127.0.0.1:1".into(),
            region: "us-east-1".into(),
            account: "000000000000".into(),
            access_key_id: "AKIA".into(),
            secret_access_key: "s".into(),
            ca_bundle: None,
        };
        claimed.leave_credentials(&left).unwrap();
        assert_eq!(credentials(dir.path()).unwrap().endpoint, left.endpoint);
        forget_credentials(&claimed);
        assert!(credentials(dir.path()).is_err());
    }
}
