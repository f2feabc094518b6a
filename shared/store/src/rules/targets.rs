//! Targets of rules: schedules that fire when their rule says.

use chrono::{DateTime, Utc};
use domain::schedule::shard;
use domain::{AccountId, FunctionArn, Region};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{RuleName, held};
use crate::schedules::{function, whole_ms};
use crate::{Error, Store};

/// A target of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTarget {
    /// The caller's, unique in the rule.
    pub id: String,
    pub target: FunctionArn,
    pub role_arn: Option<String>,
    /// JSON; none: the default event.
    pub input: Option<String>,
    pub retry_attempts_max: u8,
    pub retry_age_max_s: u32,
    pub dead_letter_arn: Option<String>,
}

/// What became of targets that were to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetsPut {
    Put,
    NoRule,
    /// The rule would have more than it may; none has been put.
    TooMany,
}

struct Row {
    target_id: String,
    target_arn: String,
    role_arn: Option<String>,
    input: Option<String>,
    retry_attempts_max: i16,
    retry_age_max_s: i32,
    dead_letter_arn: Option<String>,
}

impl Row {
    fn read(self) -> Result<RuleTarget, Error> {
        Ok(RuleTarget {
            id: self.target_id,
            target: function(&self.target_arn)?,
            role_arn: self.role_arn,
            input: self.input,
            retry_attempts_max: u8::try_from(self.retry_attempts_max)
                .map_err(|_| Error::Inconsistent("schedule.retry_attempts_max"))?,
            retry_age_max_s: self.retry_age_max_s.cast_unsigned(),
            dead_letter_arn: self.dead_letter_arn,
        })
    }
}

impl Store {
    /// Adds targets, each with an id for its schedule, and replaces those of the same ids in the rule.
    pub async fn put_rule_targets(
        &self,
        rule: &RuleName,
        targets: &[(Uuid, RuleTarget)],
        targets_max: u32,
        at: DateTime<Utc>,
    ) -> Result<TargetsPut, Error> {
        let at = whole_ms(at);
        let mut tx = self.pool.begin().await?;
        let Some(rule_id) = held(&mut tx, rule).await? else {
            return Ok(TargetsPut::NoRule);
        };
        for (id, target) in targets {
            put(&mut tx, rule_id, *id, target, at).await?;
        }
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM schedule WHERE rule_id = $1"#,
            rule_id
        )
        .fetch_one(&mut *tx)
        .await?;
        if count > i64::from(targets_max) {
            return Ok(TargetsPut::TooMany);
        }
        tx.commit().await?;
        Ok(TargetsPut::Put)
    }

    /// Removes targets; answers the ids of those that were there, or `None` where there is no such rule.
    pub async fn remove_rule_targets(
        &self,
        rule: &RuleName,
        ids: &[String],
    ) -> Result<Option<Vec<String>>, Error> {
        let mut tx = self.pool.begin().await?;
        let Some(rule_id) = held(&mut tx, rule).await? else {
            return Ok(None);
        };
        let removed = sqlx::query_scalar!(
            r#"DELETE FROM schedule WHERE rule_id = $1 AND target_id = ANY($2)
             RETURNING target_id AS "target_id!""#,
            rule_id,
            ids,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(removed))
    }

    /// At most `limit` targets of a rule in the order of their ids, behind the id `after`.
    pub async fn rule_targets(
        &self,
        rule: &RuleName,
        after: &str,
        limit: u32,
    ) -> Result<Vec<RuleTarget>, Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT target_id AS "target_id!", target_arn, schedule.role_arn, input, retry_attempts_max,
                 retry_age_max_s, dead_letter_arn
             FROM schedule JOIN rule ON rule.id = schedule.rule_id
             WHERE rule.account_id = $1 AND rule.region = $2 AND rule.name = $3 AND target_id > $4
             ORDER BY target_id
             LIMIT $5"#,
            rule.account.number(),
            rule.region.as_str(),
            rule.name,
            after,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// At most `limit` names of rules that have this function as a target, in their order, behind the name `after`.
    pub async fn rule_names_by_target(
        &self,
        account: AccountId,
        region: &Region,
        target: &FunctionArn,
        after: &str,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        // Targets have no name, which is how the index knows them.
        let names = sqlx::query_scalar!(
            "SELECT DISTINCT rule.name FROM schedule JOIN rule ON rule.id = schedule.rule_id
             WHERE schedule.account_id = $1 AND schedule.region = $2 AND schedule.name IS NULL
                 AND schedule.target_arn = $3 AND rule.name > $4
             ORDER BY rule.name
             LIMIT $5",
            account.number(),
            region.as_str(),
            target.to_string(),
            after,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(names)
    }
}

async fn put(
    connection: &mut PgConnection,
    rule_id: Uuid,
    id: Uuid,
    target: &RuleTarget,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO schedule AS known (id, account_id, region, rule_id, target_id, shard, enabled, expression, timezone,
             anchor_at, valid_from, target_arn, role_arn, input, retry_attempts_max, retry_age_max_s, dead_letter_arn,
             created_at, modified_at)
         SELECT $1, rule.account_id, rule.region, rule.id, $3, $4, rule.enabled, rule.expression, 'UTC', rule.anchor_at,
             $5, $6, $7, $8, $9, $10, $11, $5, $5
         FROM rule WHERE rule.id = $2
         ON CONFLICT (rule_id, target_id) DO UPDATE
             SET generation = known.generation + 1, changed_by = pg_current_xact_id(), valid_from = excluded.valid_from,
                 modified_at = excluded.modified_at, target_arn = excluded.target_arn, role_arn = excluded.role_arn,
                 input = excluded.input, retry_attempts_max = excluded.retry_attempts_max,
                 retry_age_max_s = excluded.retry_age_max_s, dead_letter_arn = excluded.dead_letter_arn",
        id,
        rule_id,
        target.id,
        shard(id),
        at,
        target.target.to_string(),
        target.role_arn,
        target.input,
        i16::from(target.retry_attempts_max),
        target.retry_age_max_s.cast_signed(),
        target.dead_letter_arn,
    )
    .execute(connection)
    .await?;
    Ok(())
}
