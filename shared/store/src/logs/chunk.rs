//! Chunks: many lines of one stream in one row.
//!
//! What `log_chunk.lines` holds, numbers as u32 in little endian:
//!
//! ```text
//! one byte: 1, the format | for each event: microseconds since the event before it, bytes of its message, its message
//! ```
//!
//! The first event's time is the row's `first_at`. Events are in the order of their times; their ids follow each other. A
//! chunk is as short as readers like it: it spans a second and holds 64 KiB, which only a single line may exceed.

use std::borrow::Cow;

use chrono::TimeDelta;
use domain::log::{EVENT_OVERHEAD_BYTES, LogLine};

use super::Position;

/// The format of what is written.
const FORMAT: u8 = 1;

/// Messages' bytes and 26 per event, at most. It bounds the number of events too: ids leave room for 65,536.
const BYTES_MAX: u32 = 64 * 1024;

/// From the first event to the last, at most; `log_chunk` checks it.
pub(super) const SPAN_MAX_US: i64 = 1_000_000;

/// A chunk to be appended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) first_us: i64,
    pub(super) last_us: i64,
    pub(super) events: u32,
    /// Messages' bytes and 26 per event.
    pub(super) bytes: u32,
    pub(super) lines: Vec<u8>,
}

impl Chunk {
    fn begin(first_us: i64) -> Self {
        Self {
            first_us,
            last_us: first_us,
            events: 0,
            bytes: 0,
            lines: vec![FORMAT],
        }
    }

    /// Whether the line was taken: its time is not before the last one's.
    fn push(&mut self, at_us: i64, message: &str) -> bool {
        // Never so long: executors cut lines.
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let counted = message.len().saturating_add(EVENT_OVERHEAD_BYTES);
        let bytes = u32::try_from(counted).unwrap_or(u32::MAX);
        let full = self.events > 0 && self.bytes.saturating_add(bytes) > BYTES_MAX;
        if full || at_us - self.first_us > SPAN_MAX_US {
            return false;
        }
        let since_us = u32::try_from(at_us - self.last_us).unwrap_or_default();
        self.lines.extend_from_slice(&since_us.to_le_bytes());
        self.lines.extend_from_slice(&length.to_le_bytes());
        self.lines.extend_from_slice(message.as_bytes());
        self.last_us = at_us;
        self.events += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        true
    }
}

/// Lines of one stream as chunks, in the order of their times; where these are equal the order of the lines stays.
pub(super) fn chunks(lines: &mut [&LogLine]) -> Vec<Chunk> {
    // Times are as exact as the database's: lines of the same microsecond stay in order.
    lines.sort_by_key(|line| line.at.timestamp_micros());
    let mut chunks: Vec<Chunk> = Vec::new();
    for line in lines {
        let (at_us, message) = (line.at.timestamp_micros(), storable(&line.message));
        let taken = chunks
            .last_mut()
            .is_some_and(|last| last.push(at_us, &message));
        if !taken {
            let mut next = Chunk::begin(at_us);
            next.push(at_us, &message);
            chunks.push(next);
        }
    }
    chunks
}

/// Without U+0000, which events of earlier releases cannot hold either.
fn storable(message: &str) -> Cow<'_, str> {
    if message.contains('\0') {
        message.replace('\0', "\u{fffd}").into()
    } else {
        message.into()
    }
}

/// The events of a chunk whose first one is at `first`; `None` where the bytes are no chunk.
pub(super) fn events(first: Position, lines: &[u8]) -> Option<Vec<(Position, &str)>> {
    let mut rest = lines.strip_prefix(&[FORMAT])?;
    let mut position = first;
    let mut events = Vec::new();
    while !rest.is_empty() {
        let since_us = take_number(&mut rest)?;
        let length = usize::try_from(take_number(&mut rest)?).ok()?;
        let (message, behind) = rest.split_at_checked(length)?;
        rest = behind;
        position.at = position
            .at
            .checked_add_signed(TimeDelta::microseconds(since_us.into()))?;
        events.push((position, std::str::from_utf8(message).ok()?));
        position.id = position.id.checked_add(1)?;
    }
    Some(events)
}

fn take_number(rest: &mut &[u8]) -> Option<u32> {
    let (number, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u32::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use domain::log::LogStream;
    use proptest::prelude::*;

    use super::*;

    fn line(at_us: i64, message: &str) -> LogLine {
        LogLine {
            stream: Arc::new(LogStream {
                account: domain::AccountId::new(1).unwrap(),
                region: "eu-west-1".parse().unwrap(),
                group: "g".to_owned(),
                name: "s".to_owned(),
            }),
            at: DateTime::from_timestamp_micros(at_us).unwrap(),
            message: message.to_owned(),
        }
    }

    fn chunks_of(lines: &[LogLine]) -> Vec<Chunk> {
        chunks(&mut lines.iter().collect::<Vec<_>>())
    }

    fn events_of(chunk: &Chunk) -> Vec<(i64, String)> {
        let at = DateTime::from_timestamp_micros(chunk.first_us).unwrap();
        let events = events(Position { at, id: 7 }, &chunk.lines).unwrap();
        let ids: Vec<_> = events.iter().map(|(position, _)| position.id).collect();
        assert_eq!(ids, (7..7 + i64::from(chunk.events)).collect::<Vec<_>>());
        let event = |(position, message): &(Position, &str)| {
            (position.at.timestamp_micros(), (*message).to_owned())
        };
        events.iter().map(event).collect()
    }

    #[test]
    fn chunks_end_by_time_and_by_size() {
        let check = |lines: &[LogLine], want: &[u32]| {
            let counts: Vec<_> = chunks_of(lines).iter().map(|chunk| chunk.events).collect();
            assert_eq!(counts, want);
        };
        check(&[], &[]);
        check(&[line(5, "a"), line(1_000_005, "b")], &[2]);
        check(&[line(5, "a"), line(1_000_006, "b")], &[1, 1]);
        // Not in the order of their times.
        check(&[line(1_000_006, "a"), line(5, "b"), line(9, "c")], &[2, 1]);
        let half = "x".repeat(32 * 1024 - EVENT_OVERHEAD_BYTES);
        check(&[line(5, &half), line(5, &half), line(5, "")], &[2, 1]);
        let long = "x".repeat(200_000);
        check(&[line(5, "a"), line(5, &long), line(5, "b")], &[1, 1, 1]);
        assert_eq!(chunks_of(&[line(5, "ü"), line(6, "")])[0].bytes, 2 + 2 * 26);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(lines in prop::collection::vec((0_i64..3_000_000, ".{0,9}"), 0..60)) {
            let lines: Vec<_> = lines.iter().map(|(at, message)| line(*at, message)).collect();
            let read: Vec<_> = chunks_of(&lines).iter().flat_map(events_of).collect();
            let written = |line: &LogLine| {
                (line.at.timestamp_micros(), line.message.replace('\0', "\u{fffd}"))
            };
            let mut want: Vec<_> = lines.iter().map(written).collect();
            want.sort_by_key(|(at, _)| *at);
            prop_assert_eq!(read, want);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = events(Position::FIRST, &bytes);
            let _ = events(Position::LAST, &[&[FORMAT], bytes.as_slice()].concat());
        }
    }
}
