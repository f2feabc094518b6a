//! Closing a month: the last charges are kept, the invoices issued, their journals posted, the period closed, in one transaction.

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::close::{self, Reporter, Reporters};
use domain::bill::compose::{Charged, Composed, compose};
use domain::bill::document::Document;
use domain::bill::ledger::Entry;
use domain::bill::statement::{quantity_text, unit_text};
use domain::bill::{Month, UsageRow, accrual};
use domain::price::Currency;
use sqlx::PgConnection;

use super::{Issue, issue, take_number};
use crate::accrual::{accrue_late, accrue_month};
use crate::billing_terms::{Books, current_basis};
use crate::ledger::{BillingError, Place, credit_of, post};
use crate::parties::{self, Issuer};
use crate::periods::{self, Period};
use crate::{Error, Store, charges};

/// What closing a month did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Numbers of the invoices that were issued: none for a month without usage.
    pub invoices: Vec<String>,
    /// Who had not reported all of the month.
    pub missing: Vec<Reporter>,
}

/// Why a month was not closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotClosed {
    /// The customer has no such month.
    Unknown,
    Already,
    /// An earlier month comes first.
    After(Month),
    NotYet(close::Closing),
}

impl Store {
    /// Closes a customer's month, if it may be closed at `now`: by the watermark, or by force. Safe to repeat and to call from several places
    /// at once: a month is closed once.
    pub async fn close_month(
        &self,
        account: AccountId,
        month: Month,
        force: bool,
        now: DateTime<Utc>,
        books: &Books,
    ) -> Result<Result<Closed, NotClosed>, BillingError> {
        let closing = Closing {
            account,
            now,
            books,
        };
        let at_once = std::future::ready(());
        self.close_as(&closing, month, force, at_once).await
    }

    /// As [`Self::close_month`], not by force, beside others: its invoices take their numbers when `turn` has come.
    pub async fn close_month_in_turn(
        &self,
        account: AccountId,
        month: Month,
        now: DateTime<Utc>,
        books: &Books,
        turn: impl Future<Output = ()>,
    ) -> Result<Result<Closed, NotClosed>, BillingError> {
        let closing = Closing {
            account,
            now,
            books,
        };
        self.close_as(&closing, month, false, turn).await
    }

    async fn close_as(
        &self,
        closing: &Closing<'_>,
        month: Month,
        force: bool,
        turn: impl Future<Output = ()>,
    ) -> Result<Result<Closed, NotClosed>, BillingError> {
        let mut tx = self.pool.begin().await?;
        let reporters = periods::reporters(&mut tx).await?;
        let held = periods::hold(&mut tx, closing.account).await?;
        let missing = match may_close(&held, &reporters, month, force, closing.now) {
            Ok(missing) => missing,
            Err(why) => return Ok(Err(why)),
        };
        let at = held.iter().find(|period| period.month == month);
        let period = at.ok_or(Error::Inconsistent("period.month"))?;
        let charged = closing.charge(&mut tx, &held, period, &missing).await?;
        let issuer = parties::issuer(&mut tx).await?;
        let composed = closing.compose(&mut tx, period, &issuer, charged).await?;
        if !composed.is_empty() {
            turn.await;
        }
        let invoices = closing.issue(&mut tx, period, &issuer, composed).await?;
        tx.commit().await?;
        Ok(Ok(Closed { invoices, missing }))
    }
}

/// Whose month is closed, when, and by which books.
struct Closing<'a> {
    account: AccountId,
    now: DateTime<Utc>,
    books: &'a Books,
}

fn may_close(
    held: &[Period],
    reporters: &Reporters,
    month: Month,
    force: bool,
    now: DateTime<Utc>,
) -> Result<Vec<Reporter>, NotClosed> {
    let Some(period) = held.iter().find(|period| period.month == month) else {
        return Err(NotClosed::Unknown);
    };
    if period.closed {
        return Err(NotClosed::Already);
    }
    let earlier = |other: &&Period| !other.closed && other.month < month;
    if let Some(earlier) = held.iter().find(earlier) {
        return Err(NotClosed::After(earlier.month));
    }
    match reporters.closing(month, now, force) {
        close::Closing::Due { missing } => Ok(missing),
        not_yet => Err(NotClosed::NotYet(not_yet)),
    }
}

/// The invoices of a month before they have numbers.
type Invoices = Vec<(Currency, Composed)>;

