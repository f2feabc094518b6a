//! The metering spool: an append-only log on the local disk, the truth of what ran until Postgres has committed it.
//!
//! # What is promised
//! - A start record is in the file before the handler runs, an end record before the answer leaves: both survive a
//!   `kill -9` of the executor. `fdatasync` follows within 20 ms and bounds what a power failure can take.
//! - A record is either written or the call is refused; nothing is ever dropped. Above the high-water mark, or when the
//!   disk fails, [`Spool::start`] refuses.
//! - Every event is counted exactly once in Postgres, however often its batch is sent.
//!
//! # Files
//! `<dir>/executor` holds the executor's id and boot epoch; the epoch is bumped and synced before anything else happens.
//! `<dir>/lock` is held by the one process that uses the directory. `<dir>/<executor id>/` holds the segments, named
//! `<epoch>-<number>.seg`, and `quarantine/` those with damage that somebody must look at.
//!
//! A segment is a sequence of frames:
//!
//! ```text
//! u32 length of payload | u32 CRC32C over length and payload | payload          (little endian throughout)
//! payload = kind (1 byte) + fields
//!   H  version, executor, epoch, segment number, next event, next batch, covers_until      first frame of a segment
//!   C  event, start                a start of an earlier segment that had not ended yet, repeated: not an event
//!   S  event, start                a handler is about to run
//!   E  event, event of the start, booked at, billed ms, execution
//!   B  batch, first event, last event, covers_until, closes the epoch        everything before it is sealed
//! ```
//!
//! Events (`S` and `E`) are numbered from 1 in each epoch without a gap; `(executor, epoch, event)` is an event's id.
//! Events of a batch lie in one segment: a segment ends right behind a `B`. The starts without an end travel along as `C`,
//! so acknowledged segments can be deleted from the front while a long handler still runs.
//!
//! # Flow
//! [`journal`] appends under a short lock. [`keeper`] runs in the background: it syncs, seals (8,192 events or 250 ms; an idle
//! executor seals an empty batch every 10 s as a sign of life), reads sealed batches back, and hands them to the store until
//! each is acknowledged. [`recovery`] closes the epochs of earlier runs: a torn last frame is cut off, a start without an end
//! becomes `PlatformLost` (counted, charged 0), and what was not acknowledged is sent again under the same ids.
//!
//! What is absent: no record is kept in memory for sending (batches are read back from the file), and no lock is held
//! while something is sent or synced.

mod batch;
mod directory;
mod journal;
mod keeper;
mod options;
mod record;
mod recovery;
mod segment;
mod ticket;

pub use options::{Error, Options};
pub use record::StartRecord;
pub use ticket::{Spool, Ticket};

#[cfg(test)]
mod tests;
