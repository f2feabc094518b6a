//! The log that is being written: appends under a lock, seals, and the roll to the next segment.
//!
//! Everything here is synchronous and short. An append is one encode and one `write`; a failed one leaves no trace, because
//! the next goes to the same offset.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::execution::Execution;
use domain::usage::BatchId;
use uuid::Uuid;

use super::options::{Error, Options};
use super::record::{self, End, Frames, Header, Seal, StartRecord};
use super::segment::Segment;

/// What an end record has beyond its start, and a little room.
const END_EXTRA_BYTES: u64 = 96;

/// Room for a seal, always.
const SEAL_BYTES: u64 = 64;

/// An end stamped this much before what is already covered is booked at the covered time instead: its stamp was taken a
/// moment before a seal went first. A larger difference means that the clock jumped, and the stamp is believed.
const STAMP_SLACK: TimeDelta = TimeDelta::minutes(1);

/// A sealed batch on its way to the database.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) id: BatchId,
    pub(super) seal: Seal,
    /// Number of the segment that holds it, and that segment's file.
    pub(super) segment: u64,
    pub(super) file: Arc<File>,
    /// Where in the file its events are.
    pub(super) from: u64,
    pub(super) to: u64,
}

/// What an append asks the background to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wake {
    /// There are bytes to sync, and the syncer sleeps.
    pub(super) sync: bool,
    /// There are events to seal, and the sealer sleeps.
    pub(super) seal_soon: bool,
    /// The batch is full.
    pub(super) seal_now: bool,
}

/// The log of this boot, and what is left of earlier ones.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) executor: Uuid,
    pub(super) epoch: i64,
    dir: PathBuf,
    segment_bytes: u64,
    high_water_bytes: u64,
    batch_events_max: i64,

    active: Segment,
    /// Bytes that the active segment has room reserved for.
    capacity: u64,
    next_segment: u64,
    next_event: i64,
    next_batch: i64,
    first_unsealed: i64,
    unsealed_from: u64,
    covers_until: DateTime<Utc>,
    /// Starts without an end: their event and what a `C` frame repeats.
    open: BTreeMap<i64, Box<[u8]>>,
    /// Bytes that the ends of all open starts may take.
    reserved: u64,

    /// Segments before the active one, oldest first.
    retained: VecDeque<Segment>,
    retained_bytes: u64,
    /// By epoch, oldest first.
    pending: BTreeMap<i64, VecDeque<Pending>>,

    buffer: Vec<u8>,
    dirty: bool,
    /// Segments that were left with bytes not synced.
    unsynced: Vec<Arc<File>>,
    /// The syncer and the sealer come again by themselves: an append need not wake them, which costs more than the append.
    syncer_awake: bool,
    sealer_awake: bool,
}

/// What earlier boots left behind.
#[derive(Debug, Default)]
pub(super) struct Legacy {
    pub(super) retained: VecDeque<Segment>,
    pub(super) pending: BTreeMap<i64, VecDeque<Pending>>,
    /// No batch may cover less than one before it.
    pub(super) covers_until: DateTime<Utc>,
    /// Attempts of the queue's events that never ended, by epoch.
    pub(super) lost_events: Vec<(i64, Vec<(Uuid, u16)>)>,
}

impl Journal {
    /// Begins the log of a boot.
    pub(super) fn begin(
        options: &Options,
        (executor, epoch, dir): (Uuid, i64, PathBuf),
        legacy: Legacy,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let capacity = capacity_for(options.segment_bytes, 0);
        let active = Segment::create(&dir, epoch, 1, capacity)?;
        let mut journal = Self {
            executor,
            epoch,
            dir,
            segment_bytes: options.segment_bytes,
            high_water_bytes: options.high_water_bytes,
            batch_events_max: options.batch_events_max.into(),
            active,
            capacity,
            next_segment: 2,
            next_event: 1,
            next_batch: 1,
            first_unsealed: 1,
            unsealed_from: 0,
            covers_until: now.max(legacy.covers_until),
            open: BTreeMap::new(),
            reserved: 0,
            retained_bytes: legacy.retained.iter().map(|segment| segment.bytes).sum(),
            retained: legacy.retained,
            pending: legacy.pending,
            buffer: Vec::with_capacity(1 << 10),
            dirty: false,
            unsynced: Vec::new(),
            syncer_awake: false,
            sealer_awake: false,
        };
        journal.write_head()?;
        Ok(journal)
    }

    /// Appends a start; answers its event.
    pub(super) fn start(
        &mut self,
        start: &StartRecord,
        now: DateTime<Utc>,
    ) -> Result<(i64, Wake), Error> {
        let used = self.bytes() + self.reserved;
        if used >= self.high_water_bytes {
            return Err(Error::Full {
                bytes: used,
                high_water_bytes: self.high_water_bytes,
            });
        }
        self.buffer.clear();
        Frames(&mut self.buffer).start(self.next_event, start)?;
        let reserve = self.buffer.len() as u64 + END_EXTRA_BYTES;
        let needed = self.buffer.len() as u64 + reserve + self.reserved + SEAL_BYTES;
        if self.active.bytes + needed > self.capacity {
            self.roll(None, now)?;
            self.buffer.clear();
            Frames(&mut self.buffer).start(self.next_event, start)?;
        }
        let event = self.next_event;
        let kept = record::start_bytes(&self.buffer).into();
        let wake = self.append_event()?;
        self.open.insert(event, kept);
        self.reserved += reserve;
        Ok((event, wake))
    }

