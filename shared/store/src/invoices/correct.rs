//! What happens to a final invoice: payments, credit notes, write-offs; and credit for invoices to come.

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::credit_note::{self, Part};
use domain::bill::document::Document;
use domain::bill::ledger::Entry;
use domain::bill::{Money, Month};
use domain::price::Currency;
use sqlx::PgConnection;

use super::read::{Invoice, one};
use super::{Issue, issue, take_number};
use crate::ledger::{BillingError, Place, post};
use crate::{Error, Store, parties, periods};

/// The currency of credit where none is named.
pub const CREDIT_CURRENCY: &str = "USD";

impl Store {
    /// Books a payment for an invoice. `reference` tells payments of one invoice apart: the same one again is the same payment, and
    /// answers false.
    pub async fn pay_invoice(
        &self,
        number: &str,
        amount: &str,
        reference: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, BillingError> {
        let mut tx = self.pool.begin().await?;
        let (invoice, period) = invoice_in(&mut tx, number, now).await?;
        let amount = positive(amount, invoice.currency)?;
        let entry = Entry::payment(number, reference, amount, period.effective(now));
        let known = is_posted(&mut tx, &entry).await?;
        if !known && amount.minor > invoice.open.minor {
            return Err(BillingError::refused(format!(
                "Of {number} only {} is open. Book what is paid beyond it as credit: `tollgate billing credit {} --amount ...`.",
                invoice.open, invoice.account
            )));
        }
        let posted = post(&mut tx, period.place(&invoice), &[entry]).await?;
        tx.commit().await?;
        Ok(posted == 1)
    }

    /// Books credit for a customer's invoices to come: prepaid, or given away. As with payments, a reference counts once.
    pub async fn credit_customer(
        &self,
        account: AccountId,
        amount: Money,
        reference: &str,
        promo: bool,
        now: DateTime<Utc>,
    ) -> Result<bool, BillingError> {
        if amount.minor <= 0 {
            return Err(BillingError::refused("Credit is more than nothing."));
        }
        let mut tx = self.pool.begin().await?;
        if parties::customer(&mut tx, account).await?.is_none() {
            return Err(BillingError::refused(format!(
                "There is no account {account}: see `tollgate accounts list`."
            )));
        }
        let period = Current::of(&mut tx, account, now).await?;
        let entry = Entry::credit(account, reference, amount, promo, period.effective(now));
        let place = Place {
            account,
            period: period.id,
            invoice: None,
        };
        let posted = post(&mut tx, place, &[entry]).await?;
        tx.commit().await?;
        Ok(posted == 1)
    }

    /// Gives up what is open of an invoice; says how much that was.
    pub async fn write_off_invoice(
        &self,
        number: &str,
        now: DateTime<Utc>,
    ) -> Result<Money, BillingError> {
        let mut tx = self.pool.begin().await?;
        let (invoice, period) = invoice_in(&mut tx, number, now).await?;
        if invoice.open.minor <= 0 {
            return Err(BillingError::refused(format!(
                "Nothing of {number} is open."
            )));
        }
        let entry = Entry::write_off(number, invoice.open, period.effective(now));
        post(&mut tx, period.place(&invoice), &[entry]).await?;
        tx.commit().await?;
        Ok(invoice.open)
    }

    /// Issues a credit note for a part of an invoice: lowers what is open of it, and what was paid already becomes the customer's credit.
    pub async fn issue_credit_note(
        &self,
        number: &str,
        part: &Part,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<Document, BillingError> {
        let mut tx = self.pool.begin().await?;
        let (invoice, period) = invoice_in(&mut tx, number, now).await?;
        let earlier = credit_notes(&mut tx, invoice.id).await?;
        let note = credit_note::compose(&invoice.document, &earlier, part, reason, now)
            .map_err(|error| BillingError::refused(sentence(&error.0)))?;
        let issuer = parties::issuer(&mut tx).await?;
        let taken = take_number(&mut tx, &issuer).await?;
        let document = Document {
            number: Some(taken.text.clone()),
            ..note.document
        };
        issue(
            &mut tx,
            Issue {
                number: &taken,
                account: invoice.account,
                period: period.id,
                currency: invoice.currency,
                corrects: Some(invoice.id),
                document: &document,
                issuer: &issuer,
                at: now,
            },
        )
        .await?;
        let amounts = (note.net, note.tax);
        let entry = Entry::credit_note(&taken.text, amounts, invoice.open, period.effective(now));
        post(&mut tx, period.place(&invoice), &[entry]).await?;
        tx.commit().await?;
        Ok(document)
    }
}

/// A customer's current period.
struct Current {
    id: i64,
    month: Month,
}

impl Current {
    async fn of(
        tx: &mut PgConnection,
        account: AccountId,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let month = Month::of(now);
        let id = periods::ensure(tx, account, month).await?;
        // Before any invoice number is taken, as closing does: two that wait for each other would both fail.
        sqlx::query!(
            "SELECT period_id FROM billing.period WHERE period_id = $1 FOR SHARE",
            id
        )
        .fetch_one(&mut *tx)
        .await?;
        Ok(Self { id, month })
    }

    fn effective(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.month.nearest(now)
    }

    fn place(&self, invoice: &Invoice) -> Place {
        Place {
            account: invoice.account,
            period: self.id,
            invoice: Some(invoice.id),
        }
    }
}

/// An invoice, held until the transaction ends so that what is open of it does not change, and its customer's current period.
async fn invoice_in(
    tx: &mut PgConnection,
    number: &str,
    now: DateTime<Utc>,
) -> Result<(Invoice, Current), BillingError> {
    let not_there = || {
        BillingError::refused(format!(
            "There is no invoice {number}: see `tollgate billing invoices`."
        ))
    };
    let found = one(tx, number).await?.ok_or_else(not_there)?;
    if found.credit_note {
        return Err(BillingError::refused(format!(
            "{number} is a credit note: name the invoice."
        )));
    }
    let current = Current::of(tx, found.account, now).await?;
    sqlx::query!(
        "SELECT pg_advisory_xact_lock($1, hashtext($2))",
        INVOICE_LOCK,
        number
    )
    .execute(&mut *tx)
    .await?;
    // Read again, now that nobody else may change what is open.
    let invoice = one(tx, number).await?.ok_or_else(not_there)?;
    Ok((invoice, current))
}

/// First half of the advisory locks on invoices: their rows cannot be locked, as nobody may change them.
const INVOICE_LOCK: i32 = 0x696e_7663;

async fn credit_notes(tx: &mut PgConnection, invoice: i64) -> Result<Vec<Document>, Error> {
    let texts = sqlx::query_scalar!(
        "SELECT document FROM billing.invoice WHERE corrects = $1 ORDER BY id",
        invoice
    )
    .fetch_all(tx)
    .await?;
    texts
        .iter()
        .map(|text| serde_json::from_str(text).map_err(|_| Error::Inconsistent("invoice.document")))
        .collect()
}

async fn is_posted(tx: &mut PgConnection, entry: &Entry) -> Result<bool, Error> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM billing.journal WHERE idem_key = $1) AS "found!""#,
        entry.key
    )
    .fetch_one(tx)
    .await?;
    Ok(found)
}

fn positive(text: &str, currency: Currency) -> Result<Money, BillingError> {
    let amount =
        Money::parse(text, currency).map_err(|error| BillingError::refused(sentence(&error.0)))?;
    if amount.minor <= 0 {
        return Err(BillingError::refused("A payment is more than nothing."));
    }
    Ok(amount)
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}
