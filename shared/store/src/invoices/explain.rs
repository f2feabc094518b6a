//! What is behind an invoice line: the hours and functions whose exact quantities add up to it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::bill::document::DocumentLine;
use domain::bill::statement::quantity_text;
use domain::bill::{Month, UsageRow};
use domain::price::Sku;
use domain::{AccountId, Region};
use sqlx::PgConnection;

use super::close::charged;
use super::read::{Invoice, one};
use crate::ledger::BillingError;
use crate::{Error, Store, charges, periods};

/// A line of an invoice and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    pub account: AccountId,
    pub line: DocumentLine,
    pub sku: Sku,
    /// In the order of hour and resource.
    pub shares: Vec<Share>,
    /// Sum of the shares, in quanta.
    pub quantity: i128,
    /// Of the charges of the hours, at ten digits: each is rounded, the line once.
    pub amount_e10: i128,
}

/// What a function used in an hour at the line's price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub hour: DateTime<Utc>,
    pub resource: String,
    pub quantity: i128,
    pub amount_e10: i128,
    /// All that the function used of the SKU in that hour, at whatever price: its executions add up to this.
    pub metered: i128,
}

impl Store {
    /// Explains a line of an invoice, by its number.
    pub async fn explain_line(
        &self,
        number: &str,
        line_no: u32,
    ) -> Result<Explained, BillingError> {
        let mut connection = self.pool.acquire().await?;
        let invoice = one(&mut connection, number).await?.ok_or_else(|| {
            BillingError::refused(format!(
                "There is no invoice {number}: see `tollgate billing invoices`."
            ))
        })?;
        let lines = &invoice.document.lines;
        let line = lines.iter().find(|line| line.line_no == line_no);
        let line = line.cloned().ok_or_else(|| {
            BillingError::refused(format!(
                "{number} has no line {line_no}: its lines are 1 to {}.",
                lines.len()
            ))
        })?;
        if invoice.credit_note {
            return Err(BillingError::refused(format!(
                "{number} is a credit note: explain the lines of {}.",
                invoice.document.corrects.unwrap_or_default()
            )));
        }
        let explained = explain(&mut connection, &invoice, line).await?;
        if quantity_text(explained.sku, explained.quantity) != explained.line.quantity {
            return Err(Error::Inconsistent("charge.qty").into());
        }
        Ok(explained)
    }
}

async fn explain(
    connection: &mut PgConnection,
    invoice: &Invoice,
    line: DocumentLine,
) -> Result<Explained, BillingError> {
    let sku: Sku = line.sku.parse()?;
    let periods = periods::all(connection, invoice.account).await?;
    let period = periods.into_iter().find(|one| one.month == invoice.month);
    let period = period.ok_or(Error::Inconsistent("invoice.period_id"))?;
    let charged = charged(connection, &period).await?;
    let of_currency = charged
        .into_iter()
        .find(|one| one.currency == invoice.currency);
    let charged = of_currency.ok_or(Error::Inconsistent("charge.currency"))?;
    // The invoice's lines were made so, and in this order.
    let made = charged.lines()?;
    let place = usize::try_from(line.line_no).unwrap_or_default();
    let (_, late, made) = made
        .get(place.saturating_sub(1))
        .ok_or(Error::Inconsistent("invoice.document"))?;
    let behind = match late {
        None => charged.usage,
        Some(month) => {
            let mut late = charged.late;
            late.retain(|charge| month.contains(charge.hour));
            late
        }
    };
    let mut explained = Explained {
        account: invoice.account,
        line,
        sku,
        shares: Vec::new(),
        quantity: 0,
        amount_e10: 0,
    };
    let month = late.unwrap_or(period.month);
    let metered = metered(connection, invoice.account, month).await?;
    for charge in behind.into_iter().filter(|one| one.rate == made.rate) {
        explained.quantity += charge.quantity;
        explained.amount_e10 += charge.amount_e10;
        let place = (charge.hour, charge.rate.region, sku, charge.resource);
        explained.shares.push(Share {
            metered: metered.get(&place).copied().unwrap_or_default(),
            hour: place.0,
            resource: place.3,
            quantity: charge.quantity,
            amount_e10: charge.amount_e10,
        });
    }
    Ok(explained)
}

/// Where usage is booked.
type Place = (DateTime<Utc>, Region, Sku, String);

async fn metered(
    connection: &mut PgConnection,
    account: AccountId,
    month: Month,
) -> Result<BTreeMap<Place, i128>, Error> {
    let rows = charges::usage(connection, account, month.start(), month.end()).await?;
    let place = |row: UsageRow| ((row.hour, row.region, row.sku, row.resource), row.quantity);
    Ok(rows.into_iter().map(place).collect())
}
