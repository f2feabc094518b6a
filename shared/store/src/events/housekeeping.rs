//! What is removed in time: idempotency keys, dead letters, undelivered records, counted losses, finished redrives.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Error, Store};

/// Dead letters and undelivered records are kept so long (as long as SQS keeps a message at most).
const KEPT: TimeDelta = TimeDelta::days(14);

/// An idempotency key is remembered so long.
const IDEMPOTENCY_KEPT: TimeDelta = TimeDelta::hours(24);

/// No event lives so long, so no loss matters for longer.
const LOSSES_KEPT: TimeDelta = TimeDelta::days(2);

/// Rows of one step, so that nobody waits for a long one.
const STEP: i64 = 1_000;

impl Store {
    /// Removes a bounded number of what is too old; answers whether there may be more.
    pub async fn tidy_queue(&self, now: DateTime<Utc>) -> Result<bool, Error> {
        let gone = [
            sqlx::query!(
                "DELETE FROM idempotency WHERE (lane_id, key) IN (
                     SELECT lane_id, key FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
                now - IDEMPOTENCY_KEPT,
                STEP
            )
            .execute(&self.pool)
            .await?,
            sqlx::query!(
                "DELETE FROM dead_letter WHERE id IN (
                     SELECT id FROM dead_letter WHERE dead_at < $1 ORDER BY dead_at LIMIT $2)",
                now - KEPT,
                STEP
            )
            .execute(&self.pool)
            .await?,
            sqlx::query!(
                "DELETE FROM undelivered WHERE id IN (SELECT id FROM undelivered WHERE at < $1 ORDER BY at LIMIT $2)",
                now - KEPT,
                STEP
            )
            .execute(&self.pool)
            .await?,
            sqlx::query!(
                "DELETE FROM attempt_loss WHERE (inv_id, attempt, executor_id, boot_epoch) IN (
                     SELECT inv_id, attempt, executor_id, boot_epoch FROM attempt_loss
                     WHERE lost_at < $1 ORDER BY lost_at LIMIT $2)",
                now - LOSSES_KEPT,
                STEP
            )
            .execute(&self.pool)
            .await?,
            sqlx::query!(
                "DELETE FROM redrive WHERE state <> 'running' AND changed_at < $1",
                now - KEPT
            )
            .execute(&self.pool)
            .await?,
        ];
        Ok(gone
            .iter()
            .any(|done| done.rows_affected() >= STEP.cast_unsigned()))
    }
}
