//! Rated months: what reports, forecasts, budgets and the billing APIs are answered from.
//!
//! A month that is open is rated anew each time, on the account's terms of now, so an execution is in it as soon as its batch is. A month
//! that is closed is what was charged, whatever the terms have become since: what a report says of it is what its invoices
//! say. What came late is in the month that it was used in; an invoice has it with the month that it was billed with.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::accrual::charged;
use domain::bill::{Month, Priced, Rated, UsageRow, rate};
use domain::price::Book;
use sqlx::{Postgres, Transaction};

use crate::billing_terms::{Books, current_basis};
use crate::charges::{self, Kept};
use crate::periods::{self, Basis, Period};
use crate::{Error, Store};

/// An account's months, all as they are at one moment.
pub(crate) struct RatedMonths<'a> {
    snapshot: Transaction<'static, Postgres>,
    account: AccountId,
    /// What open months are rated by.
    current: Basis,
    periods: Vec<Period>,
    books: &'a Books,
}

impl<'a> RatedMonths<'a> {
    pub(crate) async fn of(
        store: &Store,
        account: AccountId,
        books: &'a Books,
    ) -> Result<Self, Error> {
        let mut snapshot = store.snapshot().await?;
        Ok(Self {
            account,
            current: current_basis(&mut snapshot, account).await?,
            periods: periods::all(&mut snapshot, account).await?,
            snapshot,
            books,
        })
    }

    /// Usage of the hours `from..to`, as far as it has arrived.
    pub(crate) async fn usage(
        &mut self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<UsageRow>, Error> {
        charges::usage(&mut self.snapshot, self.account, from, to).await
    }

    /// A month's charges, and what it would be charged for `more` usage.
    pub(crate) async fn rated(&mut self, month: Month, more: &[UsageRow]) -> Result<Rated, Error> {
        let mut usage = self.usage(month.start(), month.end()).await?;
        usage.extend_from_slice(more);
        let closed = self
            .periods
            .iter()
            .find(|period| period.month == month && period.closed);
        let rated = if let Some(basis) = closed.and_then(|period| period.basis.clone()) {
            let book = self.book(&basis).await?;
            let kept = self.kept(month).await?;
            charged(&book, basis.terms.allowance(), kept, usage)
        } else {
            let book = self.book(&self.current.clone()).await?;
            rate(&book, self.current.terms.allowance(), usage)
        };
        rated.map_err(|_| Error::Inconsistent("usage_hour.qty"))
    }

    async fn book(&mut self, basis: &Basis) -> Result<Arc<Book>, Error> {
        self.books.of(&mut self.snapshot, basis).await
    }

    /// What a closed month was charged. What was written off cost nobody anything.
    async fn kept(&mut self, month: Month) -> Result<Vec<Priced>, Error> {
        let (start, end) = (month.start(), month.end());
        let kept = charges::of_hours(&mut self.snapshot, self.account, start, end).await?;
        let priced = |one: Kept| {
            let mut priced = one.priced;
            if one.written_off {
                priced.charge.amount_e10 = 0;
            }
            priced
        };
        Ok(kept.into_iter().map(priced).collect())
    }
}

impl Store {
    /// A month's usage of an account, as far as it has arrived, in all regions.
    pub async fn month_usage(
        &self,
        account: AccountId,
        month: Month,
    ) -> Result<Vec<UsageRow>, Error> {
        let mut connection = self.pool.acquire().await?;
        charges::usage(&mut connection, account, month.start(), month.end()).await
    }
}

#[cfg(test)]
mod tests;
