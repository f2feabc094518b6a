//! Time, ids and randomness as values.
//!
//! The only module that reads the host's clock and random generator; everything else takes a [`Clock`] and [`Ids`], so
//! tests can move time. Durations that are billed come from [`std::time::Instant`], which never jumps.
#![expect(clippy::disallowed_methods, reason = "this is the one place that may")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use uuid::Uuid;

/// The platform's wall clock: the host's, moved by an offset that only a development clock ever changes.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_us: Arc<AtomicI64>,
    /// Set in tests: time stands still here until it is moved.
    frozen_at: Option<DateTime<Utc>>,
}

impl Clock {
    /// The host's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `at` until [`Clock::advance`] moves it.
    pub fn frozen(at: DateTime<Utc>) -> Self {
        Self {
            offset_us: Arc::default(),
            frozen_at: Some(at),
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        let base = self.frozen_at.unwrap_or_else(Utc::now);
        base + TimeDelta::microseconds(self.offset_us.load(Ordering::Relaxed))
    }

    /// Moves this clock, and every clone of it.
    pub fn advance(&self, by: TimeDelta) {
        self.offset_us
            .fetch_add(by.num_microseconds().unwrap_or(0), Ordering::Relaxed);
    }
}

/// Source of ids and of chance.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ids;

impl Ids {
    /// A random id (version 4): request ids, revision ids.
    pub fn random(self) -> Uuid {
        Uuid::new_v4()
    }

    /// A time-ordered id (version 7) at `now`: keys of rows that arrive in time order.
    pub fn ordered(self, now: DateTime<Utc>) -> Uuid {
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        Uuid::new_v7(uuid::Timestamp::from_unix(
            uuid::NoContext,
            seconds,
            now.timestamp_subsec_nanos(),
        ))
    }

    /// A number in `[0, 1)`.
    pub fn draw(self) -> f64 {
        rand::rng().random()
    }

    /// `N` unpredictable bytes: secrets.
    pub fn bytes<const N: usize>(self) -> [u8; N] {
        let mut bytes = [0; N];
        rand::rng().fill(&mut bytes[..]);
        bytes
    }
}
