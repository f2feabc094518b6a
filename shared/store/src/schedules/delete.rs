//! The end of schedules.

use chrono::{DateTime, Utc};

use super::tokens::{Claim, Token};
use super::{ScheduleName, tokens};
use crate::{Error, Store};

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    Deleted,
    /// The same request, by its token, has been served before.
    Repeated,
    /// The token was another request's.
    TokenUsed,
    NoSchedule,
}

impl Store {
    /// Deletes a schedule. What it has fired stays in the history.
    pub async fn delete_schedule(
        &self,
        name: &ScheduleName,
        token: Option<&Token>,
        at: DateTime<Utc>,
    ) -> Result<Deletion, Error> {
        let mut tx = self.pool.begin().await?;
        match tokens::claim(&mut tx, name.account, &name.region, token, at).await? {
            Claim::First => {}
            Claim::Repeated => return Ok(Deletion::Repeated),
            Claim::Other => return Ok(Deletion::TokenUsed),
        }
        let deleted = sqlx::query!(
            "DELETE FROM schedule USING schedule_group
             WHERE schedule_group.id = schedule.group_id AND schedule_group.account_id = $1
                 AND schedule_group.region = $2 AND schedule_group.name = $3 AND schedule.name = $4",
            name.account.number(),
            name.region.as_str(),
            name.group,
            name.name,
        )
        .execute(&mut *tx)
        .await?;
        if deleted.rows_affected() == 0 {
            return Ok(Deletion::NoSchedule);
        }
        tx.commit().await?;
        Ok(Deletion::Deleted)
    }
}
