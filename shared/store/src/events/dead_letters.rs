//! The store of dead letters: every event that ended without success.

use chrono::{DateTime, Utc};
use domain::event::EventId;
use domain::{AccountId, Region};
use uuid::Uuid;

use crate::{Error, Store};

/// A dead letter, without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The event's request id.
    pub id: Uuid,
    pub function: String,
    pub qualifier: String,
    /// [`domain::event::Condition::as_str`].
    pub condition: String,
    /// Attempts in which the function was started.
    pub attempts: u16,
    pub error: String,
    pub accepted_at: DateTime<Utc>,
    pub dead_at: DateTime<Utc>,
    pub payload_bytes: u64,
    /// The event that a redrive made of it.
    pub redriven_as: Option<Uuid>,
    pub redriven_at: Option<DateTime<Utc>>,
}

/// A dead letter's payload, as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterPayload {
    pub letter: DeadLetter,
    pub payload: Vec<u8>,
}

/// Which dead letters; `None` lets any through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    pub function: Option<String>,
    pub condition: Option<String>,
    /// Dead at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Dead before this time.
    pub until: Option<DateTime<Utc>>,
    /// Whether one has been redriven.
    pub redriven: Option<bool>,
}

struct Row {
    id: Uuid,
    function_name: String,
    qualifier: String,
    condition: String,
    attempts: i16,
    error: String,
    accepted_at: DateTime<Utc>,
    dead_at: DateTime<Utc>,
    payload_bytes: i32,
    redriven_as: Option<Uuid>,
    redriven_at: Option<DateTime<Utc>>,
}

impl From<Row> for DeadLetter {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            function: row.function_name,
            qualifier: row.qualifier,
            condition: row.condition,
            attempts: row.attempts.cast_unsigned(),
            error: row.error,
            accepted_at: row.accepted_at,
            dead_at: row.dead_at,
            payload_bytes: u64::try_from(row.payload_bytes).unwrap_or(0),
            redriven_as: row.redriven_as,
            redriven_at: row.redriven_at,
        }
    }
}

impl Store {
    /// Dead letters of an account, the newest event first. `before` is where the page before ended.
    pub async fn dead_letters(
        &self,
        account: AccountId,
        region: &Region,
        filter: &DeadLetterFilter,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT id, function_name, qualifier, condition, attempts, error, accepted_at, dead_at,
                   octet_length(payload) AS "payload_bytes!", redriven_as, redriven_at
               FROM dead_letter
               WHERE account_id = $1 AND region = $2
                 AND ($3::text IS NULL OR function_name = $3)
                 AND ($4::text IS NULL OR condition = $4)
                 AND ($5::timestamptz IS NULL OR dead_at >= $5)
                 AND ($6::timestamptz IS NULL OR dead_at < $6)
                 AND ($7::boolean IS NULL OR (redriven_as IS NOT NULL) = $7)
                 AND ($8::uuid IS NULL OR id < $8)
               ORDER BY id DESC LIMIT $9"#,
            account.number(),
            region.as_str(),
            filter.function,
            filter.condition,
            filter.since,
            filter.until,
            filter.redriven,
            before,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(DeadLetter::from).collect())
    }

    /// One dead letter with its payload.
    pub async fn dead_letter(
        &self,
        account: AccountId,
        region: &Region,
        id: EventId,
    ) -> Result<Option<DeadLetterPayload>, Error> {
        let row = sqlx::query_as!(
            Row,
            r#"SELECT id, function_name, qualifier, condition, attempts, error, accepted_at, dead_at,
                   octet_length(payload) AS "payload_bytes!", redriven_as, redriven_at
               FROM dead_letter WHERE account_id = $1 AND region = $2 AND id = $3"#,
            account.number(),
            region.as_str(),
            id.uuid(),
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let payload = sqlx::query_scalar!(
            "SELECT payload FROM dead_letter WHERE account_id = $1 AND id = $2",
            account.number(),
            id.uuid(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(payload.map(|payload| DeadLetterPayload {
            letter: row.into(),
            payload,
        }))
    }

    /// How many dead letters a filter lets through.
    pub async fn count_dead_letters(
        &self,
        account: AccountId,
        region: &Region,
        filter: &DeadLetterFilter,
    ) -> Result<u64, Error> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM dead_letter
               WHERE account_id = $1 AND region = $2
                 AND ($3::text IS NULL OR function_name = $3)
                 AND ($4::text IS NULL OR condition = $4)
                 AND ($5::timestamptz IS NULL OR dead_at >= $5)
                 AND ($6::timestamptz IS NULL OR dead_at < $6)
                 AND ($7::boolean IS NULL OR (redriven_as IS NOT NULL) = $7)"#,
            account.number(),
            region.as_str(),
            filter.function,
            filter.condition,
            filter.since,
            filter.until,
            filter.redriven,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(count.cast_unsigned())
    }

    /// Deletes up to `limit` of the dead letters that a filter lets through; answers how many.
    pub async fn purge_dead_letters(
        &self,
        account: AccountId,
        region: &Region,
        filter: &DeadLetterFilter,
        limit: u32,
    ) -> Result<u64, Error> {
        let gone = sqlx::query!(
            r#"DELETE FROM dead_letter WHERE id IN (
                   SELECT id FROM dead_letter
                   WHERE account_id = $1 AND region = $2
                     AND ($3::text IS NULL OR function_name = $3)
                     AND ($4::text IS NULL OR condition = $4)
                     AND ($5::timestamptz IS NULL OR dead_at >= $5)
                     AND ($6::timestamptz IS NULL OR dead_at < $6)
                     AND ($7::boolean IS NULL OR (redriven_as IS NOT NULL) = $7)
                   ORDER BY id LIMIT $8)"#,
            account.number(),
            region.as_str(),
            filter.function,
            filter.condition,
            filter.since,
            filter.until,
            filter.redriven,
            i64::from(limit),
        )
        .execute(&self.pool)
        .await?;
        Ok(gone.rows_affected())
    }
}
