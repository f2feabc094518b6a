//! The functions' code, unpacked once per package and shared read-only by every sandbox that runs it.
//!
//! `<data-dir>/cache/code/<sha256>/` is one unpacked package, and `<sha256>.bytes` beside it holds its size. Packages are
//! fetched and unpacked in a scratch directory and renamed into place, so a directory with a size beside it is whole. One
//! fetch per package runs at a time; fetches of different packages know nothing of each other. When the packages grow
//! beyond the limit, the least recently used ones that no sandbox holds are removed.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use package::{BlobError, Blobs, Limits, PackageError};
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

/// How many bytes of unpacked code are kept, unless configured otherwise.
pub const CACHE_BYTES_MAX: u64 = 10 * 1024 * 1024 * 1024;

/// Why a function's code cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Package(#[from] PackageError),
    #[error("code cache: {0}")]
    Io(#[from] io::Error),
}

/// One unpacked package. It stays on disk for as long as this is held.
#[derive(Debug)]
pub struct CodeDir {
    path: PathBuf,
    bytes: u64,
}

impl CodeDir {
    /// The directory to be mounted as `/var/task`.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Unpacked code by the SHA-256 of its zip. Cheap to clone.
#[derive(Clone)]
pub struct CodeCache(Arc<Shared>);

struct Shared {
    /// `<data-dir>/cache/code`.
    dir: PathBuf,
    /// For what is being fetched or removed; on the same file system as `dir`.
    scratch: PathBuf,
    blobs: Blobs,
    bytes_max: u64,
    packages: Mutex<HashMap<String, Package>>,
    /// Counts uses, and names scratch directories.
    ticks: AtomicU64,
}

struct Package {
    /// Filled by whoever comes first; the others wait for that one fetch.
    code: Arc<OnceCell<Arc<CodeDir>>>,
    last_use: u64,
}

impl CodeCache {
    /// Opens the cache in `<data_dir>/cache`, keeping what an earlier process left there whole.
    pub async fn open(data_dir: &Path, blobs: Blobs, bytes_max: u64) -> Result<Self, Error> {
        // Mounted from, so it must mean the same to the sandbox's spawner.
        let data_dir = std::path::absolute(data_dir)?;
        let dir = data_dir.join("cache/code");
        let scratch = data_dir.join("cache/scratch");
        let (at, aside) = (dir.clone(), scratch.clone());
        let found = blocking(move || adopt(&at, &aside)).await?;
        Ok(Self(Arc::new(Shared {
            dir,
            scratch,
            blobs,
            bytes_max,
            packages: Mutex::new(found),
            ticks: AtomicU64::new(1),
        })))
    }

    /// The unpacked code of the zip with this hex SHA-256 and so many bytes.
    pub async fn dir(&self, sha256: &str, size: u64) -> Result<Arc<CodeDir>, Error> {
        let cell = self.cell(sha256);
        let mut fetched = false;
        let code = cell
            .get_or_try_init(|| async {
                fetched = true;
                self.fetch(sha256, size).await
            })
            .await?
            .clone();
        drop(cell);
        let found = if fetched { "fetched" } else { "cached" };
        metrics::counter!("tollgate_code_lookups_total", "found" => found).increment(1);
        if fetched {
            self.make_room();
        }
        Ok(code)
    }

    fn cell(&self, sha256: &str) -> Arc<OnceCell<Arc<CodeDir>>> {
        let now = self.0.ticks.fetch_add(1, Ordering::Relaxed);
        let mut packages = self.0.packages.lock();
        if let Some(package) = packages.get_mut(sha256) {
            package.last_use = now;
            return Arc::clone(&package.code);
        }
        let code = Arc::new(OnceCell::new());
        let package = Package {
            code: Arc::clone(&code),
            last_use: now,
        };
        packages.insert(sha256.to_owned(), package);
        code
    }

