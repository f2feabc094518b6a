//! Rules of the default event bus, in the classic form: an expression for up to five targets, each of which is a schedule.

mod tags;
mod targets;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{AccountId, Region};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::schedules::whole_ms;
use crate::{Error, Store};

pub use targets::{RuleTarget, TargetsPut};

/// Where a rule is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleName {
    pub account: AccountId,
    pub region: Region,
    pub name: String,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub name: String,
    pub settings: RuleSettings,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
}

/// What a rule's owner sets, all at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSettings {
    pub expression: String,
    pub enabled: bool,
    pub description: Option<String>,
    pub role_arn: Option<String>,
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleDeletion {
    Deleted,
    NoRule,
    HasTargets,
}

struct Row {
    name: String,
    expression: String,
    enabled: bool,
    description: Option<String>,
    role_arn: Option<String>,
    created_at: DateTime<Utc>,
    modified_at: DateTime<Utc>,
}

impl From<Row> for Rule {
    fn from(row: Row) -> Self {
        Self {
            name: row.name,
            settings: RuleSettings {
                expression: row.expression,
                enabled: row.enabled,
                description: row.description,
                role_arn: row.role_arn,
            },
            created_at: row.created_at,
            modified_at: row.modified_at,
        }
    }
}

impl Store {
    /// Makes or replaces a rule; its targets follow. Tags are those of a new rule: one that exists keeps its own.
    pub async fn put_rule(
        &self,
        name: &RuleName,
        id: Uuid,
        settings: &RuleSettings,
        tags: &BTreeMap<String, String>,
        at: DateTime<Utc>,
    ) -> Result<(), Error> {
        let at = whole_ms(at);
        let mut tx = self.pool.begin().await?;
        let written = sqlx::query_scalar!(
            "INSERT INTO rule AS known (id, account_id, region, name, expression, enabled, description, role_arn,
                 anchor_at, created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9)
             ON CONFLICT (account_id, region, name) DO UPDATE
                 SET expression = excluded.expression, enabled = excluded.enabled, description = excluded.description,
                     role_arn = excluded.role_arn, modified_at = excluded.modified_at,
                     anchor_at = CASE WHEN known.expression = excluded.expression
                         THEN known.anchor_at ELSE excluded.anchor_at END
             RETURNING id",
            id,
            name.account.number(),
            name.region.as_str(),
            name.name,
            settings.expression,
            settings.enabled,
            settings.description,
            settings.role_arn,
            at,
        )
        .fetch_one(&mut *tx)
        .await?;
        if written == id {
            tags::put(&mut tx, id, tags).await?;
        }
        follow(&mut tx, written, at).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The rule of this name.
    pub async fn rule(&self, name: &RuleName) -> Result<Option<Rule>, Error> {
        let row = sqlx::query_as!(
            Row,
            "SELECT name, expression, enabled, description, role_arn, created_at, modified_at FROM rule
             WHERE account_id = $1 AND region = $2 AND name = $3",
            name.account.number(),
            name.region.as_str(),
            name.name,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(Rule::from))
    }

    /// At most `limit` rules in the order of their names, behind the name `after`, whose names begin with `prefix`.
    pub async fn rules(
        &self,
        account: AccountId,
        region: &Region,
        prefix: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Rule>, Error> {
        let rows = sqlx::query_as!(
            Row,
            "SELECT name, expression, enabled, description, role_arn, created_at, modified_at FROM rule
             WHERE account_id = $1 AND region = $2 AND starts_with(name, $3) AND name > $4
             ORDER BY name
             LIMIT $5",
            account.number(),
            region.as_str(),
            prefix,
            after,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Rule::from).collect())
    }

    /// Switches a rule, and with it its targets, on or off; `false` where there is no such rule.
    pub async fn enable_rule(
        &self,
        name: &RuleName,
        enabled: bool,
        at: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let at = whole_ms(at);
        let mut tx = self.pool.begin().await?;
        let id = sqlx::query_scalar!(
            "UPDATE rule SET enabled = $4, modified_at = $5
             WHERE account_id = $1 AND region = $2 AND name = $3
             RETURNING id",
            name.account.number(),
            name.region.as_str(),
            name.name,
            enabled,
            at,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(id) = id else {
            return Ok(false);
        };
        follow(&mut tx, id, at).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes a rule that has no targets left.
    pub async fn delete_rule(&self, name: &RuleName) -> Result<RuleDeletion, Error> {
        let mut tx = self.pool.begin().await?;
        let Some(id) = held(&mut tx, name).await? else {
            return Ok(RuleDeletion::NoRule);
        };
        let deleted = sqlx::query!(
            "DELETE FROM rule
             WHERE id = $1 AND NOT EXISTS (SELECT FROM schedule WHERE rule_id = $1)",
            id
        )
        .execute(&mut *tx)
        .await?;
        if deleted.rows_affected() == 0 {
            return Ok(RuleDeletion::HasTargets);
        }
        tx.commit().await?;
        Ok(RuleDeletion::Deleted)
    }
}

/// The rule's id. The rule and its targets are this transaction's until it ends.
async fn held(connection: &mut PgConnection, name: &RuleName) -> Result<Option<Uuid>, Error> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM rule WHERE account_id = $1 AND region = $2 AND name = $3 FOR NO KEY UPDATE",
        name.account.number(),
        name.region.as_str(),
        name.name,
    )
    .fetch_optional(connection)
    .await?;
    Ok(id)
}

/// Lets the targets fire when their rule says. Those that already do stay the generation they are.
async fn follow(
    connection: &mut PgConnection,
    rule_id: Uuid,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE schedule SET generation = generation + 1, changed_by = pg_current_xact_id(), valid_from = $2,
             modified_at = $2, enabled = rule.enabled, expression = rule.expression, anchor_at = rule.anchor_at
         FROM rule
         WHERE rule.id = $1 AND schedule.rule_id = $1
             AND (schedule.enabled, schedule.expression) IS DISTINCT FROM (rule.enabled, rule.expression)",
        rule_id,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
