//! Records and frames: how they are written and found again (the layout is in the module's documentation).

use chrono::{DateTime, Utc};
use domain::execution::{Execution, Outcome};
use domain::{AccountId, Architecture, Region};
use uuid::Uuid;

use super::options::Error;

/// Length and checksum in front of every payload.
pub(super) const FRAME_BYTES: usize = 8;

/// Longest payload. Also what tells a length from garbage when looking for the next sound frame.
const PAYLOAD_BYTES_MAX: usize = 64 << 10;

/// Version of the format, in every segment's header.
const VERSION: u8 = 1;

/// What is known when a handler is about to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartRecord {
    pub request_id: Uuid,
    /// 1 for a synchronous invocation.
    pub attempt: u32,
    pub account: AccountId,
    pub region: Region,
    /// The function's ARN without a qualifier.
    pub function_arn: String,
    /// `$LATEST` or a number.
    pub version: String,
    pub architecture: Architecture,
    pub memory_mb: u32,
    pub ephemeral_mb: u32,
    pub started_at: DateTime<Utc>,
}

impl StartRecord {
    /// The execution as it is booked when nobody will ever know how it ended.
    pub(super) fn lost(self, at: DateTime<Utc>) -> Execution {
        Execution {
            request_id: self.request_id,
            attempt: self.attempt,
            account: self.account,
            region: self.region,
            function_arn: self.function_arn,
            version: self.version,
            architecture: self.architecture,
            memory_mb: self.memory_mb,
            ephemeral_mb: self.ephemeral_mb,
            init_ns: 0,
            invoke_ns: 0,
            request_bytes: 0,
            response_bytes: 0,
            outcome: Outcome::PlatformLost,
            started_at: self.started_at,
            ended_at: at,
        }
    }
}

/// First frame of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) executor: Uuid,
    pub(super) epoch: i64,
    pub(super) segment: u64,
    pub(super) next_event: i64,
    pub(super) next_batch: i64,
    pub(super) covers_until: DateTime<Utc>,
}

/// End of an execution, which is borrowed when written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End<E> {
    /// Event of its start.
    pub(super) start: i64,
    /// The moment whose hour it is booked in.
    pub(super) booked_at: DateTime<Utc>,
    pub(super) billed_ms: u64,
    pub(super) execution: E,
}

/// Everything before this is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) batch: i64,
    pub(super) first_event: i64,
    /// `first_event - 1` in an empty batch.
    pub(super) last_event: i64,
    pub(super) covers_until: DateTime<Utc>,
    pub(super) closes_epoch: bool,
}

/// What a payload says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    Header(Header),
    Carried { event: i64, start: StartRecord },
    Start { event: i64, start: StartRecord },
    End { event: i64, end: End<Execution> },
    Seal(Seal),
}

/// Writes frames one after the other into a buffer that is used again and again.
pub(super) struct Frames<'a>(pub(super) &'a mut Vec<u8>);

impl Frames<'_> {
    pub(super) fn header(&mut self, header: &Header) -> Result<(), Error> {
        self.frame(b'H', |out| {
            out.u8(VERSION);
            out.uuid(header.executor);
            out.i64(header.epoch);
            out.u64(header.segment);
            out.i64(header.next_event);
            out.i64(header.next_batch);
            out.time(header.covers_until);
        })
    }

    pub(super) fn start(&mut self, event: i64, start: &StartRecord) -> Result<(), Error> {
        self.frame(b'S', |out| {
            out.i64(event);
            out.start(start);
        })
    }

    /// A start whose bytes (from [`start_bytes`]) are at hand.
    pub(super) fn carried(&mut self, event: i64, start: &[u8]) -> Result<(), Error> {
        self.frame(b'C', |out| {
            out.i64(event);
            out.0.extend_from_slice(start);
        })
    }

    pub(super) fn end(&mut self, event: i64, end: &End<&Execution>) -> Result<(), Error> {
        self.frame(b'E', |out| {
            out.i64(event);
            out.i64(end.start);
            out.time(end.booked_at);
            out.u64(end.billed_ms);
            out.execution(end.execution);
        })
    }

    pub(super) fn seal(&mut self, seal: &Seal) -> Result<(), Error> {
        self.frame(b'B', |out| {
            out.i64(seal.batch);
            out.i64(seal.first_event);
            out.i64(seal.last_event);
            out.time(seal.covers_until);
            out.u8(seal.closes_epoch.into());
        })
    }

    fn frame(&mut self, kind: u8, payload: impl FnOnce(&mut Out<'_>)) -> Result<(), Error> {
        let at = self.0.len();
        self.0.extend_from_slice(&[0; FRAME_BYTES]);
        self.0.push(kind);
        payload(&mut Out(self.0));
        let bytes = self.0.len() - at - FRAME_BYTES;
        let length = u32::try_from(bytes)
            .ok()
            .filter(|_| bytes <= PAYLOAD_BYTES_MAX);
        let Some(length) = length else {
            self.0.truncate(at);
            return Err(Error::TooLong(bytes));
        };
        let checksum = checksum(length, &self.0[at + FRAME_BYTES..]);
        self.0[at..at + 4].copy_from_slice(&length.to_le_bytes());
        self.0[at + 4..at + FRAME_BYTES].copy_from_slice(&checksum.to_le_bytes());
        Ok(())
    }
}

