//! Budgets themselves.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::budget::{Budget, PlannedLimits, Watched, amount_text, parse_amount};
use domain::bill::explorer::Period;
use rust_decimal::Decimal;
use serde_json::json;

use super::notifications::{self, NewNotification};
use crate::{Error, Store};

/// A budget and what is only kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBudget {
    pub budget: Budget,
    /// Flags by the names of AWS's cost types.
    pub cost_types: BTreeMap<String, bool>,
    /// What is added up, by AWS's names: all of them are the same here.
    pub metrics: Vec<String>,
    pub updated_at: DateTime<Utc>,
}

/// Budgets that an account may have: all of them are looked at every minute.
pub const BUDGETS_MAX: u32 = 500;

/// Why a budget was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetRefusal {
    /// There is one of this name.
    Exists,
    /// Two of its notifications, or two subscribers of one, are the same.
    Twice,
    /// The account has [`BUDGETS_MAX`].
    TooMany,
}

pub(super) struct Row {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) limit_amount: String,
    pub(super) unit: String,
    pub(super) time_unit: String,
    pub(super) starts_at: DateTime<Utc>,
    pub(super) ends_at: DateTime<Utc>,
    pub(super) cost_filters: serde_json::Value,
    pub(super) filter_expression: Option<serde_json::Value>,
    pub(super) planned_limits: serde_json::Value,
    pub(super) cost_types: serde_json::Value,
    pub(super) metrics: Vec<String>,
    pub(super) updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for StoredBudget {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let wrong = |column| move |_| Error::Inconsistent(column);
        let json = |column| move |_: serde_json::Error| Error::Inconsistent(column);
        let watched = match row.filter_expression {
            Some(expression) => serde_json::from_value(expression)
                .map(Watched::Expression)
                .map_err(json("budget.filter_expression"))?,
            None => serde_json::from_value(row.cost_filters)
                .map(Watched::CostFilters)
                .map_err(json("budget.cost_filters"))?,
        };
        Ok(Self {
            budget: Budget {
                name: row.name,
                kind: row.kind.parse().map_err(wrong("budget.kind"))?,
                limit_e10: parse_amount(&row.limit_amount).map_err(wrong("budget.limit_amount"))?,
                unit: row.unit,
                time_unit: row.time_unit.parse().map_err(wrong("budget.time_unit"))?,
                life: Period {
                    start: row.starts_at,
                    end: row.ends_at,
                },
                planned_e10: planned(row.planned_limits)?,
                watched,
            },
            cost_types: serde_json::from_value(row.cost_types)
                .map_err(json("budget.cost_types"))?,
            metrics: row.metrics,
            updated_at: row.updated_at,
        })
    }
}

/// Limits by the start of their period, as the database keeps them: amounts are texts.
type PlannedTexts = BTreeMap<DateTime<Utc>, String>;

fn planned(column: serde_json::Value) -> Result<PlannedLimits, Error> {
    let wrong = || Error::Inconsistent("budget.planned_limits");
    let texts: PlannedTexts = serde_json::from_value(column).map_err(|_| wrong())?;
    let read = |(start, text): (DateTime<Utc>, String)| {
        Ok((start, parse_amount(&text).map_err(|_| wrong())?))
    };
    texts.into_iter().map(read).collect()
}

/// What is watched and what is planned, as the database keeps them.
struct Columns {
    cost_filters: serde_json::Value,
    filter_expression: Option<serde_json::Value>,
    planned_limits: serde_json::Value,
}

impl Columns {
    fn of(budget: &Budget) -> Self {
        let (cost_filters, filter_expression) = match &budget.watched {
            Watched::CostFilters(filters) => (json!(filters), None),
            Watched::Expression(filter) => (json!({}), Some(json!(filter))),
        };
        let text = |(start, limit_e10): (&DateTime<Utc>, &i128)| (*start, amount_text(*limit_e10));
        let planned: PlannedTexts = budget.planned_e10.iter().map(text).collect();
        Self {
            cost_filters,
            filter_expression,
            planned_limits: json!(planned),
        }
    }
}

/// An amount as the database keeps it.
pub(super) fn numeric(e10: i128) -> Result<Decimal, Error> {
    Decimal::try_from_i128_with_scale(e10, 10)
        .map_err(|_| Error::Inconsistent("budget.limit_amount"))
}

