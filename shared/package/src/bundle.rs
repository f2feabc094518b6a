//! Making a zip from a directory: what `deploy` uploads.

use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Never part of a package: version control, and the file that says how to deploy.
const LEFT_OUT: [&str; 4] = [
    ".git",
    ".gitignore",
    ".tollgateignore",
    crate::manifest::FILE,
];

/// Why no zip could be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("cannot read {path}: {why}")]
    Read { path: PathBuf, why: String },
    #[error("{0} has a name that is not UTF-8")]
    Name(PathBuf),
    #[error("{0} is empty: there is nothing to deploy")]
    Empty(PathBuf),
    #[error("cannot make the zip: {0}")]
    Zip(#[from] zip::result::ZipError),
    #[error("cannot make the zip: {0}")]
    Io(#[from] std::io::Error),
}

/// Zips a directory.
///
/// Leaves out what the directory's own `.gitignore` and `.tollgateignore` files name (not those of directories above it:
/// a build directory is usually ignored by its project, and yet what is to be deployed). The same files give the same
/// bytes: names are sorted, times are fixed, and of the modes only "executable" is kept. Blocks.
pub fn build(dir: &Path) -> Result<Vec<u8>, BuildError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut entries = 0;
    for found in walker(dir) {
        let found = found.map_err(|error| BuildError::Read {
            path: dir.to_path_buf(),
            why: error.to_string(),
        })?;
        let Ok(relative) = found.path().strip_prefix(dir) else {
            continue;
        };
        if relative.as_os_str().is_empty() {
            continue;
        }
        let name = relative
            .to_str()
            .ok_or_else(|| BuildError::Name(found.path().to_path_buf()))?;
        add(&mut zip, found.path(), name)?;
        entries += 1;
    }
    if entries == 0 {
        return Err(BuildError::Empty(dir.to_path_buf()));
    }
    Ok(zip.finish()?.into_inner())
}

fn walker(dir: &Path) -> ignore::Walk {
    WalkBuilder::new(dir)
        .hidden(false)
        .parents(false)
        .ignore(false)
        .git_global(false)
        .git_exclude(false)
        .require_git(false)
        .add_custom_ignore_filename(".tollgateignore")
        .follow_links(false)
        .filter_entry(|entry| {
            entry
                .file_name()
                .to_str()
                .is_none_or(|name| !LEFT_OUT.contains(&name))
        })
        .sort_by_file_name(Ord::cmp)
        .build()
}

fn add(zip: &mut ZipWriter<Cursor<Vec<u8>>>, path: &Path, name: &str) -> Result<(), BuildError> {
    let read = |error: std::io::Error| BuildError::Read {
        path: path.to_path_buf(),
        why: error.to_string(),
    };
    let metadata = fs::symlink_metadata(path).map_err(read)?;
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    if metadata.is_symlink() {
        let target = fs::read_link(path).map_err(read)?;
        let target = target
            .to_str()
            .ok_or_else(|| BuildError::Name(path.to_path_buf()))?;
        zip.add_symlink(name, target, options)?;
    } else if metadata.is_dir() {
        zip.add_directory(name, options.unix_permissions(0o755))?;
    } else if metadata.is_file() {
        let executable = metadata.permissions().mode() & 0o111 != 0;
        let mode = if executable { 0o755 } else { 0o644 };
        zip.start_file(name, options.unix_permissions(mode))?;
        zip.write_all(&fs::read(path).map_err(read)?)?;
    }
    Ok(())
}