    /// Fetches and unpacks. If this future is dropped half-way, what it leaves in its scratch directory is in nobody's way.
    async fn fetch(&self, sha256: &str, size: u64) -> Result<Arc<CodeDir>, Error> {
        let scratch = self.scratch();
        tokio::fs::create_dir(&scratch).await?;
        let zip = scratch.join("code.zip");
        let path = self.0.dir.join(sha256);
        let fetched = match self.0.blobs.get(sha256, &zip).await {
            Ok(()) => {
                let (scratch, path) = (scratch.clone(), path.clone());
                blocking(move || install(&zip, &scratch, &path)).await
            }
            Err(error) => Err(error.into()),
        };
        remove_later(scratch);
        let bytes = fetched?;
        tracing::debug!(
            code.sha256 = sha256,
            code.zip_bytes = size,
            code.bytes = bytes,
            "code unpacked"
        );
        Ok(Arc::new(CodeDir { path, bytes }))
    }

    fn scratch(&self) -> PathBuf {
        let number = self.0.ticks.fetch_add(1, Ordering::Relaxed);
        self.0.scratch.join(number.to_string())
    }

    /// Removes packages that nobody holds, the least recently used first, until the rest fits.
    fn make_room(&self) {
        let mut packages = self.0.packages.lock();
        let mut total: u64 = packages.values().map(Package::bytes).sum();
        metrics::gauge!("tollgate_code_cache_bytes").set(precise_enough(total));
        while total > self.0.bytes_max {
            let Some(oldest) = packages
                .iter()
                .filter(|(_, package)| package.is_unused())
                .min_by_key(|(_, package)| package.last_use)
                .map(|(sha256, _)| sha256.clone())
            else {
                return;
            };
            let freed = packages
                .remove(&oldest)
                .map_or(0, |package| package.bytes());
            total -= freed;
            // Moved away before the lock is released: whoever asks next finds nothing and fetches it again.
            let path = self.0.dir.join(&oldest);
            let aside = self.scratch();
            match std::fs::rename(&path, &aside) {
                Ok(()) => remove_later(aside),
                Err(error) => tracing::warn!(%error, code.sha256 = oldest, "cannot remove code"),
            }
            let _ = std::fs::remove_file(size_file(&path));
        }
    }
}

impl Package {
    fn bytes(&self) -> u64 {
        self.code.get().map_or(0, |code| code.bytes)
    }

    /// Nobody holds the code, or is about to: both are cloned under the lock that the caller has.
    fn is_unused(&self) -> bool {
        Arc::strong_count(&self.code) == 1
            && self
                .code
                .get()
                .is_some_and(|code| Arc::strong_count(code) == 1)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge for people, not an account"
)]
fn precise_enough(bytes: u64) -> f64 {
    bytes as f64
}

async fn blocking<T, F>(work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    spawn_blocking(work)
        .await
        .map_err(|error| Error::Io(io::Error::other(error)))?
}

fn remove_later(dir: PathBuf) {
    spawn_blocking(move || {
        if let Err(error) = std::fs::remove_dir_all(&dir)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %dir.display(), "cannot remove scratch directory");
        }
    });
}

fn size_file(path: &Path) -> PathBuf {
    path.with_extension("bytes")
}

/// Unpacks `zip` and moves the result to `path`. Gives its size.
fn install(zip: &Path, scratch: &Path, path: &Path) -> Result<u64, Error> {
    let unpacked = package::unpack(zip, &scratch.join("code"), &Limits::LAMBDA)?;
    std::fs::write(size_file(path), unpacked.bytes.to_string())?;
    match std::fs::rename(scratch.join("code"), path) {
        // A fetch whose caller went away has finished meanwhile, with the same contents.
        Err(_) if path.is_dir() => {}
        other => other?,
    }
    Ok(unpacked.bytes)
}

/// Takes over what an earlier process left, and removes what it left half-done.
fn adopt(dir: &Path, scratch: &Path) -> Result<HashMap<String, Package>, Error> {
    match std::fs::remove_dir_all(scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    std::fs::create_dir_all(scratch)?;
    forget_before_reboot(dir)?;
    std::fs::create_dir_all(dir)?;
    let mut found = HashMap::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let bytes = std::fs::read_to_string(size_file(&path))
            .ok()
            .and_then(|text| text.parse().ok());
        match bytes {
            Some(bytes) => {
                let code = Arc::new(CodeDir { path, bytes });
                let package = Package {
                    code: Arc::new(OnceCell::new_with(Some(code))),
                    last_use: 0,
                };
                found.insert(name, package);
            }
            None => std::fs::remove_dir_all(path)?,
        }
    }
    Ok(found)
}

