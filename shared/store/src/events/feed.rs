//! What an owner of shards reads: lanes that have work, and the events of a lane in order.
//!
//! Whether an event has an outcome is asked by the outcomes' primary key, event by event: `OFFSET 0` keeps the planner from making a
//! join of it. An hour's tables grow faster than they are analyzed, and on what it then believes of them it has chosen joins that took
//! minutes where the probes take milliseconds. For the same reason looks are planned each time (`PerBucket::look`).

use std::collections::HashSet;
use std::sync::LazyLock;

use domain::event::EventId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::ring::PerBucket;
use crate::{Error, Store};

/// Payloads up to this come along when a lane is fed; larger ones are read when they are needed, in bytes.
const INLINE_BYTES_MAX: i32 = 4_096;

static LANES: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        // From one lane to the next by the index: as many probes as there are lanes, however many events they hold.
        "WITH RECURSIVE lanes AS (
             (SELECT lane_id FROM invocation_{b} ORDER BY lane_id LIMIT 1)
             UNION ALL
             SELECT (SELECT i.lane_id FROM invocation_{b} AS i WHERE i.lane_id > lanes.lane_id ORDER BY i.lane_id LIMIT 1)
             FROM lanes WHERE lanes.lane_id IS NOT NULL
         )
         SELECT lane_id FROM lanes WHERE lane_id % 32 = ANY($1::bigint[])",
    )
});

static LANE: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "SELECT i.id, i.qualifier, i.source, i.trace, i.age_max_s, i.attempts_max,
             CASE WHEN octet_length(i.payload) <= $4 THEN i.payload END AS payload, i.lane_id
         FROM invocation_{b} AS i
         WHERE i.lane_id = $1 AND i.id > $2
           AND NOT EXISTS (SELECT FROM outcome_{b} AS o WHERE o.inv_id = i.id OFFSET 0)
         ORDER BY i.id LIMIT $3",
    )
});

static SWEEP: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "SELECT i.id, i.lane_id
         FROM invocation_{b} AS i
         WHERE i.id >= $1 AND i.id < $2 AND (i.source <> 4 OR i.id < $7) AND i.lane_id % 32 = ANY($5::bigint[])
           AND NOT EXISTS (SELECT FROM UNNEST($3::bigint[], $4::uuid[]) AS fed (lane_id, through)
               WHERE fed.lane_id = i.lane_id AND i.id > fed.through OFFSET 0)
           AND NOT EXISTS (SELECT FROM outcome_{b} AS o WHERE o.inv_id = i.id OFFSET 0)
         ORDER BY i.id LIMIT $6",
    )
});

static READ: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "SELECT i.id, i.qualifier, i.source, i.trace, i.age_max_s, i.attempts_max, i.payload, i.lane_id
         FROM invocation_{b} AS i WHERE i.id = ANY($1)",
    )
});

static SETTLED: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "SELECT o.inv_id FROM UNNEST($1::uuid[], $2::smallint[]) AS asked (inv_id, attempt)
         JOIN outcome_{b} AS o ON o.inv_id = asked.inv_id AND o.attempt >= asked.attempt",
    )
});

/// An event as an owner dispatches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedEvent {
    pub id: EventId,
    pub lane: i64,
    pub qualifier: String,
    pub source: i16,
    pub trace: String,
    pub age_max_s: Option<u32>,
    pub attempts_max: Option<u16>,
    /// `None`: too large to come along.
    pub payload: Option<Vec<u8>>,
}

/// Which events a sweep looks at, by their ids.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub from: EventId,
    /// This one is not among them.
    pub to: EventId,
    /// Events of schedules from this one on are not among them either.
    pub to_of_schedules: EventId,
}

/// An event that no attempt of has ended, found by a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsettled {
    pub id: EventId,
    pub lane: i64,
}

fn event_id(row: &PgRow) -> Result<EventId, Error> {
    EventId::new(row.try_get("id")?).ok_or(Error::Inconsistent("invocation.id"))
}

pub(super) fn queued(row: &PgRow) -> Result<QueuedEvent, Error> {
    Ok(QueuedEvent {
        id: event_id(row)?,
        lane: row.try_get("lane_id")?,
        qualifier: row.try_get("qualifier")?,
        source: row.try_get("source")?,
        trace: row.try_get("trace")?,
        age_max_s: row
            .try_get::<Option<i32>, _>("age_max_s")?
            .map(i32::cast_unsigned),
        attempts_max: row
            .try_get::<Option<i16>, _>("attempts_max")?
            .map(i16::cast_unsigned),
        payload: row.try_get("payload")?,
    })
}

fn numbers(shards: &[i16]) -> Vec<i64> {
    shards.iter().map(|shard| i64::from(*shard)).collect()
}

impl Store {
    /// Lanes of these shards that have events of this hour, settled or not.
    pub async fn lanes_with_events(&self, hour: i64, shards: &[i16]) -> Result<Vec<i64>, Error> {
        Ok(sqlx::query_scalar(LANES.of(hour))
            .persistent(false)
            .bind(numbers(shards))
            .fetch_all(&self.pool)
            .await?)
    }

    /// The lane's next events of this hour behind `after` of which no attempt has ended, in order.
    pub async fn feed_lane(
        &self,
        hour: i64,
        lane: i64,
        after: Uuid,
        limit: u32,
    ) -> Result<Vec<QueuedEvent>, Error> {
        let rows = LANE
            .look(hour)
            .bind(lane)
            .bind(after)
            .bind(i64::from(limit))
            .bind(INLINE_BYTES_MAX)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(queued).collect()
    }

    /// Events of this hour in a window of which no attempt has ended. Of a lane in `fed` only those up to the given id: what follows is
    /// read by feeding.
    pub async fn sweep_events(
        &self,
        hour: i64,
        window: Window,
        shards: &[i16],
        fed: &[(i64, Uuid)],
        limit: u32,
    ) -> Result<Vec<Unsettled>, Error> {
        let (lanes, through): (Vec<i64>, Vec<Uuid>) = fed.iter().copied().unzip();
        let rows = SWEEP
            .look(hour)
            .bind(window.from.uuid())
            .bind(window.to.uuid())
            .bind(lanes)
            .bind(through)
            .bind(numbers(shards))
            .bind(i64::from(limit))
            .bind(window.to_of_schedules.uuid())
            .fetch_all(&self.pool)
            .await?;
        let unsettled = rows.iter().map(|row| {
            Ok(Unsettled {
                id: event_id(row)?,
                lane: row.try_get("lane_id")?,
            })
        });
        unsettled.collect()
    }

    /// Events in full, payloads of any size included. Ids of one hour.
    pub async fn read_events(&self, hour: i64, ids: &[Uuid]) -> Result<Vec<QueuedEvent>, Error> {
        let rows = READ.look(hour).bind(ids).fetch_all(&self.pool).await?;
        rows.iter().map(queued).collect()
    }

    /// Which of these attempts have an outcome, or a later attempt of theirs has. Ids of one hour.
    pub async fn settled_attempts(
        &self,
        hour: i64,
        attempts: &[(Uuid, u16)],
    ) -> Result<HashSet<Uuid>, Error> {
        let (ids, attempts): (Vec<Uuid>, Vec<i16>) = attempts
            .iter()
            .map(|(id, attempt)| (*id, attempt.cast_signed()))
            .unzip();
        let found = sqlx::query_scalar(SETTLED.of(hour))
            .persistent(false)
            .bind(ids)
            .bind(attempts)
            .fetch_all(&self.pool)
            .await?;
        Ok(found.into_iter().collect())
    }
}
