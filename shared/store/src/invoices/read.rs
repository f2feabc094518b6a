//! Reading invoices.

use chrono::{DateTime, NaiveDate, Utc};
use domain::AccountId;
use domain::bill::document::Document;
use domain::bill::{Money, Month};
use domain::price::Currency;
use sqlx::PgConnection;

use crate::accounts::account_id;
use crate::ledger::open_of;
use crate::{Error, Store};

/// A final invoice or credit note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    pub(crate) id: i64,
    pub number: String,
    pub account: AccountId,
    /// That it is billed with.
    pub month: Month,
    pub currency: Currency,
    pub credit_note: bool,
    pub issued_at: DateTime<Utc>,
    /// The document's bytes, as they were issued.
    pub text: String,
    pub document: Document,
    /// What is still to be paid.
    pub open: Money,
}

/// Which invoices.
#[derive(Debug, Clone, Copy, Default)]
pub struct InvoiceFilter<'a> {
    pub account: Option<AccountId>,
    pub month: Option<Month>,
    pub number: Option<&'a str>,
}

struct Row {
    id: i64,
    number: String,
    account_id: i64,
    month: NaiveDate,
    currency: String,
    kind: String,
    issued_at: DateTime<Utc>,
    document: String,
}

impl Store {
    /// Invoices in the order in which they were issued.
    pub async fn invoices(&self, filter: InvoiceFilter<'_>) -> Result<Vec<Invoice>, Error> {
        read(&mut *self.pool.acquire().await?, filter).await
    }

    /// One by its number.
    pub async fn invoice(&self, number: &str) -> Result<Option<Invoice>, Error> {
        one(&mut *self.pool.acquire().await?, number).await
    }
}

pub(crate) async fn one(
    connection: &mut PgConnection,
    number: &str,
) -> Result<Option<Invoice>, Error> {
    let filter = InvoiceFilter {
        number: Some(number),
        ..InvoiceFilter::default()
    };
    Ok(read(connection, filter).await?.pop())
}

pub(crate) async fn read(
    connection: &mut PgConnection,
    filter: InvoiceFilter<'_>,
) -> Result<Vec<Invoice>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, number, invoice.account_id, month, currency, kind, issued_at, document
         FROM billing.invoice JOIN billing.period USING (period_id)
         WHERE ($1::bigint IS NULL OR invoice.account_id = $1) AND ($2::date IS NULL OR month = $2)
             AND ($3::text IS NULL OR number = $3)
         ORDER BY id",
        filter.account.map(AccountId::number),
        filter.month.map(Month::first_day),
        filter.number,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut invoices = Vec::with_capacity(rows.len());
    for row in rows {
        let wrong = |column| move |_| Error::Inconsistent(column);
        let currency = row.currency.parse().map_err(wrong("invoice.currency"))?;
        let open = open_of(connection, row.id, currency).await?;
        invoices.push(Invoice {
            id: row.id,
            number: row.number,
            account: account_id(row.account_id, "invoice.account_id")?,
            month: Month::starting(row.month).ok_or(Error::Inconsistent("period.month"))?,
            currency,
            credit_note: row.kind == "credit_note",
            issued_at: row.issued_at,
            document: serde_json::from_str(&row.document)
                .map_err(|_| Error::Inconsistent("invoice.document"))?,
            text: row.document,
            open,
        });
    }
    Ok(invoices)
}
