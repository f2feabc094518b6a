//! What the scheduler keeps in memory of each schedule, and how it learns of changes.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Error, Store};

/// When a schedule fires, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub id: Uuid,
    pub shard: i16,
    pub generation: i64,
    pub enabled: bool,
    /// Whether it is a rule's: the expression is of that dialect.
    pub by_rule: bool,
    pub expression: String,
    pub timezone: String,
    pub start_at: Option<DateTime<Utc>>,
    pub end_at: Option<DateTime<Utc>>,
    pub anchor_at: DateTime<Utc>,
    /// This generation has no fire before.
    pub valid_from: DateTime<Utc>,
    pub window_min: Option<i16>,
    pub retry_age_max_s: i32,
    pub missed: i16,
    pub catch_up_s: i32,
    pub delete_after: bool,
    /// Size of the input, in bytes.
    pub input_bytes: i32,
}

/// A moment in the database's history: what is changed by transactions that a look at this moment did not see is found by
/// looking for changes since it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change(String);

impl Store {
    /// The present moment. Look first, then read: what is read is at least as new.
    pub async fn schedules_now(&self) -> Result<Change, Error> {
        let snapshot = sqlx::query_scalar!(r#"SELECT pg_current_snapshot()::text AS "snapshot!""#)
            .fetch_one(&self.pool)
            .await?;
        Ok(Change(snapshot))
    }

    /// All schedules of a shard that are enabled.
    pub async fn planned(&self, shard: i16) -> Result<Vec<Planned>, Error> {
        Ok(sqlx::query_as!(
            Planned,
            r#"SELECT id, shard, generation, enabled, rule_id IS NOT NULL AS "by_rule!", expression, timezone, start_at, end_at,
                 anchor_at, valid_from, window_min, retry_age_max_s, missed, catch_up_s, delete_after,
                 coalesce(octet_length(input), 0) AS "input_bytes!"
             FROM schedule WHERE shard = $1 AND enabled"#,
            shard
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Schedules of these shards, also disabled ones, that have changed since a moment. Those deleted are not among them.
    ///
    /// The index finds what a transaction as old as the oldest one of that moment may have written; of that, only what the moment did
    /// not see comes along: a transaction that stays open for long costs little.
    pub async fn changed_schedules(
        &self,
        shards: &[i16],
        since: &Change,
    ) -> Result<Vec<Planned>, Error> {
        Ok(sqlx::query_as!(
            Planned,
            r#"SELECT id, shard, generation, enabled, rule_id IS NOT NULL AS "by_rule!", expression, timezone, start_at, end_at,
                 anchor_at, valid_from, window_min, retry_age_max_s, missed, catch_up_s, delete_after,
                 coalesce(octet_length(input), 0) AS "input_bytes!"
             FROM schedule
             WHERE shard = ANY($1) AND changed_by >= pg_snapshot_xmin($2::text::pg_snapshot)
               AND NOT pg_visible_in_snapshot(changed_by, $2::text::pg_snapshot)"#,
            shards,
            since.0
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Up to when these shards were fired, for those that ever were.
    pub async fn fire_cursors(&self, shards: &[i16]) -> Result<Vec<(i16, DateTime<Utc>)>, Error> {
        let rows = sqlx::query!(
            "SELECT shard, fired_through FROM schedule_cursor WHERE shard = ANY($1)",
            shards
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.shard, row.fired_through))
            .collect())
    }

    /// Says that everything due by then, in these shards, was fired. Never goes back.
    pub async fn move_fire_cursors(
        &self,
        shards: &[i16],
        through: DateTime<Utc>,
    ) -> Result<(), Error> {
        sqlx::query!(
            "INSERT INTO schedule_cursor (shard, fired_through) SELECT shard, $2 FROM UNNEST($1::smallint[]) AS shard
             ON CONFLICT (shard) DO UPDATE SET fired_through = excluded.fired_through
             WHERE schedule_cursor.fired_through < excluded.fired_through",
            shards,
            through
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