    /// Appends the end of the start `start`.
    pub(super) fn end(
        &mut self,
        start: i64,
        execution: &Execution,
        billed_ms: u64,
    ) -> Result<Wake, Error> {
        let end = End {
            start,
            booked_at: self.booking_time(execution.ended_at),
            billed_ms,
            execution,
        };
        self.buffer.clear();
        Frames(&mut self.buffer).end(self.next_event, &end)?;
        let wake = self.append_event()?;
        self.close(start);
        Ok(wake)
    }

    /// The number of the last event that was appended; 0 before the first.
    pub(super) fn last_event(&self) -> i64 {
        self.next_event - 1
    }

    /// Ends a start of which nobody will ever know more.
    pub(super) fn lose(&mut self, start: i64, at: DateTime<Utc>) -> Result<Wake, Error> {
        let record = self
            .open
            .get(&start)
            .and_then(|kept| record::decode_start(kept));
        match record {
            Some(record) => self.end(start, &record.lost(at), 0),
            None => Ok(Wake::default()),
        }
    }

    fn close(&mut self, start: i64) {
        if let Some(kept) = self.open.remove(&start) {
            let frame = kept.len() + record::FRAME_BYTES + 1 + 8;
            self.reserved = self.reserved.saturating_sub(frame as u64 + END_EXTRA_BYTES);
        }
    }

    fn booking_time(&self, ended_at: DateTime<Utc>) -> DateTime<Utc> {
        let late = self.covers_until - ended_at;
        if late > TimeDelta::zero() && late <= STAMP_SLACK {
            return self.covers_until;
        }
        ended_at
    }

    /// Seals what is unsealed into a batch, which may be empty.
    pub(super) fn seal(&mut self, now: DateTime<Utc>) -> Result<(), Error> {
        let seal = Seal {
            batch: self.next_batch,
            first_event: self.first_unsealed,
            last_event: self.next_event - 1,
            covers_until: self.covers_until.max(now),
            closes_epoch: false,
        };
        let to = self.active.bytes;
        self.buffer.clear();
        Frames(&mut self.buffer).seal(&seal)?;
        self.append()?;
        let pending = Pending {
            id: BatchId {
                executor: self.executor,
                boot_epoch: self.epoch,
                batch_seq: seal.batch,
            },
            seal,
            segment: self.active.number,
            file: Arc::clone(&self.active.file),
            from: self.unsealed_from,
            to,
        };
        self.pending
            .entry(self.epoch)
            .or_default()
            .push_back(pending);
        self.next_batch += 1;
        self.first_unsealed = self.next_event;
        self.unsealed_from = self.active.bytes;
        self.covers_until = seal.covers_until;
        Ok(())
    }

    /// Whether the active segment has become long or unreliable enough to leave it.
    pub(super) fn wants_roll(&self) -> bool {
        self.active.bytes >= self.segment_bytes || self.active.damaged
    }

    /// A number for a segment that is made outside the lock, and the room that it needs.
    pub(super) fn allot_segment(&mut self) -> (PathBuf, u64, u64) {
        let number = self.next_segment;
        self.next_segment += 1;
        let capacity = capacity_for(self.segment_bytes, self.reserved);
        (self.dir.clone(), number, capacity)
    }

    /// Goes on in a new segment: in `prepared` (and its capacity), or in one made here.
    pub(super) fn roll(
        &mut self,
        prepared: Option<(Segment, u64)>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        // Segments are read in the order of their numbers, so one allotted before the active one came too late.
        let prepared = prepared.filter(|(segment, _)| segment.number > self.active.number);
        let (next, capacity) = if let Some(prepared) = prepared {
            prepared
        } else {
            let (dir, number, capacity) = self.allot_segment();
            let segment = Segment::create(&dir, self.epoch, number, capacity)?;
            (segment, capacity)
        };
        if self.first_unsealed < self.next_event {
            self.seal(now)?;
        }
        let old = std::mem::replace(&mut self.active, next);
        let old_capacity = std::mem::replace(&mut self.capacity, capacity);
        if let Err(error) = self.write_head() {
            let failed = std::mem::replace(&mut self.active, old);
            self.capacity = old_capacity;
            // Nothing was promised in it; left behind it would only be found empty.
            let _ = failed.retire();
            return Err(error);
        }
        self.unsynced.push(Arc::clone(&old.file));
        self.retained_bytes += old.bytes;
        self.retained.push_back(old);
        Ok(())
    }

