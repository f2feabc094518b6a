//! Schedules as our own API looks at them and turns their knobs, beyond AWS's operations.
//!
//! One of a group is named by the group and its name; a target of a rule, which is a schedule as well, by the rule and the target's
//! id.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::schedule::{Dialect, Expression, Missed, Overlap, Timetable, zone};
use domain::{AccountId, Region};
use uuid::Uuid;

use crate::schedules::{Policy, whole_ms};
use crate::{Error, Store};

/// What a schedule is called, in an account and region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// One of a group.
    InGroup { group: String, name: String },
    /// A target of a rule.
    OfRule { rule: String, target_id: String },
}

/// A schedule: what says when it fires and what becomes of its fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controlled {
    pub id: Uuid,
    pub name: Name,
    pub enabled: bool,
    /// As it was written.
    pub expression: String,
    pub timetable: Timetable,
    /// It has no fire before.
    pub valid_from: DateTime<Utc>,
    /// Width of the flexible window.
    pub window_min: Option<u16>,
    /// ARN of the function.
    pub target: String,
    /// Size of the input, in bytes.
    pub input_bytes: usize,
    pub policy: Policy,
    pub modified_at: DateTime<Utc>,
}

/// Which schedules a page is to have.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'f> {
    /// Only those of this group, or of this rule.
    pub of: Option<&'f str>,
    /// Only those whose names, or whose rules' names, begin so.
    pub prefix: &'f str,
    /// Only those behind this group and name, or this rule and target.
    pub after: Option<(&'f str, &'f str)>,
    pub limit: u32,
}

struct Row {
    id: Uuid,
    group_name: Option<String>,
    name: Option<String>,
    rule_name: Option<String>,
    target_id: Option<String>,
    enabled: bool,
    expression: String,
    timezone: String,
    start_at: Option<DateTime<Utc>>,
    end_at: Option<DateTime<Utc>>,
    anchor_at: DateTime<Utc>,
    valid_from: DateTime<Utc>,
    window_min: Option<i16>,
    target_arn: String,
    input_bytes: i32,
    missed: i16,
    catch_up_s: i32,
    overlap: i16,
    modified_at: DateTime<Utc>,
}

impl TryFrom<Row> for Controlled {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let wrong = Error::Inconsistent;
        let (name, dialect) = match (row.group_name, row.name, row.rule_name, row.target_id) {
            (Some(group), Some(name), None, None) => {
                (Name::InGroup { group, name }, Dialect::Scheduler)
            }
            (None, None, Some(rule), Some(target_id)) => {
                (Name::OfRule { rule, target_id }, Dialect::Rule)
            }
            _ => return Err(wrong("schedule.name")),
        };
        let expression = Expression::parse(&row.expression, dialect);
        Ok(Self {
            id: row.id,
            name,
            enabled: row.enabled,
            timetable: Timetable {
                expression: expression.map_err(|_| wrong("schedule.expression"))?,
                zone: zone(&row.timezone).map_err(|_| wrong("schedule.timezone"))?,
                start_at: row.start_at,
                end_at: row.end_at,
                anchor_at: row.anchor_at,
            },
            expression: row.expression,
            valid_from: row.valid_from,
            window_min: row.window_min.map(i16::cast_unsigned),
            target: row.target_arn,
            input_bytes: usize::try_from(row.input_bytes).unwrap_or(0),
            policy: Policy {
                missed: Missed::from_number(row.missed).ok_or_else(|| wrong("schedule.missed"))?,
                catch_up_s: row.catch_up_s.cast_unsigned(),
                overlap: Overlap::from_number(row.overlap)
                    .ok_or_else(|| wrong("schedule.overlap"))?,
            },
            modified_at: row.modified_at,
        })
    }
}

impl Store {
    /// The schedule of this name.
    pub async fn controlled_schedule(
        &self,
        account: AccountId,
        region: &Region,
        name: &Name,
    ) -> Result<Option<Controlled>, Error> {
        let id = match name {
            Name::InGroup { group, name } => {
                sqlx::query_scalar!(
                    "SELECT s.id FROM schedule_group AS g JOIN schedule AS s ON s.group_id = g.id
                 WHERE g.account_id = $1 AND g.region = $2 AND g.name = $3 AND s.name = $4",
                    account.number(),
                    region.as_str(),
                    group,
                    name,
                )
                .fetch_optional(&self.pool)
                .await?
            }
            Name::OfRule { rule, target_id } => {
                sqlx::query_scalar!(
                    "SELECT s.id FROM rule AS r JOIN schedule AS s ON s.rule_id = r.id
                 WHERE r.account_id = $1 AND r.region = $2 AND r.name = $3 AND s.target_id = $4",
                    account.number(),
                    region.as_str(),
                    rule,
                    target_id,
                )
                .fetch_optional(&self.pool)
                .await?
            }
        };
        match id {
            Some(id) => Ok(self.controlled(account, &[id]).await?.pop()),
            None => Ok(None),
        }
    }

