//! Deciding on a zip without writing anything.

use std::io::Cursor;

use base64::Engine;
use sha2::{Digest, Sha256};

use crate::PackageError;
use crate::plan::{self, Kind, Limits};

/// What [`check`] learned about a zip that it accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Lower-case hex SHA-256 of the zip: its name in [`crate::Blobs`].
    pub sha256: String,
    /// The same digest as AWS reports it in `CodeSha256`: base64.
    pub code_sha256: String,
    /// Bytes of the zip.
    pub size: u64,
    /// Bytes of the files in it, as decompressed.
    pub unzipped_size: u64,
    /// Files, directories and links.
    pub entries: usize,
}

/// Checks a zip as Lambda would. Decompresses everything, so it takes up to a second of processor time: not for an async
/// thread.
pub fn check(zip: &[u8], limits: &Limits) -> Result<Checked, PackageError> {
    let size = zip.len() as u64;
    if size > limits.zipped_bytes {
        return Err(PackageError::ZippedTooLarge {
            bytes: size,
            limit: limits.zipped_bytes,
        });
    }
    let (mut archive, plan) = plan::open(Cursor::new(zip), limits)?;
    let mut left = limits.unzipped_bytes - plan.link_bytes;
    for entry in &plan.entries {
        if let Kind::File { .. } = entry.kind {
            plan::copy(&mut archive, entry, &mut left, limits, &mut std::io::sink())?;
        }
    }
    let digest = Sha256::digest(zip);
    Ok(Checked {
        sha256: hex::encode(digest),
        code_sha256: base64::engine::general_purpose::STANDARD.encode(digest),
        size,
        unzipped_size: limits.unzipped_bytes - left,
        entries: plan.entries.len(),
    })
}
