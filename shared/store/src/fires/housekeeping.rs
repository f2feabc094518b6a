//! What goes in time: schedules that have done their work, groups that are being deleted, tokens.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::schedules::tokens;
use crate::{Error, Store};

/// Rows of one step, so that nobody waits for a long one.
const STEP: i64 = 1_000;

impl Store {
    /// Deletes a schedule that will not fire any more, unless it was changed meanwhile.
    pub async fn delete_completed_schedule(
        &self,
        id: Uuid,
        generation: i64,
    ) -> Result<bool, Error> {
        let done = sqlx::query!(
            "DELETE FROM schedule WHERE id = $1 AND generation = $2 AND delete_after",
            id,
            generation
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Goes on with deleting groups, a bounded number of rows; answers whether there may be more.
    pub async fn delete_groups(&self) -> Result<bool, Error> {
        let schedules = sqlx::query!(
            "DELETE FROM schedule WHERE id IN (
                 SELECT s.id FROM schedule AS s JOIN schedule_group AS g ON g.id = s.group_id AND g.state = 'DELETING' LIMIT $1)",
            STEP
        )
        .execute(&self.pool)
        .await?;
        if schedules.rows_affected() > 0 {
            return Ok(true);
        }
        sqlx::query!(
            "DELETE FROM schedule_group AS g WHERE state = 'DELETING'
                 AND NOT EXISTS (SELECT FROM schedule AS s WHERE s.group_id = g.id)"
        )
        .execute(&self.pool)
        .await?;
        Ok(false)
    }

    /// Removes a bounded number of tokens that are too old; answers whether there may be more.
    pub async fn tidy_schedules(&self, now: DateTime<Utc>) -> Result<bool, Error> {
        let tokens = sqlx::query!(
            "DELETE FROM schedule_token WHERE (account_id, region, token) IN (
                 SELECT account_id, region, token FROM schedule_token WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
            now - tokens::KEPT,
            STEP
        )
        .execute(&self.pool)
        .await?;
        Ok(tokens.rows_affected() >= STEP.cast_unsigned())
    }
}
