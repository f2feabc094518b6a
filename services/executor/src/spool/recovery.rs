//! After a crash or a stop: reads what earlier boots left, closes their epochs, and queues what was not acknowledged.
//!
//! Recovery may itself be killed anywhere. It only cuts a torn tail and appends; the next one finds either the old state or
//! the appended frames, and comes to the same end.

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::event::EventId;
use domain::usage::BatchId;
use uuid::Uuid;

use super::journal::{Legacy, Pending};
use super::options::Error;
use super::record::{End, Found, Frames, Header, Record, Seal, StartRecord, decode, scan};
use super::segment::{self, Name, Segment};

/// Reads all segments of boots before `epoch` and closes their epochs.
pub(super) fn recover(
    dir: &Path,
    executor: Uuid,
    epoch: i64,
    now: DateTime<Utc>,
) -> Result<Legacy, Error> {
    let mut legacy = Legacy::default();
    let names = segment::list(dir)?;
    for names in names.chunk_by(|a, b| a.epoch == b.epoch) {
        if names.first().is_none_or(|name| name.epoch >= epoch) {
            continue;
        }
        let mut reading = Reading::new(executor, names[0].epoch);
        let mut segments = open_all(names)?;
        let newest = segments.pop();
        for segment in segments {
            reading.segment(segment, false)?;
        }
        if let Some(newest) = newest {
            reading.segment(newest, true)?;
        }
        reading.close(now)?;
        reading.sync()?;
        reading.hand_over(&mut legacy);
    }
    Ok(legacy)
}

/// The segments that hold something; an empty one was made ahead of a roll that never came.
fn open_all(names: &[Name]) -> Result<Vec<Segment>, Error> {
    let mut segments = Vec::with_capacity(names.len());
    for name in names {
        let segment = Segment::open(name.clone())?;
        if segment.bytes == 0 {
            segment.retire()?;
        } else {
            segments.push(segment);
        }
    }
    Ok(segments)
}

/// An epoch being read, oldest segment first.
struct Reading {
    executor: Uuid,
    epoch: i64,
    /// Set by the first header or event.
    next_event: Option<i64>,
    /// Set by the first header or seal.
    next_batch: Option<i64>,
    first_unsealed: i64,
    unsealed_from: u64,
    /// As `unsealed_from`, in the segment before.
    unsealed_before: u64,
    covers_until: DateTime<Utc>,
    closed: bool,
    open: BTreeMap<i64, StartRecord>,
    segments: VecDeque<Segment>,
    pending: VecDeque<Pending>,
    /// Attempts of events that never ended.
    lost_events: Vec<(Uuid, u16)>,
}

impl Reading {
    fn new(executor: Uuid, epoch: i64) -> Self {
        Self {
            executor,
            epoch,
            next_event: None,
            next_batch: None,
            first_unsealed: 1,
            unsealed_from: 0,
            unsealed_before: 0,
            covers_until: DateTime::UNIX_EPOCH,
            closed: false,
            open: BTreeMap::new(),
            segments: VecDeque::new(),
            pending: VecDeque::new(),
            lost_events: Vec::new(),
        }
    }

    fn segment(&mut self, segment: Segment, last: bool) -> Result<(), Error> {
        let bytes = segment::read(&segment.file, 0, segment.bytes)?;
        let file_bytes = segment.bytes;
        self.segments.push_back(segment);
        self.unsealed_before = std::mem::take(&mut self.unsealed_from);
        let mut at = 0;
        for found in scan(&bytes) {
            match found {
                Found::Frame { payload, end } => {
                    match decode(payload) {
                        Some(record) => self.record(record, at, end as u64),
                        None => self.damage(at, end as u64),
                    }
                    at = end as u64;
                }
                Found::Damage { start, end } if last && end as u64 == file_bytes => {
                    self.cut(start as u64)?;
                }
                Found::Damage { start, end } => {
                    self.damage(start as u64, end as u64);
                    at = end as u64;
                }
            }
        }
        Ok(())
    }

    /// Nothing sound follows in the newest segment: the write that a crash interrupted.
    fn cut(&mut self, at: u64) -> Result<(), Error> {
        let Some(mut segment) = self.segments.pop_back() else {
            return Ok(());
        };
        tracing::info!(
            epoch = self.epoch,
            segment = segment.number,
            torn_bytes = segment.bytes - at,
            "cut off an interrupted write at the end of the metering spool"
        );
        if at == 0 {
            // Not even its header was written: the log ends in the segment before.
            return segment.retire();
        }
        segment
            .file
            .set_len(at)
            .map_err(Error::io("cutting a torn tail"))?;
        segment.bytes = at;
        self.segments.push_back(segment);
        Ok(())
    }

    fn damage(&mut self, start: u64, end: u64) {
        let Some(segment) = self.segments.back_mut() else {
            return;
        };
        segment.damaged = true;
        metrics::counter!("tollgate_spool_damage_total").increment(1);
        tracing::error!(
            epoch = self.epoch,
            segment = segment.number,
            path = %segment.path.display(),
            from_byte = start,
            to_byte = end,
            "metering spool is damaged: what can be read is counted, the segment goes to quarantine"
        );
    }

    fn record(&mut self, record: Record, start: u64, end: u64) {
        match record {
            Record::Header(header) => self.header(&header, end),
            Record::Carried { event, start } => {
                self.open.insert(event, start);
                if self.first_unsealed == self.next_event.unwrap_or(1) {
                    self.unsealed_from = end;
                }
            }
            Record::Start { event, start } => {
                self.event(event);
                self.open.insert(event, start);
            }
            Record::End { event, end } => {
                self.event(event);
                self.open.remove(&end.start);
            }
            Record::Seal(seal) => self.seal(seal, start, end),
        }
    }

