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
    /// The record; for a dead letter the event as it came.
    pub body: Vec<u8>,
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
        let rows = sqlx::query!(
            "SELECT id, inv_id, function_name, kind, target, reason, at, body FROM undelivered
             WHERE account_id = $1 AND region = $2 AND ($3::text IS NULL OR function_name = $3)
               AND ($4::uuid IS NULL OR id < $4)
             ORDER BY id DESC LIMIT $5",
            account.number(),
            region.as_str(),
            function,
            before,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        let records = rows.into_iter().map(|row| {
            Ok(Undelivered {
                id: row.id,
                event: row.inv_id,
                function: row.function_name,
                kind: TargetKind::from_number(row.kind)
                    .ok_or(Error::Inconsistent("undelivered.kind"))?,
                target: row.target,
                reason: row.reason,
                at: row.at,
                body: row.body,
            })
        });
        records.collect()
    }
}