/// Unpacked code is not flushed to disk, as it can be fetched again: after a reboot it may be damaged, and is dropped.
fn forget_before_reboot(dir: &Path) -> Result<(), Error> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let note = dir.with_file_name("boot-id");
    if std::fs::read_to_string(&note).is_ok_and(|noted| noted == boot) {
        return Ok(());
    }
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    Ok(std::fs::write(note, boot)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn cache(home: &Path, bytes_max: u64) -> (CodeCache, Blobs) {
        let blobs = Blobs::local(&home.join("blobs")).unwrap();
        let cache = CodeCache::open(home, blobs.clone(), bytes_max)
            .await
            .unwrap();
        (cache, blobs)
    }

    /// Stores a package with one file of `bytes` bytes; gives its SHA-256.
    async fn store(blobs: &Blobs, text: &str, bytes: usize) -> String {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), text.repeat(bytes / text.len())).unwrap();
        let zip = package::build(dir.path()).unwrap();
        let checked = package::check(&zip, &Limits::LAMBDA).unwrap();
        blobs.put(&checked.sha256, zip.into()).await.unwrap();
        checked.sha256
    }

    #[tokio::test]
    async fn callers_share_one_fetch() {
        let home = tempfile::tempdir().unwrap();
        let (cache, blobs) = cache(home.path(), CACHE_BYTES_MAX).await;
        let sha = store(&blobs, "a", 1_000_000).await;
        let all = futures::future::join_all((0..8).map(|_| cache.dir(&sha, 1))).await;
        let first = all[0].as_ref().unwrap();
        for other in &all {
            assert!(Arc::ptr_eq(first, other.as_ref().unwrap()));
        }
        let text = std::fs::read(first.path().join("file")).unwrap();
        assert_eq!(text.len(), 1_000_000);
    }

    #[tokio::test]
    async fn the_least_recently_used_goes_but_never_what_is_held() {
        let home = tempfile::tempdir().unwrap();
        let (cache, blobs) = cache(home.path(), 2_500).await;
        let (a, b, c) = (
            store(&blobs, "a", 1_000).await,
            store(&blobs, "b", 1_000).await,
            store(&blobs, "c", 1_000).await,
        );
        let held = cache.dir(&a, 1).await.unwrap();
        drop(cache.dir(&b, 1).await.unwrap());
        drop(cache.dir(&c, 1).await.unwrap());
        let kept = |sha: &str| home.path().join("cache/code").join(sha).is_dir();
        assert!(kept(&a) && !kept(&b) && kept(&c));
        assert!(held.path().join("file").is_file());
        // What was removed is fetched again when asked for.
        let again = cache.dir(&b, 1).await.unwrap();
        assert!(again.path().join("file").is_file());
    }

    #[tokio::test]
    async fn a_restart_keeps_what_is_whole() {
        let home = tempfile::tempdir().unwrap();
        let (first, blobs) = cache(home.path(), CACHE_BYTES_MAX).await;
        let sha = store(&blobs, "a", 100).await;
        first.dir(&sha, 1).await.unwrap();
        let code = home.path().join("cache/code");
        std::fs::create_dir_all(code.join("f".repeat(64))).unwrap();
        std::fs::create_dir_all(home.path().join("cache/scratch/99/code")).unwrap();
        drop(first);

        let (second, _) = cache(home.path(), CACHE_BYTES_MAX).await;
        assert!(!code.join("f".repeat(64)).exists(), "no size, so not whole");
        assert!(!home.path().join("cache/scratch/99").exists());
        std::fs::remove_dir_all(home.path().join("blobs")).unwrap();
        second.dir(&sha, 1).await.expect("still there");
    }

    #[tokio::test]
    async fn a_failed_fetch_is_tried_again() {
        let home = tempfile::tempdir().unwrap();
        let (cache, blobs) = cache(home.path(), CACHE_BYTES_MAX).await;
        let missing = cache.dir(&"0".repeat(64), 1).await;
        assert!(matches!(missing, Err(Error::Blob(BlobError::Missing(_)))));
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x"), "x").unwrap();
        let zip = package::build(dir.path()).unwrap();
        let sha = package::check(&zip, &Limits::LAMBDA).unwrap().sha256;
        assert!(cache.dir(&sha, 1).await.is_err());
        blobs.put(&sha, zip.into()).await.unwrap();
        assert!(cache.dir(&sha, 1).await.is_ok());
    }
}
