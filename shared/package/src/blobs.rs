//! Where zips are kept.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

/// Keeps zips by the hex SHA-256 of their bytes. Cheap to clone.
///
/// A directory of the host. (An S3-compatible store would be another constructor: the `aws` feature of `object_store` is
/// not compiled in, because it brings a second HTTP client and a second TLS stack.)
#[derive(Clone)]
pub struct Blobs(Arc<dyn ObjectStore>);

/// Why a zip could not be kept or fetched.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The name is not 64 lower-case hex digits.
    #[error("{0:?} is not a hex SHA-256")]
    Name(String),
    /// The bytes do not have the digest they are named by: the store is damaged.
    #[error("code {0} is damaged in the blob store")]
    Damaged(String),
    /// The store has no such zip.
    #[error("code {0} is not in the blob store")]
    Missing(String),
    #[error("blob store: {0}")]
    Store(object_store::Error),
    #[error("cannot write fetched code: {0}")]
    Io(#[from] std::io::Error),
}

impl Blobs {
    /// Keeps zips in `dir`, which is made if it is missing. What [`Self::put`] has stored survives a loss of power.
    pub fn local(dir: &Path) -> Result<Self, BlobError> {
        std::fs::create_dir_all(dir)?;
        let store = LocalFileSystem::new_with_prefix(dir)
            .map_err(BlobError::Store)?
            .with_fsync(true);
        Ok(Self(Arc::new(store)))
    }

    /// Stores a zip under its digest. Whoever looks sees all of it or nothing; storing it again changes nothing.
    pub async fn put(&self, sha256: &str, zip: Bytes) -> Result<(), BlobError> {
        let key = key(sha256)?;
        if hex::encode(Sha256::digest(&zip)) != sha256 {
            return Err(BlobError::Damaged(sha256.to_owned()));
        }
        match self.0.head(&key).await {
            Ok(found) if found.size == zip.len() as u64 => return Ok(()),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(BlobError::Store(error)),
        }
        self.0
            .put(&key, PutPayload::from_bytes(zip))
            .await
            .map_err(BlobError::Store)?;
        Ok(())
    }

    /// A stored zip's bytes, and how many there are.
    pub async fn read(
        &self,
        sha256: &str,
    ) -> Result<(u64, BoxStream<'static, Result<Bytes, BlobError>>), BlobError> {
        let found = self
            .0
            .get(&key(sha256)?)
            .await
            .map_err(|error| match error {
                object_store::Error::NotFound { .. } => BlobError::Missing(sha256.to_owned()),
                other => BlobError::Store(other),
            })?;
        let size = found.meta.size;
        Ok((size, found.into_stream().map_err(BlobError::Store).boxed()))
    }

    /// Copies a stored zip into the new file `into`, and verifies its digest on the way.
    pub async fn get(&self, sha256: &str, into: &Path) -> Result<(), BlobError> {
        let (_, mut stream) = self.read(sha256).await?;
        let mut file = tokio::fs::File::create(into).await?;
        let mut digest = Sha256::new();
        while let Some(chunk) = stream.try_next().await? {
            digest.update(&chunk);
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        if hex::encode(digest.finalize()) == sha256 {
            Ok(())
        } else {
            Err(BlobError::Damaged(sha256.to_owned()))
        }
    }
}

/// Two levels, so that no directory grows too long.
fn key(sha256: &str) -> Result<Key, BlobError> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    match sha256.split_at_checked(2) {
        Some((shelf, _)) if sha256.len() == 64 && sha256.bytes().all(hex) => {
            Ok(Key::from_iter([shelf, sha256]))
        }
        _ => Err(BlobError::Name(sha256.to_owned())),
    }
}
