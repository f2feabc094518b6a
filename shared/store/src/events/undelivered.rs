//! Records that have nowhere to go yet, with the reason.

use chrono::{DateTime, Utc};
use domain::{AccountId, Region};
use uuid::Uuid;

use super::settle::TargetKind;
use crate::{Error, Store};

/// A record that was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    pub id: Uuid,
    /// The event that it tells of.
    pub event: Uuid,
    pub function: String,
    pub kind: TargetKind,
    /// The target's ARN.
    pub target: String,
    pub reason: String,
    pub at: DateTime<Utc>,
    pub body_bytes: u64,
}

/// A record that was not delivered, with what should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndeliveredRecord {
    pub record: Undelivered,
    /// The record; for a dead letter the event as it came.
    pub body: Vec<u8>,
}

struct Row {
    id: Uuid,
    inv_id: Uuid,
    function_name: String,
    kind: i16,
    target: String,
    reason: String,
    at: DateTime<Utc>,
    body_bytes: i32,
}

impl TryFrom<Row> for Undelivered {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            event: row.inv_id,
            function: row.function_name,
            kind: TargetKind::from_number(row.kind)
                .ok_or(Error::Inconsistent("undelivered.kind"))?,
            target: row.target,
            reason: row.reason,
            at: row.at,
            body_bytes: u64::try_from(row.body_bytes).unwrap_or(0),
        })
    }
}

impl Store {
    /// Undelivered records of an account, the newest first. `before` is where the page before ended.
    pub async fn undelivered(
        &self,
        account: AccountId,
        region: &Region,
        function: Option<&str>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Undelivered>, Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT id, inv_id, function_name, kind, target, reason, at, octet_length(body) AS "body_bytes!"
               FROM undelivered
               WHERE account_id = $1 AND region = $2 AND ($3::text IS NULL OR function_name = $3)
                 AND ($4::uuid IS NULL OR id < $4)
               ORDER BY id DESC LIMIT $5"#,
            account.number(),
            region.as_str(),
            function,
            before,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Undelivered::try_from).collect()
    }

    /// One undelivered record with its body.
    pub async fn undelivered_record(
        &self,
        account: AccountId,
        region: &Region,
        id: Uuid,
    ) -> Result<Option<UndeliveredRecord>, Error> {
        let row = sqlx::query!(
            "SELECT id, inv_id, function_name, kind, target, reason, at, body FROM undelivered
             WHERE account_id = $1 AND region = $2 AND id = $3",
            account.number(),
            region.as_str(),
            id,
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let record = Row {
            id: row.id,
            inv_id: row.inv_id,
            function_name: row.function_name,
            kind: row.kind,
            target: row.target,
            reason: row.reason,
            at: row.at,
            body_bytes: i32::try_from(row.body.len()).unwrap_or(i32::MAX),
        };
        Ok(Some(UndeliveredRecord {
            record: record.try_into()?,
            body: row.body,
        }))
    }
}
