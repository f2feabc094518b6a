//! Changes of schedules.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::schedule::Row;
use super::tokens::{Claim, Token};
use super::{Policy, Schedule, ScheduleName, Settings, tokens, whole_ms};
use crate::{Error, Store};

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// What the schedule is now.
    Edited(Box<Schedule>),
    /// The same request, by its token, has been served before.
    Repeated,
    /// The token was another request's.
    TokenUsed,
    NoSchedule,
}

impl Store {
    /// Changes a schedule by `edit`: its next generation, which has no fire before `at`.
    ///
    /// A rate goes on counting from where it did, unless its expression or its start changes.
    pub async fn edit_schedule(
        &self,
        name: &ScheduleName,
        token: Option<&Token>,
        at: DateTime<Utc>,
        edit: impl FnOnce(&mut Settings, &mut Policy) + Send,
    ) -> Result<Edit, Error> {
        let at = whole_ms(at);
        let mut tx = self.pool.begin().await?;
        match tokens::claim(&mut tx, name.account, &name.region, token, at).await? {
            Claim::First => {}
            Claim::Repeated => return Ok(Edit::Repeated),
            Claim::Other => return Ok(Edit::TokenUsed),
        }
        let Some(before) = held(&mut tx, name).await? else {
            return Ok(Edit::NoSchedule);
        };
        let mut now = before.clone();
        edit(&mut now.settings, &mut now.policy);
        now.anchor_at = anchor(&before, &now.settings, at);
        now.generation += 1;
        now.valid_from = at;
        now.modified_at = at;
        write(&mut tx, name, &now).await?;
        tx.commit().await?;
        Ok(Edit::Edited(Box::new(now)))
    }
}

/// Where a rate counts from after a change.
fn anchor(before: &Schedule, now: &Settings, at: DateTime<Utc>) -> DateTime<Utc> {
    let same =
        before.settings.expression == now.expression && before.settings.start_at == now.start_at;
    if same {
        before.anchor_at
    } else {
        now.start_at.unwrap_or(at)
    }
}

/// The schedule, held until the transaction ends.
async fn held(
    connection: &mut PgConnection,
    name: &ScheduleName,
) -> Result<Option<Schedule>, Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT schedule.id, generation, enabled, expression, timezone, start_at, end_at, anchor_at, valid_from,
             window_min, target_arn, role_arn, input, retry_attempts_max, retry_age_max_s, dead_letter_arn,
             kms_key_arn, delete_after, description, missed, catch_up_s, overlap, schedule.created_at,
             schedule.modified_at
         FROM schedule JOIN schedule_group ON schedule_group.id = schedule.group_id
         WHERE schedule_group.account_id = $1 AND schedule_group.region = $2 AND schedule_group.name = $3
             AND schedule.name = $4
         FOR NO KEY UPDATE OF schedule",
        name.account.number(),
        name.region.as_str(),
        name.group,
        name.name,
    )
    .fetch_optional(connection)
    .await?;
    row.map(Row::read).transpose()
}

async fn write(
    connection: &mut PgConnection,
    name: &ScheduleName,
    now: &Schedule,
) -> Result<(), Error> {
    let Schedule {
        settings, policy, ..
    } = now;
    sqlx::query!(
        "UPDATE schedule SET generation = $3, changed_by = pg_current_xact_id(), valid_from = $4, modified_at = $4,
             anchor_at = $5, enabled = $6, expression = $7, timezone = $8, start_at = $9, end_at = $10, window_min = $11,
             target_arn = $12, role_arn = $13, input = $14, retry_attempts_max = $15, retry_age_max_s = $16,
             dead_letter_arn = $17, kms_key_arn = $18, delete_after = $19, description = $20, missed = $21,
             catch_up_s = $22, overlap = $23
         WHERE id = $1 AND account_id = $2",
        now.id,
        name.account.number(),
        now.generation,
        now.valid_from,
        now.anchor_at,
        settings.enabled,
        settings.expression,
        settings.timezone,
        settings.start_at,
        settings.end_at,
        settings.window_min.map(u16::cast_signed),
        settings.target.to_string(),
        settings.role_arn,
        settings.input,
        i16::from(settings.retry_attempts_max),
        settings.retry_age_max_s.cast_signed(),
        settings.dead_letter_arn,
        settings.kms_key_arn,
        settings.delete_after,
        settings.description,
        policy.missed.number(),
        policy.catch_up_s.cast_signed(),
        policy.overlap.number(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
