//! Writing a zip's contents to disk.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::PackageError;
use crate::plan::{self, Entry, Kind, Limits};

/// Unpacks a zip as the directory `dir`, which must not exist: all of it or nothing.
///
/// The contents are written beside `dir` and renamed into place. Every file can be read by everyone, and run by everyone
/// if anybody could run it: a function's user is not the one who zipped. Blocks: not for an async thread.
pub fn unpack(zip: &Path, dir: &Path, limits: &Limits) -> Result<Unpacked, PackageError> {
    let file = File::open(zip)?;
    let size = file.metadata()?.len();
    if size > limits.zipped_bytes {
        return Err(PackageError::ZippedTooLarge {
            bytes: size,
            limit: limits.zipped_bytes,
        });
    }
    let temporary = temporary(dir)?;
    remove(&temporary)?;
    let written = write(io::BufReader::new(file), &temporary, limits);
    let done = written.and_then(|unpacked| {
        fs::rename(&temporary, dir)?;
        Ok(unpacked)
    });
    if done.is_err() {
        let _ = remove(&temporary);
    }
    done
}

/// What [`unpack`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacked {
    /// Bytes of the files.
    pub bytes: u64,
    /// Files, directories and links.
    pub entries: usize,
}

fn temporary(dir: &Path) -> io::Result<PathBuf> {
    let name = dir
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no directory name"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".partial");
    Ok(dir.with_file_name(hidden))
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn write<R: io::Read + io::Seek>(
    reader: R,
    root: &Path,
    limits: &Limits,
) -> Result<Unpacked, PackageError> {
    let (mut archive, plan) = plan::open(reader, limits)?;
    let mut left = limits.unzipped_bytes - plan.link_bytes;
    make_directory(root)?;
    let mut directories = Directories::new(root);
    for entry in &plan.entries {
        match &entry.kind {
            Kind::Directory => directories.make(&entry.path)?,
            Kind::File {
                executable,
                modified,
            } => {
                directories.make_parent(entry)?;
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .open(root.join(&entry.path))?;
                plan::copy(&mut archive, entry, &mut left, limits, &mut file)?;
                let mode = if *executable { 0o755 } else { 0o644 };
                file.set_permissions(Permissions::from_mode(mode))?;
                if let Some(modified) = modified {
                    file.set_modified(*modified)?;
                }
            }
            Kind::Link { .. } => {}
        }
    }
    // Links come last: nothing above was written through one, and no directory is made below one.
    for entry in &plan.entries {
        if let Kind::Link { target } = &entry.kind {
            directories.make_parent(entry)?;
            symlink(target, root.join(&entry.path))?;
        }
    }
    Ok(Unpacked {
        bytes: limits.unzipped_bytes - left,
        entries: plan.entries.len(),
    })
}

/// Makes directories below a root. Remembers the last one: neighbours in the plan share it.
struct Directories<'a> {
    root: &'a Path,
    last: Option<String>,
}

impl<'a> Directories<'a> {
    fn new(root: &'a Path) -> Self {
        Self { root, last: None }
    }

    fn make_parent(&mut self, entry: &Entry) -> io::Result<()> {
        match entry.path.rsplit_once('/') {
            Some((parent, _)) => self.make(parent),
            None => Ok(()),
        }
    }

    fn make(&mut self, path: &str) -> io::Result<()> {
        if self.last.as_deref() == Some(path) {
            return Ok(());
        }
        let mut at = self.root.to_path_buf();
        for name in path.split('/') {
            at.push(name);
            make_directory(&at)?;
        }
        self.last = Some(path.to_owned());
        Ok(())
    }
}

fn make_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        // Independent of the umask: the function's user must be able to enter.
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o755)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
