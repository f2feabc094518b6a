//! Reports of cost and usage, and forecasts ([`crate::rated_months`]).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::forecast::{Projection, project, window_start};
use domain::bill::report::{Dimension, Report, Span, Tags};
use domain::bill::{Month, Rated};
use domain::price::Currency;

use crate::accounts::account_id;
use crate::billing_terms::Books;
use crate::rated_months::RatedMonths;
use crate::{Error, Store};

/// What a month has cost by a moment, and what it is expected to cost, in all accounts asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    pub month: Month,
    /// The moment.
    pub at: DateTime<Utc>,
    /// By currency, at ten digits: so far, and at the month's end.
    pub amounts: BTreeMap<Currency, Expected>,
    /// Complete hours of usage that were carried on: of the account with the most of them, seven days at most; 0 where none
    /// has any.
    pub window_hours: i64,
}

/// Amounts at ten digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    pub so_far_e10: i128,
    pub month_e10: i128,
}

impl Store {
    /// Cost and usage over a span, of one account or of all.
    pub async fn cost_report(
        &self,
        account: Option<AccountId>,
        span: Span,
        by: Vec<Dimension>,
    ) -> Result<Report, Error> {
        let tagged = by.iter().any(|by| matches!(by, Dimension::Tag(_)));
        let mut report = Report::new(by);
        let books = Books::default();
        for account in self.accounts_of(account, span).await? {
            // One connection at a time: many who hold one and wait for another would wait for each other.
            let tags = if tagged {
                self.function_tags(account).await?
            } else {
                Tags::new()
            };
            let mut months = RatedMonths::of(self, account, &books).await?;
            for month in span.months() {
                let rated = months.rated(month, &[]).await?;
                add(&mut report, account, span, &rated, &tags);
            }
        }
        Ok(report)
    }

    /// What a month is expected to cost, one account or all ([`domain::bill::forecast`]).
    pub async fn cost_forecast(
        &self,
        account: Option<AccountId>,
        month: Month,
        now: DateTime<Utc>,
    ) -> Result<Forecast, Error> {
        let window = Span {
            from: window_start(now).min(month.start()),
            to: now.max(month.end()),
        };
        let mut forecast = Forecast {
            month,
            at: now,
            amounts: BTreeMap::new(),
            window_hours: 0,
        };
        let books = Books::default();
        for account in self.accounts_of(account, window).await? {
            let mut months = RatedMonths::of(self, account, &books).await?;
            let recent = months.usage(window_start(now), now).await?;
            let Projection { rows, window_hours } =
                project(&recent, month, now).map_err(|_| Error::Inconsistent("usage_hour.qty"))?;
            forecast.window_hours = forecast.window_hours.max(window_hours);
            let so_far = months.rated(month, &[]).await?;
            let expected = months.rated(month, &rows).await?;
            for statement in &so_far.statements {
                let amounts = forecast.amounts.entry(statement.currency).or_default();
                amounts.so_far_e10 += statement.accrued_e10();
            }
            for statement in &expected.statements {
                let amounts = forecast.amounts.entry(statement.currency).or_default();
                amounts.month_e10 += statement.accrued_e10();
            }
        }
        Ok(forecast)
    }

    /// The account that was asked for, or all that used anything in a span.
    async fn accounts_of(
        &self,
        account: Option<AccountId>,
        span: Span,
    ) -> Result<Vec<AccountId>, Error> {
        if let Some(account) = account {
            return Ok(vec![account]);
        }
        let ids = sqlx::query_scalar!(
            "SELECT id FROM account
             WHERE EXISTS (SELECT FROM billing.usage_hour WHERE account_id = account.id AND hour >= $1 AND hour < $2)
             ORDER BY id",
            span.from,
            span.to,
        );
        let ids = ids.fetch_all(&self.pool).await?;
        ids.into_iter()
            .map(|id| account_id(id, "account.id"))
            .collect()
    }
}

fn add(report: &mut Report, account: AccountId, span: Span, rated: &Rated, tags: &Tags) {
    for statement in &rated.statements {
        let charges = statement.charges.iter();
        for charge in charges.filter(|charge| span.contains(charge.hour)) {
            report.add(account, statement.currency, charge, tags);
        }
    }
    let unpriced = rated.unpriced.iter();
    for row in unpriced.filter(|row| span.contains(row.hour)) {
        report.add_unpriced(row);
    }
}

#[cfg(test)]
mod tests;