    /// The header and the starts that travel along.
    fn write_head(&mut self) -> Result<(), Error> {
        let header = Header {
            executor: self.executor,
            epoch: self.epoch,
            segment: self.active.number,
            next_event: self.next_event,
            next_batch: self.next_batch,
            covers_until: self.covers_until,
        };
        self.buffer.clear();
        let mut frames = Frames(&mut self.buffer);
        frames.header(&header)?;
        for (event, start) in &self.open {
            frames.carried(*event, start)?;
        }
        self.append()?;
        self.unsealed_from = self.active.bytes;
        Ok(())
    }

    fn append_event(&mut self) -> Result<Wake, Error> {
        self.append()?;
        self.next_event += 1;
        Ok(Wake {
            sync: !std::mem::replace(&mut self.syncer_awake, true),
            seal_soon: !std::mem::replace(&mut self.sealer_awake, true),
            seal_now: self.unsealed() == self.batch_events_max,
        })
    }

    /// Whether there is anything to sync. If not, the syncer sleeps until the next append wakes it.
    pub(super) fn syncer_goes_on(&mut self) -> bool {
        self.syncer_awake = self.dirty;
        self.syncer_awake
    }

    /// Whether there is anything to seal. If not, the sealer sleeps until the next append wakes it.
    pub(super) fn sealer_goes_on(&mut self) -> bool {
        self.sealer_awake = self.unsealed() > 0;
        self.sealer_awake
    }

    /// Writes the buffer at the end of the active segment.
    fn append(&mut self) -> Result<(), Error> {
        let Segment { file, bytes, .. } = &mut self.active;
        if let Err(error) = file.write_all_at(&self.buffer, *bytes) {
            // A part may have been written. The next append covers it; the cut spares recovery the sight of it.
            let _ = file.set_len(*bytes);
            return Err(Error::io("appending")(error));
        }
        *bytes += self.buffer.len() as u64;
        self.dirty = true;
        Ok(())
    }

    /// The files that hold bytes not synced yet; the caller must sync them.
    pub(super) fn take_unsynced(&mut self) -> Vec<Arc<File>> {
        if !std::mem::take(&mut self.dirty) {
            return Vec::new();
        }
        let mut files = std::mem::take(&mut self.unsynced);
        files.push(Arc::clone(&self.active.file));
        files
    }

    /// The oldest batch of each epoch that waits for the database.
    pub(super) fn next_pending(&self) -> Vec<Pending> {
        self.pending
            .values()
            .filter_map(VecDeque::front)
            .cloned()
            .collect()
    }

    #[cfg(test)]
    pub(super) fn all_pending(&self) -> Vec<Pending> {
        self.pending.values().flatten().cloned().collect()
    }

    /// The segment that is being written.
    #[cfg(test)]
    pub(super) fn active(&self) -> &Segment {
        &self.active
    }

    /// What the last seal covers.
    #[cfg(test)]
    pub(super) fn covers_until(&self) -> DateTime<Utc> {
        self.covers_until
    }

    /// Forgets a batch that the database has, and answers the segments that nothing needs any more.
    pub(super) fn acknowledge(&mut self, id: BatchId) -> Vec<Segment> {
        if let Some(batches) = self.pending.get_mut(&id.boot_epoch) {
            if batches.front().is_some_and(|front| front.id == id) {
                batches.pop_front();
            }
            if batches.is_empty() {
                self.pending.remove(&id.boot_epoch);
            }
        }
        let mut retired = Vec::new();
        let pending = &self.pending;
        self.retained.retain(|segment| {
            let front = pending.get(&segment.epoch).and_then(VecDeque::front);
            let needed = front.is_some_and(|front| front.segment <= segment.number);
            if !needed {
                retired.push(segment.clone());
            }
            needed
        });
        let retired_bytes: u64 = retired.iter().map(|segment| segment.bytes).sum();
        self.retained_bytes -= retired_bytes;
        retired
    }

    /// Remembers that a segment must not be deleted. The active one is left at the next seal.
    pub(super) fn mark_damaged(&mut self, epoch: i64, number: u64) {
        let segments = self.retained.iter_mut().chain([&mut self.active]);
        for segment in segments {
            if segment.epoch == epoch && segment.number == number {
                segment.damaged = true;
            }
        }
    }

    /// Bytes in all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.retained_bytes + self.active.bytes
    }

    /// Events that no batch has yet.
    pub(super) fn unsealed(&self) -> i64 {
        self.next_event - self.first_unsealed
    }

    /// Batches that wait for the database.
    pub(super) fn backlog(&self) -> usize {
        self.pending.values().map(VecDeque::len).sum()
    }

    /// Executions that run.
    pub(super) fn running(&self) -> usize {
        self.open.len()
    }
}

/// Half as much again as the length at which a segment is left, and twice what the running executions will need.
fn capacity_for(segment_bytes: u64, reserved: u64) -> u64 {
    segment_bytes + segment_bytes / 2 + 2 * reserved
}
