//! Looking at all budgets: what they have spent, and which thresholds are crossed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::budget::{Budget, Notification};
use domain::bill::explorer::Period;
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::alerts::NewAlert;
use super::budget::{Row, StoredBudget};
use super::notifications::read;
use crate::events::NewEvent;
use crate::{Error, Store};

/// Names the advisory lock: "budgets" in bytes.
const LOCK: i64 = 0x0062_7564_6765_7473;

/// The right to look at all budgets, which one process has at a time. Given back when it is dropped.
#[must_use]
pub struct Turn {
    tx: Transaction<'static, Postgres>,
}

impl Turn {
    /// Gives it back, and returns when another may have it. One that is only dropped is given back a little later.
    pub async fn end(self) -> Result<(), Error> {
        Ok(self.tx.rollback().await?)
    }
}

/// What a look found.
#[derive(Debug, Default)]
pub struct Evaluated {
    pub budgets: usize,
    /// Thresholds that were crossed for the first time in their period.
    pub alerts: usize,
    /// Events that were committed: their owners are to be told.
    pub events: Vec<NewEvent>,
    /// Accounts whose budgets could not be looked at. The others were.
    pub failed: Vec<(AccountId, Error)>,
}

/// A budget that runs, with those of its notifications that have not been crossed in its period.
struct Watched {
    budget: Budget,
    period: Period,
    open: Vec<(Uuid, Notification)>,
}

impl Store {
    /// The right to look at all budgets; `None` while another process has it.
    pub async fn budget_turn(&self) -> Result<Option<Turn>, Error> {
        let mut tx = self.pool.begin().await?;
        let ours = sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "ours!""#, LOCK)
            .fetch_one(&mut *tx)
            .await?;
        Ok(ours.then_some(Turn { tx }))
    }

    /// Looks at every budget that has a notification, and raises an alert for each threshold that is crossed and was not before
    /// in its period. `ordered` makes an id of this moment, `trace` the trace of an event.
    pub async fn evaluate_budgets(
        &self,
        _turn: &Turn,
        now: DateTime<Utc>,
        ids: &(dyn Fn() -> (Uuid, String) + Send + Sync),
    ) -> Result<Evaluated, Error> {
        let mut found = Evaluated::default();
        for (account, watched) in self.watched_budgets(now).await? {
            found.budgets += watched.len();
            if let Err(error) = self
                .evaluate_account(account, &watched, now, ids, &mut found)
                .await
            {
                found.failed.push((account, error));
            }
        }
        Ok(found)
    }

    async fn evaluate_account(
        &self,
        account: AccountId,
        watched: &[Watched],
        now: DateTime<Utc>,
        ids: &(dyn Fn() -> (Uuid, String) + Send + Sync),
        found: &mut Evaluated,
    ) -> Result<(), Error> {
        let spans = watched
            .iter()
            .map(|one| one.budget.looks_at(one.period, now));
        let Some(span) = spans.reduce(|a, b| Period {
            start: a.start.min(b.start),
            end: a.end.max(b.end),
        }) else {
            return Ok(());
        };
        let explored = self.explore(account, span).await?;
        for one in watched {
            let spend = one.budget.spend(one.period, now, explored.items());
            let spend = spend.map_err(|_| Error::Inconsistent("budget.cost_filters"))?;
            let limit_e10 = one.budget.limit_of_e10(one.period);
            let crossed = one
                .open
                .iter()
                .filter(|(_, notification)| notification.is_crossed(spend, limit_e10));
            for (id, notification) in crossed {
                let alert = NewAlert {
                    notification_id: *id,
                    notification: *notification,
                    account,
                    budget: &one.budget,
                    period: one.period,
                    spend,
                    now,
                };
                if let Some(events) = self.raise_alert(&alert, ids).await? {
                    found.alerts += 1;
                    found.events.extend(events);
                }
            }
        }
        Ok(())
    }

    /// Budgets of all accounts that run at `now` and have a notification that was not crossed in the period.
    async fn watched_budgets(
        &self,
        now: DateTime<Utc>,
    ) -> Result<BTreeMap<AccountId, Vec<Watched>>, Error> {
        // An alert of an earlier period does no harm here: it is compared below.
        let rows = sqlx::query!(
            r#"SELECT b.account_id, b.name, b.kind, b.limit_amount::text AS "limit_amount!", b.unit, b.time_unit, b.starts_at,
                   b.ends_at, b.cost_filters, b.filter_expression, b.planned_limits, b.cost_types, b.metrics, b.updated_at, n.id, n.measure, n.operator,
                   n.threshold::text AS "threshold!", n.threshold_type,
                   (SELECT max(a.period_start) FROM billing.budget_alert AS a WHERE a.notification_id = n.id) AS last_crossed
               FROM billing.budget AS b
               JOIN billing.budget_notification AS n ON n.account_id = b.account_id AND n.budget_name = b.name
               WHERE b.starts_at <= $1 AND $1 < b.ends_at
               ORDER BY b.account_id, b.name, n.id"#,
            now,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut accounts: BTreeMap<AccountId, Vec<Watched>> = BTreeMap::new();
        for row in rows {
            let account = u64::try_from(row.account_id).ok().and_then(AccountId::new);
            let account = account.ok_or(Error::Inconsistent("budget.account_id"))?;
            let notification = read(
                &row.measure,
                &row.operator,
                &row.threshold,
                &row.threshold_type,
            )?;
            let stored: StoredBudget = Row {
                name: row.name,
                kind: row.kind,
                limit_amount: row.limit_amount,
                unit: row.unit,
                time_unit: row.time_unit,
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                cost_filters: row.cost_filters,
                filter_expression: row.filter_expression,
                planned_limits: row.planned_limits,
                cost_types: row.cost_types,
                metrics: row.metrics,
                updated_at: row.updated_at,
            }
            .try_into()?;
            let Some(period) = stored.budget.period(now) else {
                continue;
            };
            if row.last_crossed.is_some_and(|last| last >= period.start) {
                continue;
            }
            let watched = accounts.entry(account).or_default();
            match watched
                .last_mut()
                .filter(|last| last.budget.name == stored.budget.name)
            {
                Some(last) => last.open.push((row.id, notification)),
                None => watched.push(Watched {
                    budget: stored.budget,
                    period,
                    open: vec![(row.id, notification)],
                }),
            }
        }
        Ok(accounts)
    }
}
