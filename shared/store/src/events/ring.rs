//! The ring of hours: which bucket holds which hour, and statements written once for all buckets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::event::{BUCKETS, EventId, bucket};
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use crate::{Error, Store};

/// How long making a bucket ready may wait for its tables.
const TURN_WAIT_MS: i32 = 2_000;

const SIZE: usize = 32;
const _: () = assert!(BUCKETS == 32);

/// A statement for each bucket. `{b}` in the text stands for the bucket's two digits.
pub(crate) struct PerBucket([String; SIZE]);

impl PerBucket {
    pub(crate) fn new(text: &str) -> Self {
        Self(std::array::from_fn(|number| {
            text.replace("{b}", &format!("{number:02}"))
        }))
    }

    /// The statement for the bucket of an hour.
    pub(crate) fn of(&'static self, hour: i64) -> &'static str {
        &self.0[bucket(hour)]
    }

    /// The statement as a query that is planned each time. A bucket holds nothing and a million rows within one hour: a plan that was
    /// made for the one, and kept, takes minutes with the other.
    pub(crate) fn look(&'static self, hour: i64) -> Query<'static, Postgres, PgArguments> {
        sqlx::query(self.of(hour)).persistent(false)
    }
}

/// What this process knows of the ring: the hour that each bucket held when it was last seen to be ready.
#[derive(Debug, Clone)]
pub(crate) struct Ring(Arc<[AtomicI64; SIZE]>);

impl Default for Ring {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| AtomicI64::new(-1))))
    }
}

impl Ring {
    fn holds(&self, hour: i64) -> bool {
        self.0[bucket(hour)].load(Ordering::Relaxed) == hour
    }

    fn note(&self, hour: i64) {
        self.0[bucket(hour)].store(hour, Ordering::Relaxed);
    }
}

impl Store {
    /// Makes the bucket of an hour ready to take events. False where it still holds events of an earlier hour that have no end:
    /// they come first. Asks the database once per hour and process.
    pub async fn turn_ring(&self, hour: i64) -> Result<bool, Error> {
        if self.ring.holds(hour) {
            return Ok(true);
        }
        let ready = sqlx::query_scalar!(
            r#"SELECT ring_turn($1, $2) AS "ready!""#,
            hour,
            TURN_WAIT_MS
        )
        .fetch_one(&self.pool)
        .await?;
        if ready {
            self.ring.note(hour);
        }
        Ok(ready)
    }

    /// Whether the bucket of this event still holds the event's hour.
    pub(crate) async fn ring_holds(&self, event: EventId) -> Result<bool, Error> {
        let hour = event.hour();
        if self.ring.holds(hour) {
            return Ok(true);
        }
        let number = i16::try_from(bucket(hour)).unwrap_or(0);
        let held = sqlx::query_scalar!("SELECT hour FROM ring WHERE bucket = $1", number)
            .fetch_one(&self.pool)
            .await?;
        if held == hour {
            self.ring.note(hour);
        }
        Ok(held == hour)
    }

    /// The hours that the ring holds, oldest first.
    pub async fn ring_hours(&self) -> Result<Vec<i64>, Error> {
        Ok(
            sqlx::query_scalar!("SELECT hour FROM ring WHERE hour >= 0 ORDER BY hour")
                .fetch_all(&self.pool)
                .await?,
        )
    }
}
