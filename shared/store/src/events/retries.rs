//! Retries that are due, and attempts whose executor was lost.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::event::EventId;
use sqlx::Row as _;
use uuid::Uuid;

use super::ring::PerBucket;
use super::settle::Author;
use crate::{Error, Store};

static DUE: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "SELECT o.inv_id, o.attempt, o.next_at, i.lane_id
         FROM outcome_{b} AS o
         -- By the primary keys, event by event: see `feed`.
         CROSS JOIN LATERAL (SELECT lane_id FROM invocation_{b} WHERE id = o.inv_id OFFSET 0) AS i
         WHERE o.kind = 1 AND o.next_at <= $1 AND i.lane_id % 32 = ANY($2::bigint[])
           AND NOT EXISTS (SELECT FROM outcome_{b} AS later
               WHERE later.inv_id = o.inv_id AND later.attempt = o.attempt + 1 OFFSET 0)
         ORDER BY o.next_at LIMIT $3",
    )
});

/// An event that waits for its next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingRetry {
    pub id: EventId,
    pub lane: i64,
    /// The attempt that comes.
    pub attempt: u16,
    pub at: DateTime<Utc>,
}

impl Store {
    /// Retries of this hour's events that are due by `until`, the first due first.
    pub async fn pending_retries(
        &self,
        hour: i64,
        until: DateTime<Utc>,
        shards: &[i16],
        limit: u32,
    ) -> Result<Vec<PendingRetry>, Error> {
        let shards: Vec<i64> = shards.iter().map(|shard| i64::from(*shard)).collect();
        let rows = DUE
            .look(hour)
            .bind(until)
            .bind(shards)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        let retries = rows.iter().map(|row| {
            let attempt: i16 = row.try_get("attempt")?;
            Ok(PendingRetry {
                id: EventId::new(row.try_get("inv_id")?)
                    .ok_or(Error::Inconsistent("outcome.inv_id"))?,
                lane: row.try_get("lane_id")?,
                attempt: attempt.cast_unsigned() + 1,
                at: row.try_get("next_at")?,
            })
        });
        retries.collect()
    }

    /// Notes that an executor was lost, or lost track of, while it had these attempts. Safe to repeat.
    pub async fn note_losses(
        &self,
        by: Author,
        attempts: &[(Uuid, u16)],
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let (ids, numbers): (Vec<Uuid>, Vec<i16>) = attempts
            .iter()
            .map(|(id, attempt)| (*id, attempt.cast_signed()))
            .unzip();
        sqlx::query!(
            "INSERT INTO attempt_loss (inv_id, attempt, executor_id, boot_epoch, lost_at)
             SELECT inv_id, attempt, $3, $4, $5 FROM UNNEST($1::uuid[], $2::smallint[]) AS lost (inv_id, attempt)
             ON CONFLICT DO NOTHING",
            &ids,
            &numbers,
            by.executor,
            by.boot_epoch,
            now,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// How often an executor was lost with these events' attempts; events without a loss are left out.
    pub async fn losses(&self, ids: &[Uuid]) -> Result<HashMap<(Uuid, u16), u32>, Error> {
        let rows = sqlx::query!(
            r#"SELECT inv_id, attempt, count(*) AS "count!" FROM attempt_loss WHERE inv_id = ANY($1) GROUP BY inv_id, attempt"#,
            ids
        )
        .fetch_all(&self.pool)
        .await?;
        let losses = rows.into_iter().map(|row| {
            let count = u32::try_from(row.count).unwrap_or(u32::MAX);
            ((row.inv_id, row.attempt.cast_unsigned()), count)
        });
        Ok(losses.collect())
    }
}
