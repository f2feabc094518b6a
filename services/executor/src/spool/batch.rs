//! Reads a sealed batch back from its segment: what it counts, what it adds up to, and its fingerprint.

use domain::event::EventId;
use domain::execution::Outcome;
use domain::usage::{Batch, BatchId, Counts, Sums};
use sha2::{Digest, Sha256};

use super::journal::Pending;
use super::options::Error;
use super::record::{Found, Record, Seal, decode, event_of_start, scan};
use super::segment;

/// A batch as it can be sent, and whether some of it could not be read.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) batch: Batch,
    pub(super) damaged: bool,
}

/// Reads the batch. The same file gives the same batch, so one that is sent again after a crash is recognised.
pub(super) fn load(pending: &Pending) -> Result<Loaded, Error> {
    let seal = pending.seal;
    let empty = seal.last_event < seal.first_event;
    let bytes = if empty {
        Vec::new()
    } else {
        segment::read(&pending.file, pending.from, pending.to)?
    };
    let mut content = Content::new(pending.id, &seal);
    let mut damaged = false;
    for found in scan(&bytes) {
        match found {
            Found::Frame { payload, .. } => damaged |= !content.add(&seal, payload),
            Found::Damage { .. } => damaged = true,
        }
    }
    let batch = content.finish(pending.id, &seal);
    Ok(Loaded { batch, damaged })
}

struct Content {
    hash: Sha256,
    counts: Counts,
    sums: Sums,
}

impl Content {
    /// The id and the range are under the fingerprint; `covers_until` is not, because it is lost with a damaged seal and
    /// says nothing about usage.
    fn new(id: BatchId, seal: &Seal) -> Self {
        let mut hash = Sha256::new();
        hash.update(id.executor.as_bytes());
        for number in [
            id.boot_epoch,
            id.batch_seq,
            seal.first_event,
            seal.last_event,
        ] {
            hash.update(number.to_le_bytes());
        }
        Self {
            hash,
            counts: Counts::default(),
            sums: Sums::default(),
        }
    }

    /// Takes a frame, if it is an event of this batch. False if it cannot be read.
    fn add(&mut self, seal: &Seal, payload: &[u8]) -> bool {
        let inside = |event: i64| (seal.first_event..=seal.last_event).contains(&event);
        if let Some(event) = event_of_start(payload) {
            if inside(event) {
                self.counts.started += 1;
                self.hash.update(payload);
            }
            return true;
        }
        match decode(payload) {
            Some(Record::End { event, end }) if inside(event) => {
                self.counts.end(end.execution.outcome);
                if EventId::new(end.execution.request_id).is_none() {
                    self.sums.add(&end.execution, end.billed_ms, end.booked_at);
                } else if end.execution.outcome != Outcome::PlatformLost {
                    // An event of the queue: charged where its outcome is committed (`crate::events`).
                    self.counts.settled_apart += 1;
                }
                self.hash.update(payload);
                true
            }
            Some(_) => true,
            None => false,
        }
    }

    fn finish(mut self, id: BatchId, seal: &Seal) -> Batch {
        let read = self.counts.started + self.counts.ended + self.counts.platform_lost;
        self.counts.missing = seal.last_event - seal.first_event + 1 - read;
        Batch {
            id,
            first_event: seal.first_event,
            last_event: seal.last_event,
            covers_until: seal.covers_until,
            sha256: self.hash.finalize().into(),
            closes_epoch: seal.closes_epoch,
            counts: self.counts,
            sums: self.sums,
        }
    }
}