    fn header(&mut self, header: &Header, end: u64) {
        if let (Some(before), Some(_)) = (self.segments.len().checked_sub(2), self.next_batch) {
            // A segment ends behind a seal: if that could not be read, its events are still in the segment before.
            let to = self.segments[before].bytes;
            self.unsealed_from = self.unsealed_before;
            self.fill(header.next_batch, header.next_event, before, to);
        } else {
            self.first_unsealed = header.next_event;
        }
        self.next_event = Some(self.next_event.unwrap_or(1).max(header.next_event));
        self.next_batch = Some(header.next_batch);
        self.covers_until = self.covers_until.max(header.covers_until);
        self.unsealed_from = end;
    }

    fn event(&mut self, event: i64) {
        if self.next_event.is_none() {
            self.first_unsealed = event;
        }
        self.next_event = Some(self.next_event.unwrap_or(event).max(event + 1));
    }

    fn seal(&mut self, seal: Seal, start: u64, end: u64) {
        let segment = self.segments.len().saturating_sub(1);
        self.fill(seal.batch, seal.first_event, segment, start);
        self.next_event = Some(self.next_event.unwrap_or(1).max(seal.last_event + 1));
        self.push(seal, segment, start);
        self.unsealed_from = end;
    }

    /// Makes up for seals before `batch` that could not be read. The first of them takes all events before
    /// `first_event`; if there were more, the others are empty, which the database refuses where it knows better.
    fn fill(&mut self, batch: i64, first_event: i64, segment: usize, to: u64) {
        let Some(next_batch) = self.next_batch else {
            self.first_unsealed = first_event;
            return;
        };
        for batch in next_batch..batch {
            let seal = Seal {
                batch,
                first_event: self.first_unsealed,
                last_event: first_event - 1,
                covers_until: self.covers_until,
                closes_epoch: false,
            };
            self.push(seal, segment, to);
        }
    }

    fn push(&mut self, seal: Seal, segment: usize, to: u64) {
        let Some(segment) = self.segments.get(segment) else {
            return;
        };
        self.pending.push_back(Pending {
            id: BatchId {
                executor: self.executor,
                boot_epoch: self.epoch,
                batch_seq: seal.batch,
            },
            seal,
            segment: segment.number,
            file: Arc::clone(&segment.file),
            from: self.unsealed_from,
            to,
        });
        self.next_batch = Some(seal.batch + 1);
        self.first_unsealed = seal.last_event + 1;
        self.covers_until = self.covers_until.max(seal.covers_until);
        self.closed = seal.closes_epoch;
    }

    /// Ends what never ended and seals the epoch for good.
    fn close(&mut self, now: DateTime<Utc>) -> Result<(), Error> {
        let Some(segment) = self.segments.back() else {
            return Ok(());
        };
        if self.closed {
            return Ok(());
        }
        let at = now.max(self.covers_until);
        let mut next_event = self.next_event.unwrap_or(1);
        let mut buffer = Vec::new();
        let mut frames = Frames(&mut buffer);
        let lost = self.open.len();
        for (start, record) in std::mem::take(&mut self.open) {
            if EventId::new(record.request_id).is_some() {
                let attempt = u16::try_from(record.attempt).unwrap_or(u16::MAX);
                self.lost_events.push((record.request_id, attempt));
            }
            let end = End {
                start,
                booked_at: at,
                billed_ms: 0,
                execution: &record.lost(at),
            };
            frames.end(next_event, &end)?;
            next_event += 1;
        }
        let to = segment.bytes + frames.0.len() as u64;
        let seal = Seal {
            batch: self.next_batch.unwrap_or(1),
            first_event: self.first_unsealed,
            last_event: next_event - 1,
            covers_until: at,
            closes_epoch: true,
        };
        frames.seal(&seal)?;
        let write = || {
            segment.file.write_all_at(&buffer, segment.bytes)?;
            segment.file.sync_all()
        };
        write().map_err(Error::io("closing an epoch"))?;
        let segment_bytes = segment.bytes + buffer.len() as u64;
        self.push(seal, self.segments.len() - 1, to);
        if let Some(segment) = self.segments.back_mut() {
            segment.bytes = segment_bytes;
        }
        if lost > 0 {
            metrics::counter!("tollgate_spool_platform_lost_total").increment(lost as u64);
            tracing::warn!(
                epoch = self.epoch,
                executions = lost,
                "executions had started and never ended when the executor stopped: counted as lost, not charged"
            );
        }
        Ok(())
    }

    /// Whatever is sent must be on disk, and the boot that wrote this may have been killed before it synced any of it, or in the
    /// middle of closing the epoch: after a power failure the same ids would otherwise name other events.
    fn sync(&self) -> Result<(), Error> {
        let mut files = self.segments.iter().map(|segment| &segment.file);
        files
            .try_for_each(|file| file.sync_data())
            .map_err(Error::io("syncing what an earlier boot left"))
    }

    fn hand_over(self, legacy: &mut Legacy) {
        legacy.covers_until = legacy.covers_until.max(self.covers_until);
        legacy.retained.extend(self.segments);
        if !self.lost_events.is_empty() {
            legacy.lost_events.push((self.epoch, self.lost_events));
        }
        if !self.pending.is_empty() {
            legacy.pending.insert(self.epoch, self.pending);
        }
    }
}