impl Store {
    /// Makes a budget with its notifications, all or nothing.
    pub async fn create_budget(
        &self,
        account: AccountId,
        stored: &StoredBudget,
        notifications: &[NewNotification],
    ) -> Result<Result<(), BudgetRefusal>, Error> {
        let budget = &stored.budget;
        let columns = Columns::of(budget);
        let mut tx = self.pool.begin().await?;
        let made = sqlx::query!(
            "INSERT INTO billing.budget (account_id, name, kind, limit_amount, unit, time_unit, starts_at, ends_at, cost_filters,
                 cost_types, updated_at, filter_expression, planned_limits, metrics)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
             ON CONFLICT DO NOTHING",
            account.number(),
            budget.name,
            budget.kind.as_str(),
            numeric(budget.limit_e10)?,
            budget.unit,
            budget.time_unit.as_str(),
            budget.life.start,
            budget.life.end,
            columns.cost_filters,
            json!(stored.cost_types),
            stored.updated_at,
            columns.filter_expression,
            columns.planned_limits,
            &stored.metrics,
        )
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(Err(BudgetRefusal::Exists));
        }
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM billing.budget WHERE account_id = $1"#,
            account.number(),
        )
        .fetch_one(&mut *tx)
        .await?;
        if count > i64::from(BUDGETS_MAX) {
            return Ok(Err(BudgetRefusal::TooMany));
        }
        for notification in notifications {
            if !notifications::insert(&mut tx, account, &budget.name, notification).await? {
                return Ok(Err(BudgetRefusal::Twice));
            }
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// A budget by its name.
    pub async fn budget(
        &self,
        account: AccountId,
        name: &str,
    ) -> Result<Option<StoredBudget>, Error> {
        let row = sqlx::query_as!(
            Row,
            r#"SELECT name, kind, limit_amount::text AS "limit_amount!", unit, time_unit, starts_at, ends_at, cost_filters,
                   filter_expression, planned_limits, cost_types, metrics, updated_at
               FROM billing.budget WHERE account_id = $1 AND name = $2"#,
            account.number(),
            name,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(StoredBudget::try_from).transpose()
    }

    /// Budgets of an account in the order of their names, from after `after` on.
    pub async fn budgets(
        &self,
        account: AccountId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<StoredBudget>, Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT name, kind, limit_amount::text AS "limit_amount!", unit, time_unit, starts_at, ends_at, cost_filters,
                   filter_expression, planned_limits, cost_types, metrics, updated_at
               FROM billing.budget WHERE account_id = $1 AND name > $2 ORDER BY name LIMIT $3"#,
            account.number(),
            after,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(StoredBudget::try_from).collect()
    }

    /// Replaces all of a budget but its name and notifications. `false` where there is none. Who was told of a threshold in the
    /// period that runs is not told again.
    pub async fn update_budget(
        &self,
        account: AccountId,
        stored: &StoredBudget,
    ) -> Result<bool, Error> {
        let budget = &stored.budget;
        let columns = Columns::of(budget);
        let updated = sqlx::query!(
            "UPDATE billing.budget
             SET kind = $3, limit_amount = $4, unit = $5, time_unit = $6, starts_at = $7, ends_at = $8, cost_filters = $9,
                 cost_types = $10, updated_at = $11, filter_expression = $12, planned_limits = $13, metrics = $14
             WHERE account_id = $1 AND name = $2",
            account.number(),
            budget.name,
            budget.kind.as_str(),
            numeric(budget.limit_e10)?,
            budget.unit,
            budget.time_unit.as_str(),
            budget.life.start,
            budget.life.end,
            columns.cost_filters,
            json!(stored.cost_types),
            stored.updated_at,
            columns.filter_expression,
            columns.planned_limits,
            &stored.metrics,
        )
        .execute(&self.pool)
        .await?;
        Ok(updated.rows_affected() == 1)
    }

    /// Deletes a budget and its notifications. `false` where there is none.
    pub async fn delete_budget(&self, account: AccountId, name: &str) -> Result<bool, Error> {
        let deleted = sqlx::query!(
            "DELETE FROM billing.budget WHERE account_id = $1 AND name = $2",
            account.number(),
            name,
        )
        .execute(&self.pool)
        .await?;
        Ok(deleted.rows_affected() == 1)
    }
}
