//! Messages to webhooks: who sends which when. A claim is a lease: a sender that dies leaves it to the next one, so a message
//! comes once at least.

use chrono::{DateTime, TimeDelta, Utc};
use domain::AccountId;
use uuid::Uuid;

use crate::{Error, Store};

/// A message that is ours to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDelivery {
    pub alert: Uuid,
    pub account: AccountId,
    pub url: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// JSON.
    pub message: Vec<u8>,
}

/// What an attempt gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Delivered,
    Retry { at: DateTime<Utc>, reason: String },
    Failed { reason: String },
}

impl Store {
    /// Takes up to `limit` messages that are due; nobody else gets them for the time of `lease`.
    pub async fn take_budget_deliveries(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, Error> {
        let rows = sqlx::query!(
            "WITH due AS (
                 SELECT alert_id, kind, address FROM billing.budget_delivery
                 WHERE state = 'waiting' AND next_at <= $1
                 ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED
             )
             UPDATE billing.budget_delivery AS d SET attempts = d.attempts + 1, next_at = $2
             FROM due, billing.budget_alert AS a
             WHERE d.alert_id = due.alert_id AND d.kind = due.kind AND d.address = due.address AND a.id = d.alert_id
             RETURNING d.alert_id, d.account_id, d.address, d.attempts, a.message",
            now,
            now + lease,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let account = u64::try_from(row.account_id).ok().and_then(AccountId::new);
                Ok(DueDelivery {
                    alert: row.alert_id,
                    account: account.ok_or(Error::Inconsistent("budget_delivery.account_id"))?,
                    url: row.address,
                    attempt: u32::try_from(row.attempts).unwrap_or(u32::MAX),
                    message: row.message,
                })
            })
            .collect()
    }

    /// Writes down what an attempt gave, unless somebody else has begun another one.
    pub async fn end_budget_delivery(
        &self,
        taken: &DueDelivery,
        ended: &Ended,
    ) -> Result<(), Error> {
        let (state, next_at, reason) = match ended {
            Ended::Delivered => ("delivered", None, ""),
            Ended::Retry { at, reason } => ("waiting", Some(*at), reason.as_str()),
            Ended::Failed { reason } => ("failed", None, reason.as_str()),
        };
        sqlx::query!(
            "UPDATE billing.budget_delivery SET state = $5, next_at = $6, reason = $7
             WHERE account_id = $1 AND alert_id = $2 AND kind = 'SNS' AND address = $3 AND attempts = $4 AND state = 'waiting'",
            taken.account.number(),
            taken.alert,
            taken.url,
            i32::try_from(taken.attempt).unwrap_or(i32::MAX),
            state,
            next_at,
            reason,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
