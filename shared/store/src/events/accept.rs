//! Accepting events: one insert for many, and the optional idempotency key.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::event::{EventId, Source};
use sqlx::PgConnection;
use uuid::Uuid;

use super::ring::PerBucket;
use crate::{Error, Store};

static INSERT: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "INSERT INTO invocation_{b} (id, lane_id, account_id, qualifier, source, trace, age_max_s, attempts_max, payload)
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::smallint[], $6::text[], $7::integer[],
             $8::smallint[], $9::bytea[])",
    )
});

/// An event to be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub id: EventId,
    pub lane: i64,
    pub account: AccountId,
    /// As the caller qualified the function; empty: not at all.
    pub qualifier: String,
    pub source: Source,
    /// `X-Amzn-Trace-Id`, with its lineage.
    pub trace: String,
    /// Limits of this event alone; `None`: the function's.
    pub age_max_s: Option<u32>,
    pub attempts_max: Option<u16>,
    pub payload: Vec<u8>,
}

/// What became of an event with an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is committed.
    New,
    /// The same key came with the same body before: this is that event.
    Known(EventId),
    /// The same key came with another body.
    OtherBody,
    /// The ring is full of events without an end.
    Full,
}

impl Store {
    /// Commits events of one hour together. False where the ring cannot take them: its bucket holds events without an end.
    pub async fn accept(&self, events: &[NewEvent]) -> Result<bool, Error> {
        let Some(first) = events.first() else {
            return Ok(true);
        };
        if !self.turn_ring(first.id.hour()).await? {
            return Ok(false);
        }
        let mut connection = self.pool.acquire().await?;
        insert(&mut connection, events).await?;
        Ok(true)
    }

    /// Commits one event under a key of the caller's, unless that key was used for the lane before.
    pub async fn accept_once(
        &self,
        event: &NewEvent,
        key: &str,
        body_sha256: &[u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Accepted, Error> {
        if !self.turn_ring(event.id.hour()).await? {
            return Ok(Accepted::Full);
        }
        let mut tx = self.pool.begin().await?;
        let made = sqlx::query!(
            "INSERT INTO idempotency (lane_id, key, body_sha256, inv_id, created_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
            event.lane,
            key,
            body_sha256.as_slice(),
            event.id.uuid(),
            now,
        )
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 1 {
            insert(&mut tx, std::slice::from_ref(event)).await?;
            tx.commit().await?;
            return Ok(Accepted::New);
        }
        let known = sqlx::query!(
            "SELECT body_sha256, inv_id FROM idempotency WHERE lane_id = $1 AND key = $2",
            event.lane,
            key,
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.rollback().await?;
        if known.body_sha256 != body_sha256 {
            return Ok(Accepted::OtherBody);
        }
        let id = EventId::new(known.inv_id).ok_or(Error::Inconsistent("idempotency.inv_id"))?;
        Ok(Accepted::Known(id))
    }
}

/// Inserts events; all of them belong to the bucket of the first one's hour.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    events: &[NewEvent],
) -> Result<(), Error> {
    let Some(first) = events.first() else {
        return Ok(());
    };
    let column = |of: fn(&NewEvent) -> i64| -> Vec<i64> { events.iter().map(of).collect() };
    let ids: Vec<Uuid> = events.iter().map(|event| event.id.uuid()).collect();
    let qualifiers: Vec<&str> = events.iter().map(|e| e.qualifier.as_str()).collect();
    let sources: Vec<i16> = events.iter().map(|e| e.source.number()).collect();
    let traces: Vec<&str> = events.iter().map(|e| e.trace.as_str()).collect();
    let ages: Vec<Option<i32>> = events
        .iter()
        .map(|e| e.age_max_s.map(u32::cast_signed))
        .collect();
    let attempts: Vec<Option<i16>> = events
        .iter()
        .map(|e| e.attempts_max.map(u16::cast_signed))
        .collect();
    let payloads: Vec<&[u8]> = events.iter().map(|e| e.payload.as_slice()).collect();
    sqlx::query(INSERT.of(first.id.hour()))
        .bind(ids)
        .bind(column(|event| event.lane))
        .bind(column(|event| event.account.number()))
        .bind(qualifiers)
        .bind(sources)
        .bind(traces)
        .bind(ages)
        .bind(attempts)
        .bind(payloads)
        .execute(connection)
        .await?;
    Ok(())
}