    /// A page of the schedules of groups, in the order of group and name.
    pub async fn controlled_schedules(
        &self,
        account: AccountId,
        region: &Region,
        filter: &Filter<'_>,
    ) -> Result<Vec<Controlled>, Error> {
        let (after_group, after_name) = filter.after.unwrap_or_default();
        // Of each group a page is read, by its index: what is behind it costs nothing. No letter of a name comes behind `z`.
        let ids = sqlx::query_scalar!(
            "SELECT s.id FROM schedule_group AS g
             CROSS JOIN LATERAL (
                 SELECT id, name FROM schedule
                 WHERE group_id = g.id AND name >= $6 AND name < $6 || '{'
                     AND name > CASE WHEN g.name = $4 THEN $5 ELSE '' END
                 ORDER BY name LIMIT $7
             ) AS s
             WHERE g.account_id = $1 AND g.region = $2 AND ($3::text IS NULL OR g.name = $3) AND g.name >= $4
             ORDER BY g.name, s.name LIMIT $7",
            account.number(),
            region.as_str(),
            filter.of,
            after_group,
            after_name,
            filter.prefix,
            i64::from(filter.limit),
        )
        .fetch_all(&self.pool)
        .await?;
        self.controlled(account, &ids).await
    }

    /// A page of the targets of rules, in the order of rule and target.
    pub async fn controlled_rule_targets(
        &self,
        account: AccountId,
        region: &Region,
        filter: &Filter<'_>,
    ) -> Result<Vec<Controlled>, Error> {
        let (after_rule, after_target) = filter.after.unwrap_or_default();
        let ids = sqlx::query_scalar!(
            "SELECT s.id FROM rule AS r JOIN schedule AS s ON s.rule_id = r.id
             WHERE r.account_id = $1 AND r.region = $2 AND ($3::text IS NULL OR r.name = $3)
                 AND r.name >= $4 AND (r.name > $4 OR s.target_id > $5) AND starts_with(r.name, $6)
             ORDER BY r.name, s.target_id LIMIT $7",
            account.number(),
            region.as_str(),
            filter.of,
            after_rule,
            after_target,
            filter.prefix,
            i64::from(filter.limit),
        )
        .fetch_all(&self.pool)
        .await?;
        self.controlled(account, &ids).await
    }

    /// These schedules, in this order; those that are gone meanwhile are left out.
    async fn controlled(&self, account: AccountId, ids: &[Uuid]) -> Result<Vec<Controlled>, Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT s.id, g.name AS "group_name?", s.name, r.name AS "rule_name?", s.target_id, s.enabled, s.expression,
                 s.timezone, s.start_at, s.end_at, s.anchor_at, s.valid_from, s.window_min, s.target_arn,
                 coalesce(octet_length(s.input), 0) AS "input_bytes!", s.missed, s.catch_up_s, s.overlap, s.modified_at
             FROM schedule AS s
             LEFT JOIN schedule_group AS g ON g.id = s.group_id
             LEFT JOIN rule AS r ON r.id = s.rule_id
             WHERE s.id = ANY($1) AND s.account_id = $2"#,
            ids,
            account.number(),
        )
        .fetch_all(&self.pool)
        .await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            found.insert(row.id, Controlled::try_from(row)?);
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Sets what is decided about a schedule's fires; `false` where it is gone.
    pub async fn set_schedule_policy(
        &self,
        account: AccountId,
        id: Uuid,
        policy: Policy,
        at: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let set = sqlx::query!(
            "UPDATE schedule AS s SET missed = $3, catch_up_s = $4, overlap = $5, generation = generation + 1,
                 changed_by = pg_current_xact_id(), modified_at = $6,
                 -- What is due and has not fired yet still fires, by the new policy: the new generation begins where its shard
                 -- was fired by now, less what its owner may not have seen (a few seconds) and what is due within the window.
                 -- A time that has fired does not fire again.
                 valid_from = greatest(s.valid_from, least($6, coalesce(
                     (SELECT c.fired_through FROM schedule_cursor AS c WHERE c.shard = s.shard), '-infinity')
                     - interval '10 seconds' - coalesce(s.window_min, 0) * interval '1 minute'))
             WHERE s.id = $1 AND s.account_id = $2",
            id,
            account.number(),
            policy.missed.number(),
            policy.catch_up_s.cast_signed(),
            policy.overlap.number(),
            whole_ms(at),
        )
        .execute(&self.pool)
        .await?;
        Ok(set.rows_affected() == 1)
    }

    /// Lets the times of a group's schedule come, or come no more. Those that pass meanwhile do not come later.
    pub async fn set_schedule_enabled(
        &self,
        account: AccountId,
        id: Uuid,
        enabled: bool,
        at: DateTime<Utc>,
    ) -> Result<(), Error> {
        sqlx::query!(
            "UPDATE schedule SET enabled = $3, generation = generation + 1, changed_by = pg_current_xact_id(),
                 valid_from = $4, modified_at = $4
             WHERE id = $1 AND account_id = $2 AND rule_id IS NULL AND enabled <> $3",
            id,
            account.number(),
            enabled,
            whole_ms(at),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
