//! The draft of an invoice: what the bill would be if the month were closed with what has arrived. Computed from the usage itself, so an
//! execution is on it as soon as its batch is in.

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::compose::{Charged, compose};
use domain::bill::document::Document;
use domain::bill::{Month, accrual, rate};

use super::close::unpriced_notes;
use super::read::{InvoiceFilter, read};
use crate::billing_terms::{Books, current_basis};
use crate::ledger::{BillingError, credit_of};
use crate::{Store, charges, parties, periods};

/// What an invoice says, and the charges that it says it of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billed {
    pub document: Document,
    pub charged: Charged,
}

/// The drafts of a month, one per currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub bills: Vec<Billed>,
    /// Whether the month is closed, and its invoices are issued: then there is no draft.
    pub closed: bool,
}

impl Store {
    /// The drafts of a customer's month at `now`. `None`: no such account.
    pub async fn draft(
        &self,
        account: AccountId,
        month: Month,
        now: DateTime<Utc>,
    ) -> Result<Option<Draft>, BillingError> {
        // Usage, prices and credit must be of one moment.
        let mut tx = self.snapshot().await?;
        let Some(customer) = parties::customer(&mut tx, account).await? else {
            return Ok(None);
        };
        let periods = periods::all(&mut tx, account).await?;
        let period = periods.into_iter().find(|period| period.month == month);
        if period.as_ref().is_some_and(|period| period.closed) {
            return Ok(Some(Draft {
                bills: Vec::new(),
                closed: true,
            }));
        }
        let basis = current_basis(&mut tx, account).await?;
        let book = Books::default().of(&mut tx, &basis).await?;
        let usage = charges::usage(&mut tx, account, month.start(), month.end()).await?;
        let mut rated = rate(&book, basis.terms.allowance(), usage)?;
        let notes = unpriced_notes(&std::mem::take(&mut rated.unpriced), &basis.terms.book);
        let mut late = Vec::new();
        if let Some(period) = period {
            let kept = charges::of_period(&mut tx, period.id, Some(month)).await?;
            let billed = kept.into_iter().filter(|one| !one.written_off);
            late.extend(billed.map(|one| one.priced));
        }
        let issuer = parties::issuer(&mut tx).await?;
        let terms = issuer.terms(&customer);
        let mut bills = Vec::new();
        for charged in Charged::by_currency(accrual::charges(rated), accrual::sum(late)) {
            let credit = credit_of(&mut tx, account, charged.currency).await?;
            let notes = notes.clone();
            let composed = compose(account, month, &charged, &terms, credit, notes, now)?;
            bills.push(Billed {
                document: composed.document,
                charged,
            });
        }
        Ok(Some(Draft {
            bills,
            closed: false,
        }))
    }

    /// What a customer is billed for a month: the invoices where it is closed, else the drafts at `now`. `None`: no such account.
    pub async fn billed(
        &self,
        account: AccountId,
        month: Month,
        now: DateTime<Utc>,
    ) -> Result<Option<Vec<Billed>>, BillingError> {
        let Some(draft) = self.draft(account, month, now).await? else {
            return Ok(None);
        };
        if !draft.closed {
            return Ok(Some(draft.bills));
        }
        // All of it is final: nothing moves between these reads.
        let mut connection = self.pool.acquire().await?;
        let filter = InvoiceFilter {
            account: Some(account),
            month: Some(month),
            number: None,
        };
        let invoices = read(&mut connection, filter).await?;
        let periods = periods::all(&mut connection, account).await?;
        let period = periods.into_iter().find(|period| period.month == month);
        let period = period.ok_or(crate::Error::Inconsistent("period.month"))?;
        let kept = charges::of_period(&mut connection, period.id, None).await?;
        let kept = kept.into_iter().filter(|one| !one.written_off);
        let (usage, late): (Vec<_>, Vec<_>) = kept
            .map(|one| one.priced)
            .partition(|one| month.contains(one.charge.hour));
        let all = Charged::by_currency(accrual::sum(usage), accrual::sum(late));
        let mut bills = Vec::new();
        for charged in all {
            let invoice = invoices
                .iter()
                .find(|one| !one.credit_note && one.currency == charged.currency);
            let Some(invoice) = invoice else { continue };
            bills.push(Billed {
                document: invoice.document.clone(),
                charged,
            });
        }
        Ok(Some(bills))
    }
}
