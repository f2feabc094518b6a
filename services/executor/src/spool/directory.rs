//! The spool's directory: whose it is, which boot this is, and that nobody else is in it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use chassis::Ids;
use nix::fcntl::{Flock, FlockArg};
use uuid::Uuid;

use super::options::Error;
use super::segment;

/// A spool directory that this process holds. Dropping it lets go.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) executor: Uuid,
    /// This boot's, never used before and synced to disk.
    pub(super) epoch: i64,
    /// Where the segments are.
    pub(super) segments: PathBuf,
    _lock: Flock<File>,
}

impl Directory {
    /// Takes the directory, making it where it does not exist, and begins a new boot epoch.
    pub(super) fn take(dir: &Path, ids: Ids) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(Error::io("creating the directory"))?;
        let lock = lock(dir)?;
        let identity = dir.join("executor");
        let (executor, last_epoch) = match fs::read_to_string(&identity) {
            Ok(text) => parse(&text).ok_or(Error::Identity(identity))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (ids.random(), 0),
            Err(error) => return Err(Error::io("reading the identity")(error)),
        };
        let segments = dir.join(executor.to_string());
        fs::create_dir_all(segments.join("quarantine"))
            .map_err(Error::io("creating the segments' directory"))?;
        // An identity file restored from a backup may be older than the segments beside it.
        let newest = segment::list(&segments)?
            .last()
            .map_or(0, |segment| segment.epoch);
        let epoch = last_epoch.max(newest) + 1;
        write_synced(dir, "executor", &format!("{executor} {epoch}\n"))?;
        Ok(Self {
            executor,
            epoch,
            segments,
            _lock: lock,
        })
    }
}

fn lock(dir: &Path) -> Result<Flock<File>, Error> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join("lock"))
        .map_err(Error::io("opening the lock"))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| Error::Locked(dir.to_owned()))
}

fn parse(text: &str) -> Option<(Uuid, i64)> {
    let (executor, epoch) = text.trim_end().split_once(' ')?;
    let epoch = epoch.parse().ok().filter(|epoch| *epoch > 0)?;
    Some((executor.parse().ok()?, epoch))
}

/// Replaces a file so that a crash leaves the old content or the new one, and the new one is on disk afterwards.
fn write_synced(dir: &Path, name: &str, text: &str) -> Result<(), Error> {
    let temporary = dir.join(format!("{name}.new"));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, dir.join(name))?;
        File::open(dir)?.sync_all()
    };
    write().map_err(Error::io("writing the identity"))
}
