//! Segment files: names, creation, reading back, and their end.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

use super::options::Error;

/// A segment on disk.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) epoch: i64,
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    /// Bytes of sound frames.
    pub(super) bytes: u64,
    /// Holds something that could not be read: kept for somebody to look at instead of being deleted.
    pub(super) damaged: bool,
}

/// A segment's name, before it is opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) epoch: i64,
    pub(super) number: u64,
    pub(super) path: PathBuf,
}

/// The segments in a directory, oldest first.
pub(super) fn list(dir: &Path) -> Result<Vec<Name>, Error> {
    let entries = fs::read_dir(dir).map_err(Error::io("listing segments"))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::io("listing segments"))?.path();
        if let Some((epoch, number)) = parse(&path) {
            names.push(Name {
                epoch,
                number,
                path,
            });
        }
    }
    names.sort();
    Ok(names)
}

fn parse(path: &Path) -> Option<(i64, u64)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".seg")?;
    let (epoch, number) = name.split_once('-')?;
    Some((epoch.parse().ok()?, number.parse().ok()?))
}

impl Segment {
    /// Makes an empty segment with room for `capacity` bytes reserved on the disk.
    pub(super) fn create(
        dir: &Path,
        epoch: i64,
        number: u64,
        capacity: u64,
    ) -> Result<Self, Error> {
        let path = dir.join(format!("{epoch:010}-{number:010}.seg"));
        let create = || {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)?;
            reserve(&file, capacity)?;
            File::open(dir)?.sync_all()?;
            Ok(file)
        };
        match create() {
            Ok(file) => Ok(Self {
                epoch,
                number,
                path,
                file: Arc::new(file),
                bytes: 0,
                damaged: false,
            }),
            Err(error) => {
                // A file that could not be reserved must not be taken for a segment at the next start.
                let _ = fs::remove_file(&path);
                Err(Error::io("creating a segment")(error))
            }
        }
    }

    /// Opens a segment of an earlier boot.
    pub(super) fn open(name: Name) -> Result<Self, Error> {
        let open = || {
            let file = OpenOptions::new().read(true).write(true).open(&name.path)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        };
        let (file, bytes) = open().map_err(Error::io("opening a segment"))?;
        Ok(Self {
            epoch: name.epoch,
            number: name.number,
            path: name.path,
            file: Arc::new(file),
            bytes,
            damaged: false,
        })
    }

    /// Removes the file, or moves it to the quarantine where it is damaged.
    pub(super) fn retire(&self) -> Result<(), Error> {
        let result = match (self.damaged, self.path.parent(), self.path.file_name()) {
            (true, Some(dir), Some(name)) => {
                fs::rename(&self.path, dir.join("quarantine").join(name))
            }
            _ => fs::remove_file(&self.path),
        };
        result.map_err(Error::io("retiring a segment"))
    }
}

/// Reads the bytes `from..to` of a file.
pub(super) fn read(file: &File, from: u64, to: u64) -> Result<Vec<u8>, Error> {
    let length = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, from)
        .map_err(Error::io("reading a segment"))?;
    Ok(bytes)
}

/// Takes disk blocks ahead of the appends, so that an end record finds room on a disk that filled up since its start.
fn reserve(file: &File, bytes: u64) -> std::io::Result<()> {
    let length = i64::try_from(bytes).unwrap_or(i64::MAX);
    match fallocate(file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, length) {
        // Some filesystems cannot: appends may then fail, which refuses or loses a call but never miscounts one.
        Ok(()) | Err(Errno::EOPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