/// The part of an `S` frame that a `C` frame repeats.
pub(super) fn start_bytes(frame: &[u8]) -> &[u8] {
    &frame[FRAME_BYTES + 1 + 8..]
}

/// The length is under the checksum too: a damaged one must not swallow the frames behind it.
fn checksum(length: u32, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), payload)
}

struct Out<'a>(&'a mut Vec<u8>);

impl Out<'_> {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn time(&mut self, value: DateTime<Utc>) {
        self.i64(value.timestamp_micros());
    }

    fn uuid(&mut self, value: Uuid) {
        self.0.extend_from_slice(value.as_bytes());
    }

    /// A text too long for its length field makes the frame too long, which is refused.
    fn text(&mut self, value: &str) {
        self.u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(value.as_bytes());
    }

    fn architecture(&mut self, value: Architecture) {
        self.u8(match value {
            Architecture::X86_64 => 0,
            Architecture::Arm64 => 1,
        });
    }

    fn start(&mut self, start: &StartRecord) {
        self.uuid(start.request_id);
        self.u32(start.attempt);
        self.i64(start.account.number());
        self.text(start.region.as_str());
        self.text(&start.function_arn);
        self.text(&start.version);
        self.architecture(start.architecture);
        self.u32(start.memory_mb);
        self.u32(start.ephemeral_mb);
        self.time(start.started_at);
    }

    fn execution(&mut self, execution: &Execution) {
        self.uuid(execution.request_id);
        self.u32(execution.attempt);
        self.i64(execution.account.number());
        self.text(execution.region.as_str());
        self.text(&execution.function_arn);
        self.text(&execution.version);
        self.architecture(execution.architecture);
        self.u32(execution.memory_mb);
        self.u32(execution.ephemeral_mb);
        self.u64(execution.init_ns);
        self.u64(execution.invoke_ns);
        self.u64(execution.request_bytes);
        self.u64(execution.response_bytes);
        self.u8(match execution.outcome {
            Outcome::Success => 0,
            Outcome::FunctionError => 1,
            Outcome::PlatformLost => 2,
        });
        self.time(execution.started_at);
        self.time(execution.ended_at);
    }
}

/// What a scan finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A sound frame; `end` is the offset behind it.
    Frame { payload: &'a [u8], end: usize },
    /// Bytes that are no frame, up to the next sound one or to the end.
    Damage { start: usize, end: usize },
}

/// Walks over the frames in `bytes`, past damage.
pub(super) fn scan(bytes: &[u8]) -> Scan<'_> {
    Scan { bytes, at: 0 }
}

pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Scan<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        let start = self.at;
        if start >= self.bytes.len() {
            return None;
        }
        if let Some(payload) = frame_at(self.bytes, start) {
            self.at = start + FRAME_BYTES + payload.len();
            return Some(Found::Frame {
                payload,
                end: self.at,
            });
        }
        self.at = (start + 1..self.bytes.len())
            .find(|&at| frame_at(self.bytes, at).is_some())
            .unwrap_or(self.bytes.len());
        Some(Found::Damage {
            start,
            end: self.at,
        })
    }
}

