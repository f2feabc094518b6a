//! Secrets that come from a file or from the environment, never from a command line.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretBox, SecretString};

use crate::Ids;

/// 32 secret bytes. `Debug` shows nothing, memory is wiped on drop.
pub type Key = SecretBox<[u8; 32]>;

/// Why a secret cannot be had. Never contains the secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    #[error("{0} must hold 32 bytes, written in base64 (44 characters)")]
    Form(String),
    #[error("{0} can be read by others: make it private with `chmod 600 {0}`")]
    Open(String),
    #[error("{0} holds a line that is not UTF-8 text")]
    Text(String),
}

/// The key in `environment` (base64) where that is set, else in the file at `path` (32 bytes as base64), which is made at the first
/// start.
pub fn key(environment: Option<&str>, variable: &str, path: &Path, ids: Ids) -> Result<Key, Error> {
    match environment {
        Some(text) => decode(text).ok_or_else(|| Error::Form(variable.to_owned())),
        None => match read_private(path) {
            Ok(text) => {
                decode(text.expose_secret()).ok_or_else(|| Error::Form(path.display().to_string()))
            }
            Err(Error::Io(_, error)) if error.kind() == ErrorKind::NotFound => create(path, ids),
            Err(error) => Err(error),
        },
    }
}

/// The first line of a file that only its owner may read.
pub fn read_private(path: &Path) -> Result<SecretString, Error> {
    let name = || path.display().to_string();
    let failed = |error| Error::Io(name(), error);
    let mut file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::Open(name()));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)
        .map_err(|_| Error::Text(name()))?;
    Ok(text.lines().next().unwrap_or_default().trim().into())
}

/// Writes a file that only its owner may read, whole or not at all.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)?;
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    File::open(dir)?.sync_all()
}

fn create(path: &Path, ids: Ids) -> Result<Key, Error> {
    let bytes: [u8; 32] = ids.bytes();
    write_private(path, &format!("{}\n", STANDARD.encode(bytes)))
        .map_err(|error| Error::Io(path.display().to_string(), error))?;
    Ok(Key::new(Box::new(bytes)))
}

fn decode(text: &str) -> Option<Key> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    let bytes: [u8; 32] = bytes.try_into().ok()?;
    Some(Key::new(Box::new(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets/master.key");
        let first = key(None, "V", &path, Ids).unwrap();
        let again = key(None, "V", &path, Ids).unwrap();
        assert_eq!(first.expose_secret(), again.expose_secret());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let given = key(Some(&STANDARD.encode([9; 32])), "V", &path, Ids).unwrap();
        assert_eq!(given.expose_secret(), &[9; 32]);
    }

    #[test]
    fn a_bad_or_open_key_is_refused_without_showing_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        let text =
            |result: Result<Key, Error>| result.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(text(key(Some("c2hvcnQ="), "V", &path, Ids)).starts_with("V must hold 32 bytes"));
        write_private(&path, "tooshort").unwrap();
        let refused = text(key(None, "V", &path, Ids));
        assert!(
            refused.contains("must hold 32 bytes") && !refused.contains("tooshort"),
            "{refused}"
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(text(key(None, "V", &path, Ids)).contains("chmod 600"));
    }
}
