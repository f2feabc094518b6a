//! Closing a month: the last charges are kept, the invoices issued, their journals posted, the period closed, in one transaction.

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::close::{Closing, Reporter, Reporters};
use domain::bill::compose::{Charged, compose};
use domain::bill::document::Document;
use domain::bill::ledger::Entry;
use domain::bill::statement::{quantity_text, unit_text};
use domain::bill::{Month, UsageRow, accrual, rate};
use sqlx::PgConnection;

use super::{Issue, issue, take_number};
use crate::accrual::{accrue_late, accrue_period};
use crate::billing_terms::{Books, current_basis};
use crate::ledger::{BillingError, Place, credit_of, post};
use crate::parties;
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
    NotYet(Closing),
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
        let mut tx = self.pool.begin().await?;
        let reporters = periods::reporters(&mut tx).await?;
        let held = periods::hold(&mut tx, account).await?;
        let missing = match may_close(&held, &reporters, month, force, now) {
            Ok(missing) => missing,
            Err(why) => return Ok(Err(why)),
        };
        let at = held.iter().find(|period| period.month == month);
        let period = at.ok_or(Error::Inconsistent("period.month"))?;
        let invoices = close(&mut tx, account, &held, period, &missing, now, books).await?;
        tx.commit().await?;
        Ok(Ok(Closed { invoices, missing }))
    }
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
        Closing::Due { missing } => Ok(missing),
        not_yet => Err(NotClosed::NotYet(not_yet)),
    }
}

async fn close(
    tx: &mut PgConnection,
    account: AccountId,
    held: &[Period],
    period: &Period,
    missing: &[Reporter],
    now: DateTime<Utc>,
    books: &Books,
) -> Result<Vec<String>, BillingError> {
    let basis = current_basis(tx, account).await?;
    // Late usage of whatever month was closed, as this is the next bill.
    let first = held.first().map_or(period.month, |first| first.month);
    accrue_late(tx, account, held, first, now, books).await?;
    accrue_period(tx, account, period, &basis, period.month.end(), books).await?;
    periods::closing(tx, period.id).await?;
    let mut notes: Vec<String> = missing.iter().map(|one| one.note(period.month)).collect();
    let usage = charges::usage(tx, account, period.month.start(), period.month.end()).await?;
    let book = books.of(tx, &basis).await?;
    let unpriced = rate(&book, basis.terms.allowance(), usage)?.unpriced;
    notes.extend(unpriced_notes(&unpriced, &basis.terms.book));
    let charged = charged(tx, period).await?;
    let invoices = issue_all(tx, account, period, &charged, &notes, now).await?;
    periods::close(tx, period.id, now).await?;
    Ok(invoices)
}

/// What a period is billed for, by currency.
pub(crate) async fn charged(
    tx: &mut PgConnection,
    period: &Period,
) -> Result<Vec<Charged>, BillingError> {
    let kept = charges::of_period(tx, period.id).await?;
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

async fn issue_all(
    tx: &mut PgConnection,
    account: AccountId,
    period: &Period,
    charged: &[Charged],
    notes: &[String],
    now: DateTime<Utc>,
) -> Result<Vec<String>, BillingError> {
    let issuer = parties::issuer(tx).await?;
    let customer = parties::customer(tx, account).await?;
    let customer = customer.ok_or(Error::Inconsistent("period.account_id"))?;
    let terms = issuer.terms(&customer);
    let mut numbers = Vec::with_capacity(charged.len());
    for charged in charged {
        let credit = credit_of(tx, account, charged.currency).await?;
        let composed = compose(
            account,
            period.month,
            charged,
            &terms,
            credit,
            notes.to_vec(),
            now,
        )?;
        let number = take_number(tx, &issuer).await?;
        let document = Document {
            number: Some(number.text.clone()),
            ..composed.document
        };
        let id = issue(
            tx,
            Issue {
                number: &number,
                account,
                period: period.id,
                currency: charged.currency,
                corrects: None,
                document: &document,
                issuer: &issuer,
                at: now,
            },
        )
        .await?;
        let at = period.month.nearest(now);
        let entries = [
            Entry::invoice(&number.text, &composed.totals, composed.accrued_e10, at),
            Entry::credit_use(&number.text, composed.totals.credit, at),
        ];
        let place = Place {
            account,
            period: period.id,
            invoice: Some(id),
        };
        post(tx, place, &entries).await?;
        numbers.push(number.text);
    }
    Ok(numbers)
}