impl Closing<'_> {
    /// Keeps the last charges, after which the period takes no others. Answers what is billed, and the notes on the bill.
    async fn charge(
        &self,
        tx: &mut PgConnection,
        held: &[Period],
        period: &Period,
        missing: &[Reporter],
    ) -> Result<(Vec<Charged>, Vec<String>), BillingError> {
        let (account, now, books) = (self.account, self.now, self.books);
        let basis = current_basis(tx, account).await?;
        // Late usage of whatever month was closed, as this is the next bill.
        let first = held.first().map_or(period.month, |first| first.month);
        accrue_late(tx, account, held, first, now, books).await?;
        let own = accrue_month(tx, account, period, &basis, books).await?;
        periods::closing(tx, period.id).await?;
        let late = charges::of_period(tx, period.id, Some(period.month)).await?;
        let late = late.into_iter().filter(|one| !one.written_off);
        let late = accrual::sum(late.map(|one| one.priced));
        let mut notes: Vec<String> = missing.iter().map(|one| one.note(period.month)).collect();
        notes.extend(unpriced_notes(&own.unpriced, &basis.terms.book));
        Ok((Charged::by_currency(own.all, late), notes))
    }

    async fn compose(
        &self,
        tx: &mut PgConnection,
        period: &Period,
        issuer: &Issuer,
        (charged, notes): (Vec<Charged>, Vec<String>),
    ) -> Result<Invoices, BillingError> {
        let (account, month) = (self.account, period.month);
        let customer = parties::customer(tx, account).await?;
        let customer = customer.ok_or(Error::Inconsistent("period.account_id"))?;
        let terms = issuer.terms(&customer);
        let mut invoices = Vec::with_capacity(charged.len());
        for charged in charged {
            let (currency, notes) = (charged.currency, notes.clone());
            let credit = credit_of(tx, account, currency).await?;
            let one = compose(account, month, &charged, &terms, credit, notes, self.now)?;
            invoices.push((currency, one));
        }
        Ok(invoices)
    }

    /// Issues the invoices and closes the period.
    async fn issue(
        &self,
        tx: &mut PgConnection,
        period: &Period,
        issuer: &Issuer,
        composed: Invoices,
    ) -> Result<Vec<String>, BillingError> {
        let mut numbers = Vec::with_capacity(composed.len());
        for (currency, composed) in composed {
            let number = self.issue_one(tx, period, issuer, currency, composed);
            numbers.push(number.await?);
        }
        periods::close(tx, period.id, self.now).await?;
        Ok(numbers)
    }

    async fn issue_one(
        &self,
        tx: &mut PgConnection,
        period: &Period,
        issuer: &Issuer,
        currency: Currency,
        composed: Composed,
    ) -> Result<String, BillingError> {
        let number = take_number(tx, issuer).await?;
        let document = Document {
            number: Some(number.text.clone()),
            ..composed.document
        };
        let id = issue(
            tx,
            Issue {
                number: &number,
                account: self.account,
                period: period.id,
                currency,
                corrects: None,
                document: &document,
                issuer,
                at: self.now,
            },
        )
        .await?;
        let at = period.month.nearest(self.now);
        let entries = [
            Entry::invoice(&number.text, &composed.totals, composed.accrued_e10, at),
            Entry::credit_use(&number.text, composed.totals.credit, at),
        ];
        let place = Place {
            account: self.account,
            period: period.id,
            invoice: Some(id),
        };
        post(tx, place, &entries).await?;
        Ok(number.text)
    }
}

/// What a period is billed for, by currency.
pub(crate) async fn charged(
    tx: &mut PgConnection,
    period: &Period,
) -> Result<Vec<Charged>, BillingError> {
    let kept = charges::of_period(tx, period.id, None).await?;
    let billed = kept.into_iter().filter(|one| !one.written_off);
    let (own, late): (Vec<_>, Vec<_>) = billed
        .map(|one| one.priced)
        .partition(|one| period.month.contains(one.charge.hour));
    Ok(Charged::by_currency(accrual::sum(own), accrual::sum(late)))
}

/// Usage that has no price is shown on the invoice, not charged.
pub(crate) fn unpriced_notes(unpriced: &[UsageRow], book: &str) -> Vec<String> {
    let mut sums = std::collections::BTreeMap::new();
    for row in unpriced {
        *sums.entry((row.region.clone(), row.sku)).or_insert(0) += row.quantity;
    }
    let note = |((region, sku), quantity)| {
        format!(
            "Not charged, because price book \"{book}\" has no price for it: {} {} of {sku} in {region}.",
            quantity_text(sku, quantity),
            unit_text(sku)
        )
    };
    sums.into_iter().map(note).collect()
}
