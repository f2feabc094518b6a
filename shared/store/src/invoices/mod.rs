//! Invoices: a draft is computed when it is asked for, a final one is issued when its month is closed and never changes.

mod close;
mod correct;
mod draft;
mod explain;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use close::charged;
pub use close::{Closed, NotClosed};
pub use correct::CREDIT_CURRENCY;
pub use draft::{Billed, Draft};
pub use explain::{Explained, Share};
pub(crate) use read::read;
pub use read::{Invoice, InvoiceFilter};

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::document::{Document, Kind};
use domain::bill::money::parse_fixed;
use domain::price::Currency;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::Error;
use crate::ledger::BillingError;
use crate::parties::{Issuer, Logo};

/// Digits that a total is kept with; no currency has more.
const TOTAL_DIGITS: u32 = 4;

/// A number that was taken, for an invoice of the same transaction.
pub(crate) struct Number {
    pub(crate) series: String,
    pub(crate) in_series: i64,
    /// As it is shown.
    pub(crate) text: String,
}

/// Takes the next number of the issuer's series. Others wait until the transaction ends: take it late.
pub(crate) async fn take_number(tx: &mut PgConnection, issuer: &Issuer) -> Result<Number, Error> {
    let series = issuer.number_prefix.clone();
    let in_series = sqlx::query_scalar!(
        r#"INSERT INTO billing.invoice_counter AS counter (series, next_no) VALUES ($1, 2)
           ON CONFLICT (series) DO UPDATE SET next_no = counter.next_no + 1
           RETURNING next_no - 1 AS "number!""#,
        series,
    )
    .fetch_one(tx)
    .await?;
    Ok(Number {
        text: format!("{series}{in_series:06}"),
        series,
        in_series,
    })
}

/// What is issued: a document that has its number.
pub(crate) struct Issue<'a> {
    pub(crate) number: &'a Number,
    pub(crate) account: AccountId,
    pub(crate) period: i64,
    pub(crate) currency: Currency,
    pub(crate) corrects: Option<i64>,
    pub(crate) document: &'a Document,
    pub(crate) issuer: &'a Issuer,
    pub(crate) at: DateTime<Utc>,
}

/// The document's text: what is kept, hashed and rendered.
pub(crate) fn text_of(document: &Document) -> Result<String, Error> {
    serde_json::to_string(document).map_err(|_| Error::Inconsistent("invoice.document"))
}

/// Inserts an invoice or credit note; answers its id.
pub(crate) async fn issue(tx: &mut PgConnection, issue: Issue<'_>) -> Result<i64, BillingError> {
    let text = text_of(issue.document)?;
    let kind = match issue.document.kind {
        Kind::Invoice => "invoice",
        Kind::CreditNote => "credit_note",
    };
    let total = parse_fixed(&issue.document.total, TOTAL_DIGITS)
        .and_then(|total| Decimal::try_from_i128_with_scale(total, TOTAL_DIGITS).ok())
        .ok_or(Error::Inconsistent("invoice.total"))?;
    let sha256 = Sha256::digest(&text).to_vec();
    let id = sqlx::query_scalar!(
        "INSERT INTO billing.invoice (series, number_in_series, number, account_id, period_id, currency, kind, corrects, total,
             document, document_sha256, logo_sha256, issued_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         RETURNING id",
        issue.number.series,
        issue.number.in_series,
        issue.number.text,
        issue.account.number(),
        issue.period,
        issue.currency.as_str(),
        kind,
        issue.corrects,
        total,
        text,
        sha256,
        issue.issuer.logo.as_ref().map(Logo::sha256),
        issue.at,
    )
    .fetch_one(tx)
    .await?;
    Ok(id)
}
