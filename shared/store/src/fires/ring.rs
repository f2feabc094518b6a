//! The ring of days.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::schedule::{DAYS, day_bucket};

use crate::{Error, Store};

/// How long making a bucket ready may wait for its table.
const TURN_WAIT_MS: i32 = 2_000;

const SIZE: usize = 8;
const _: () = assert!(DAYS == 8);

/// A statement for each bucket. `{b}` in the text stands for the bucket's digit.
pub(super) struct PerDay([String; SIZE]);

impl PerDay {
    pub(super) fn new(text: &str) -> Self {
        Self(std::array::from_fn(|number| {
            text.replace("{b}", &number.to_string())
        }))
    }

    /// The statement for a day of the epoch.
    pub(super) fn of(&'static self, day: i64) -> &'static str {
        &self.0[day_bucket(day)]
    }

    /// The statements for all buckets.
    pub(super) fn all(&'static self) -> &'static [String] {
        &self.0
    }
}

/// What this process knows of the ring: the day that each bucket held when it was last seen to be ready.
#[derive(Debug, Clone)]
pub(crate) struct FireRing(Arc<[AtomicI64; SIZE]>);

impl Default for FireRing {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| AtomicI64::new(-1))))
    }
}

impl Store {
    /// Makes the bucket of a day ready for fires. False where it holds a later day: fires of that day are forgotten.
    pub(super) async fn turn_fire_ring(&self, day: i64) -> Result<bool, Error> {
        let known = &self.fire_ring.0[day_bucket(day)];
        if known.load(Ordering::Relaxed) == day {
            return Ok(true);
        }
        let ready = sqlx::query_scalar!(
            r#"SELECT fire_ring_turn($1, $2) AS "ready!""#,
            day,
            TURN_WAIT_MS
        )
        .fetch_one(&self.pool)
        .await?;
        if ready {
            known.store(day, Ordering::Relaxed);
        }
        Ok(ready)
    }
}
