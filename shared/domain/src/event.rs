//! Asynchronous invocations ("events"): how they are named, where they are kept, and how they end.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::ParseError;

/// Buckets in the ring of hours. A bucket is used again after as many hours.
pub const BUCKETS: i64 = 32;

/// Parts of the queue that replicas share out among themselves.
pub const SHARDS: i64 = 32;

/// Seconds in the longest life of an event: a bucket holds nothing that is older by the time it comes round again.
pub const AGE_MAX_S: u32 = 24 * 3600;

/// An event's id, a `UUIDv7`: the request id of all its attempts. Its time says when it was accepted and where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Uuid);

impl EventId {
    /// `None` where the id carries no time: it is not an event's.
    pub fn new(id: Uuid) -> Option<Self> {
        (id.get_version_num() == 7).then_some(Self(id))
    }

    pub fn uuid(self) -> Uuid {
        self.0
    }

    /// When it was accepted, in milliseconds of the epoch.
    pub fn accepted_at_ms(self) -> i64 {
        i64::try_from(self.0.as_u128() >> 80).unwrap_or(i64::MAX)
    }

    /// When it was accepted.
    pub fn accepted_at(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.accepted_at_ms()).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The hour of the epoch in which it was accepted.
    pub fn hour(self) -> i64 {
        self.accepted_at_ms().div_euclid(3_600_000)
    }

    /// The smallest id that an event accepted at `at` or later can have: for ranges.
    pub fn floor(at: DateTime<Utc>) -> Self {
        let ms = u128::try_from(at.timestamp_millis().max(0)).unwrap_or(0);
        Self(Uuid::from_u128((ms << 80) | (0x7 << 76) | (0x8 << 60)))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The bucket of an hour of the epoch.
pub fn bucket(hour: i64) -> usize {
    usize::try_from(hour.rem_euclid(BUCKETS)).unwrap_or(0)
}

/// The shard that a lane belongs to.
pub fn shard(lane_id: i64) -> i16 {
    i16::try_from(lane_id.rem_euclid(SHARDS)).unwrap_or(0)
}

/// Where an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Source {
    Caller = 1,
    Destination = 2,
    DeadLetter = 3,
    Schedule = 4,
    Redrive = 5,
    Budget = 6,
}

impl Source {
    /// As it is stored.
    pub fn number(self) -> i16 {
        self as i16
    }
}

/// Why an event ended. The first four are AWS's (`spec/async-invocation.md`, 1.2), the others Tollgate's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Condition {
    Success = 1,
    RetriesExhausted = 2,
    EventAgeExceeded = 3,
    ZeroReservedConcurrency = 4,
    /// Somebody cancelled it.
    Cancelled = 5,
    /// A function is in its own chain of invocations too often.
    RecursionLimitExceeded = 6,
    /// There is no such function, version or alias any more.
    FunctionNotFound = 7,
    /// A spend cap of ours is used up.
    SpendCapExceeded = 8,
}

impl Condition {
    const ALL: [Self; 8] = [
        Self::Success,
        Self::RetriesExhausted,
        Self::EventAgeExceeded,
        Self::ZeroReservedConcurrency,
        Self::Cancelled,
        Self::RecursionLimitExceeded,
        Self::FunctionNotFound,
        Self::SpendCapExceeded,
    ];

    /// As it is stored.
    pub fn number(self) -> i16 {
        self as i16
    }

    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.number() == number)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
            Self::ZeroReservedConcurrency => "ZeroReservedConcurrency",
            Self::Cancelled => "Cancelled",
            Self::RecursionLimitExceeded => "RecursionLimitExceeded",
            Self::FunctionNotFound => "FunctionNotFound",
            Self::SpendCapExceeded => "SpendCapExceeded",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Condition {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| ParseError::new(format!("{text:?} is no condition of an event's end")))
    }
}

/// What one attempt's end means for its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Success,
    Retry { at: DateTime<Utc> },
    Dead(Condition),
}

impl Verdict {
    /// As it is stored: 0 success, 1 retry, 2 dead.
    pub fn kind(self) -> i16 {
        match self {
            Self::Success => 0,
            Self::Retry { .. } => 1,
            Self::Dead(_) => 2,
        }
    }

    /// `None` while the event goes on.
    pub fn condition(self) -> Option<Condition> {
        match self {
            Self::Success => Some(Condition::Success),
            Self::Retry { .. } => None,
            Self::Dead(condition) => Some(condition),
        }
    }

    pub fn next_at(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Retry { at } => Some(at),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_hour() {
        let at = DateTime::from_timestamp_millis(3_600_000 * 33 + 5).unwrap();
        let id = EventId::floor(at);
        assert_eq!(EventId::new(id.uuid()), Some(id));
        assert_eq!(
            (id.accepted_at(), id.hour(), bucket(id.hour())),
            (at, 33, 1)
        );
        assert_eq!(EventId::new(Uuid::from_u128(0)), None);
    }

    #[test]
    fn a_floor_is_below_every_id_of_its_time() {
        let at = DateTime::from_timestamp_millis(1_800_000_000_123).unwrap();
        let floor = EventId::floor(at).uuid();
        let stamp = uuid::Timestamp::from_unix(uuid::NoContext, 1_800_000_000, 123_000_000);
        let id = uuid::Builder::from_unix_timestamp_millis(1_800_000_000_123, &[0; 10]).into_uuid();
        assert_eq!(stamp.to_unix().0, 1_800_000_000);
        assert!(floor <= id && EventId::new(id).is_some());
        let before = uuid::Builder::from_unix_timestamp_millis(1_800_000_000_122, &[255; 10]);
        assert!(before.into_uuid() < floor);
    }

    #[test]
    fn conditions_are_stored_and_found_again() {
        for one in Condition::ALL {
            assert_eq!(Condition::from_number(one.number()), Some(one));
            assert_eq!(one.as_str().parse(), Ok(one));
        }
        assert_eq!(Condition::from_number(0), None);
        assert!("Nonsense".parse::<Condition>().is_err());
    }
}
