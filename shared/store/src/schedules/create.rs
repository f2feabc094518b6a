//! New schedules.

use chrono::{DateTime, Utc};
use domain::schedule::shard;
use uuid::Uuid;

use super::tokens::{Claim, Token};
use super::{Policy, ScheduleName, Settings, tokens, whole_ms};
use crate::schedule_groups::{GroupState, group_held};
use crate::{Error, Store};

/// What became of a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    Created,
    /// The same request, by its token, has been served before.
    Repeated,
    /// The token was another request's.
    TokenUsed,
    /// The group has one of this name.
    Exists,
    NoGroup,
    /// The group is being deleted.
    GroupDeleting,
}

impl Store {
    /// Creates a schedule. The group `default` is there in every account and region.
    pub async fn create_schedule(
        &self,
        name: &ScheduleName,
        id: Uuid,
        settings: &Settings,
        policy: Policy,
        token: Option<&Token>,
        at: DateTime<Utc>,
    ) -> Result<Creation, Error> {
        let at = whole_ms(at);
        let mut tx = self.pool.begin().await?;
        match tokens::claim(&mut tx, name.account, &name.region, token, at).await? {
            Claim::First => {}
            Claim::Repeated => return Ok(Creation::Repeated),
            Claim::Other => return Ok(Creation::TokenUsed),
        }
        let group_id =
            match group_held(&mut tx, name.account, &name.region, &name.group, at).await? {
                Some((id, GroupState::Active)) => id,
                Some((_, GroupState::Deleting)) => return Ok(Creation::GroupDeleting),
                None => return Ok(Creation::NoGroup),
            };
        let created = sqlx::query!(
            "INSERT INTO schedule (id, account_id, region, group_id, name, shard, enabled, expression, timezone, start_at,
                 end_at, anchor_at, valid_from, window_min, target_arn, role_arn, input, retry_attempts_max,
                 retry_age_max_s, dead_letter_arn, kms_key_arn, delete_after, description, missed, catch_up_s, overlap,
                 created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                 $23, $24, $25, $26, $13, $13)
             ON CONFLICT (group_id, name) DO NOTHING",
            id,
            name.account.number(),
            name.region.as_str(),
            group_id,
            name.name,
            shard(id),
            settings.enabled,
            settings.expression,
            settings.timezone,
            settings.start_at,
            settings.end_at,
            settings.start_at.unwrap_or(at),
            at,
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
        .execute(&mut *tx)
        .await?;
        if created.rows_affected() == 0 {
            return Ok(Creation::Exists);
        }
        tx.commit().await?;
        Ok(Creation::Created)
    }
}
