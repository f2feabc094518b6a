//! Reading events, a bounded window at a time.
//!
//! Events have a place in a total order: their time, then their id. A window is what follows or precedes a place, at most
//! so many events and so many bytes, so that no request can make us read or hold more than that.
//!
//! Chunks come a page at a time (`pages.rs`), in the order of the ends that they turn to the reader. What they hold is put
//! in order here. An event is settled, its place in the window known, once no chunk that is still to come can hold one that
//! goes before it.

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::log::EVENT_OVERHEAD_BYTES;

use super::chunk;
use super::pages::{Direction, Row, Scan};
use crate::{Error, Store};

/// An event's place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub at: DateTime<Utc>,
    pub id: i64,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub position: Position,
    pub stored_at: DateTime<Utc>,
    pub message: String,
    /// The stream's name; empty where one stream is read.
    pub stream: String,
}

/// At most so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub events_max: u32,
    /// Of messages and 26 per event. The first event comes whatever its size is.
    pub bytes_max: u32,
}

/// Which of a group's streams are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection<'a> {
    /// Those whose names begin so; all for the empty text.
    Prefix(&'a str),
    Ids(&'a [i64]),
}

impl<'a> Selection<'a> {
    pub(super) fn columns(self) -> (Option<&'a [i64]>, &'a str) {
        match self {
            Self::Prefix(prefix) => (None, prefix),
            Self::Ids(ids) => (Some(ids), ""),
        }
    }
}

/// What a window showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub events: Vec<Event>,
    /// Whether there is more in the direction of reading.
    pub more: bool,
}

impl Position {
    /// Before every event.
    pub const FIRST: Self = Self {
        at: DateTime::UNIX_EPOCH,
        id: 0,
    };
    /// Behind every event.
    pub const LAST: Self = Self {
        at: DateTime::<Utc>::MAX_UTC,
        id: 0,
    };

    /// Before every event at or after `at`, and behind all earlier ones.
    pub fn at(at: DateTime<Utc>) -> Self {
        Self { at, id: 0 }
    }
}

/// Events that are being read, in the direction of reading.
struct Reading {
    scan: Scan,
    window: Window,
    events: Vec<Event>,
    /// Of the events, those whose place is known.
    settled: usize,
}

impl Reading {
    fn new(
        direction: Direction,
        start: Position,
        end: Option<DateTime<Utc>>,
        window: Window,
    ) -> Self {
        Self {
            scan: Scan::new(direction, start, end, window),
            window,
            events: Vec::new(),
            settled: 0,
        }
    }

    /// Whether the window is not full and there may be more.
    fn goes_on(&self) -> bool {
        !self.scan.complete && self.count() == self.settled
    }

    /// How many of the settled events the window holds.
    fn count(&self) -> usize {
        let events_max = usize::try_from(self.window.events_max).unwrap_or(usize::MAX);
        let bytes_max = usize::try_from(self.window.bytes_max).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let settled = self.events.iter().take(self.settled).take(events_max);
        let fitting = settled.take_while(|event| {
            let fits = bytes < bytes_max;
            bytes += event.message.len() + EVENT_OVERHEAD_BYTES;
            fits
        });
        fitting.count()
    }

    fn take(&mut self, rows: Vec<Row>) -> Result<(), Error> {
        self.scan.advance(&rows);
        for row in rows {
            self.take_row(row)?;
        }
        let direction = self.scan.direction;
        self.events
            .sort_unstable_by(|a, b| direction.compare(a.position, b.position));
        self.settled = if self.scan.complete {
            self.events.len()
        } else {
            let key = self.scan.key;
            self.events
                .partition_point(|event| direction.compare(event.position, key).is_le())
        };
        Ok(())
    }

    fn take_row(&mut self, row: Row) -> Result<(), Error> {
        let first = Position {
            at: row.first_at,
            id: row.id,
        };
        let (stored_at, stream) = (row.stored_at, row.stream);
        let event = |position, message| Event {
            position,
            stored_at,
            message,
            stream: stream.clone(),
        };
        match (row.lines, row.message) {
            (Some(lines), _) => {
                let events = chunk::events(first, &lines);
                let events = events.ok_or(Error::Inconsistent("log_chunk.lines"))?;
                let wanted = events
                    .into_iter()
                    .filter(|(position, _)| self.scan.covers(*position));
                self.events
                    .extend(wanted.map(|(position, message)| event(position, message.to_owned())));
            }
            (None, message) => self.events.push(event(first, message.unwrap_or_default())),
        }
        Ok(())
    }

    /// The window's events, in the direction of reading.
    fn page(mut self) -> Page {
        let count = self.count();
        let more = count < self.settled;
        self.events.truncate(count);
        Page {
            events: self.events,
            more,
        }
    }
}

impl Store {
    /// Events of a stream behind `after` and before the time `to`, oldest first.
    pub async fn log_events_after(
        &self,
        account: AccountId,
        stream_id: i64,
        after: Position,
        to: Option<DateTime<Utc>>,
        window: Window,
    ) -> Result<Page, Error> {
        let mut reading = Reading::new(Direction::Onwards, after, to, window);
        while reading.goes_on() {
            let rows = self.stream_chunks_after(account, stream_id, &reading.scan);
            reading.take(rows.await?)?;
        }
        Ok(reading.page())
    }

    /// Events of a stream before `before` and not before the time `from`, the nearest ones; oldest first all the same.
    pub async fn log_events_before(
        &self,
        account: AccountId,
        stream_id: i64,
        before: Position,
        from: Option<DateTime<Utc>>,
        window: Window,
    ) -> Result<Page, Error> {
        let mut reading = Reading::new(Direction::Backwards, before, from, window);
        while reading.goes_on() {
            let rows = self.stream_chunks_before(account, stream_id, &reading.scan);
            reading.take(rows.await?)?;
        }
        let mut page = reading.page();
        page.events.reverse();
        Ok(page)
    }

    /// Events of a group behind `after` and before the time `to`, oldest first.
    pub async fn log_group_events_after(
        &self,
        account: AccountId,
        group_id: i64,
        streams: Selection<'_>,
        after: Position,
        to: Option<DateTime<Utc>>,
        window: Window,
    ) -> Result<Page, Error> {
        let mut reading = Reading::new(Direction::Onwards, after, to, window);
        while reading.goes_on() {
            let rows = self.group_chunks_after(account, group_id, streams, &reading.scan);
            reading.take(rows.await?)?;
        }
        Ok(reading.page())
    }

    /// Events of a group before `before` and not before the time `from`, newest first.
    pub async fn log_group_events_before(
        &self,
        account: AccountId,
        group_id: i64,
        streams: Selection<'_>,
        before: Position,
        from: Option<DateTime<Utc>>,
        window: Window,
    ) -> Result<Page, Error> {
        let mut reading = Reading::new(Direction::Backwards, before, from, window);
        while reading.goes_on() {
            let rows = self.group_chunks_before(account, group_id, streams, &reading.scan);
            reading.take(rows.await?)?;
        }
        Ok(reading.page())
    }
}
