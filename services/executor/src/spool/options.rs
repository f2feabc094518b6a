//! How a spool is set up and how it fails.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of a spool. [`Options::new`] has the ones to use.
#[derive(Debug, Clone)]
pub struct Options {
    /// `<data-dir>/spool`. Used by one process at a time.
    pub dir: PathBuf,
    /// A segment is left for a new one beyond this many bytes.
    pub segment_bytes: u64,
    /// Above this many bytes in all segments, starts are refused until some were acknowledged.
    pub high_water_bytes: u64,
    /// Events that make a batch full.
    pub batch_events_max: u32,
    /// Time from the first unsealed event to its seal: how stale usage may be.
    pub seal_after: Duration,
    /// Time between the empty batches of an idle executor.
    pub heartbeat_every: Duration,
    /// Least time between two `fdatasync`: what a power failure may take.
    pub sync_every: Duration,
}

impl Options {
    /// The settings of the design, for a spool in `dir`.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            segment_bytes: 16 << 20,
            high_water_bytes: 1 << 30,
            batch_events_max: 8_192,
            seal_after: Duration::from_millis(250),
            heartbeat_every: Duration::from_secs(10),
            sync_every: Duration::from_millis(20),
        }
    }
}

/// Why the spool did not take a record, or did not open.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Unacknowledged segments have reached the high-water mark.
    #[error(
        "metering spool is full: {bytes} bytes wait for the database, {high_water_bytes} are allowed"
    )]
    Full { bytes: u64, high_water_bytes: u64 },
    /// A sync failed: what the disk holds is unknown, so nothing new is promised until the executor restarts.
    #[error("metering spool stopped after its disk failed to sync")]
    Broken,
    /// Another process uses the directory.
    #[error("metering spool {0} is in use by another process")]
    Locked(PathBuf),
    /// The identity file does not hold what it must.
    #[error("{0} does not hold an executor id and a boot epoch")]
    Identity(PathBuf),
    /// A field is longer than a record can be.
    #[error("metering record of {0} bytes is too long")]
    TooLong(usize),
    /// The disk refused.
    #[error("metering spool, {what}: {source}")]
    Io {
        what: &'static str,
        source: io::Error,
    },
}

impl Error {
    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