/// The payload of the sound frame that begins at `at`, if one does.
fn frame_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let (head, rest) = bytes.get(at..)?.split_at_checked(FRAME_BYTES)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?);
    let size = usize::try_from(length).ok()?;
    if size == 0 || size > PAYLOAD_BYTES_MAX {
        return None;
    }
    let payload = rest.get(..size)?;
    if checksum(length, payload).to_le_bytes() != head[4..] {
        return None;
    }
    Some(payload)
}

/// The event of a start, without reading the rest of it.
pub(super) fn event_of_start(payload: &[u8]) -> Option<i64> {
    let fields = payload.strip_prefix(b"S")?;
    Fields(fields).i64()
}

/// What a sound payload says; `None` if it is none of this version's.
pub(super) fn decode(payload: &[u8]) -> Option<Record> {
    let (&kind, fields) = payload.split_first()?;
    let mut fields = Fields(fields);
    let record = match kind {
        b'H' => Record::Header(fields.header()?),
        b'C' => Record::Carried {
            event: fields.i64()?,
            start: fields.start()?,
        },
        b'S' => Record::Start {
            event: fields.i64()?,
            start: fields.start()?,
        },
        b'E' => Record::End {
            event: fields.i64()?,
            end: fields.end()?,
        },
        b'B' => Record::Seal(fields.seal()?),
        _ => return None,
    };
    fields.0.is_empty().then_some(record)
}

/// A start from the bytes that [`start_bytes`] gave.
pub(super) fn decode_start(bytes: &[u8]) -> Option<StartRecord> {
    Fields(bytes).start()
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.array()?))
    }

    fn i64(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.array()?))
    }

    fn time(&mut self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.i64()?)
    }

    fn uuid(&mut self) -> Option<Uuid> {
        Some(Uuid::from_bytes(self.array()?))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.u32()?).ok()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn account(&mut self) -> Option<AccountId> {
        AccountId::new(self.u64()?)
    }

    fn architecture(&mut self) -> Option<Architecture> {
        match self.u8()? {
            0 => Some(Architecture::X86_64),
            1 => Some(Architecture::Arm64),
            _ => None,
        }
    }

    fn header(&mut self) -> Option<Header> {
        if self.u8()? != VERSION {
            return None;
        }
        Some(Header {
            executor: self.uuid()?,
            epoch: self.i64()?,
            segment: self.u64()?,
            next_event: self.i64()?,
            next_batch: self.i64()?,
            covers_until: self.time()?,
        })
    }

    fn start(&mut self) -> Option<StartRecord> {
        Some(StartRecord {
            request_id: self.uuid()?,
            attempt: self.u32()?,
            account: self.account()?,
            region: self.text()?.parse().ok()?,
            function_arn: self.text()?.to_owned(),
            version: self.text()?.to_owned(),
            architecture: self.architecture()?,
            memory_mb: self.u32()?,
            ephemeral_mb: self.u32()?,
            started_at: self.time()?,
        })
    }

    fn end(&mut self) -> Option<End<Execution>> {
        Some(End {
            start: self.i64()?,
            booked_at: self.time()?,
            billed_ms: self.u64()?,
            execution: Execution {
                request_id: self.uuid()?,
                attempt: self.u32()?,
                account: self.account()?,
                region: self.text()?.parse().ok()?,
                function_arn: self.text()?.to_owned(),
                version: self.text()?.to_owned(),
                architecture: self.architecture()?,
                memory_mb: self.u32()?,
                ephemeral_mb: self.u32()?,
                init_ns: self.u64()?,
                invoke_ns: self.u64()?,
                request_bytes: self.u64()?,
                response_bytes: self.u64()?,
                outcome: match self.u8()? {
                    0 => Outcome::Success,
                    1 => Outcome::FunctionError,
                    2 => Outcome::PlatformLost,
                    _ => return None,
                },
                started_at: self.time()?,
                ended_at: self.time()?,
            },
        })
    }

    fn seal(&mut self) -> Option<Seal> {
        Some(Seal {
            batch: self.i64()?,
            first_event: self.i64()?,
            last_event: self.i64()?,
            covers_until: self.time()?,
            closes_epoch: match self.u8()? {
                0 => false,
                1 => true,
                _ => return None,
            },
        })
    }
}
