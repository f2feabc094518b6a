//! An invoice as a document: everything that is on it, as text.
//!
//! This is what is kept of a final invoice, and all that its renderings (PDF, HTML, CSV, XML) are made of: the same document gives the
//! same bytes for ever, whatever became of prices, names and addresses. Its JSON is the serialisation of these types, in their order.
//! Amounts and quantities are texts in the currency's major unit.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::money::{Money, parse_fixed};
use super::statement::{Line, unit_text};
use super::totals::{TaxLevel, TaxRate, Totals};
use crate::price::{Currency, Sku};
use crate::{Architecture, ParseError};

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Invoice,
    CreditNote,
}

/// Who issues it, or whom it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Party {
    pub name: String,
    /// Lines of the postal address, without the country.
    pub address: Vec<String>,
    /// ISO 3166 code of two letters.
    pub country: String,
    /// VAT number or the like.
    pub tax_id: String,
    pub email: String,
}

/// What a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Usage of the month.
    Usage,
    /// Usage of an earlier month that arrived after its close.
    Correction,
}

/// A line. `quantity` is exact; `amount` is rounded to the minor unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentLine {
    /// From 1.
    pub line_no: u32,
    pub section: Section,
    pub region: String,
    pub sku: String,
    /// `free`, or the tier from 1.
    pub tier: String,
    /// From when its price holds.
    pub price_from: NaiveDate,
    pub description: String,
    pub quantity: String,
    pub unit: String,
    pub unit_price: String,
    pub amount: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentTax {
    pub name: String,
    pub percent: String,
    pub amount: String,
}

/// What a day cost, at ten digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentDay {
    pub day: NaiveDate,
    pub amount: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    pub kind: Kind,
    /// `None` for a draft.
    pub number: Option<String>,
    /// Number of the invoice that a credit note corrects.
    pub corrects: Option<String>,
    /// Why, on a credit note.
    pub reason: Option<String>,
    pub issuer: Party,
    pub customer: Party,
    pub account_id: String,
    /// First and last day of the period.
    pub period_start: NaiveDate,
    pub period_end: NaiveDate,
    pub issued_on: NaiveDate,
    pub due_on: NaiveDate,
    pub currency: String,
    pub lines: Vec<DocumentLine>,
    pub subtotal: String,
    pub tax_level: String,
    pub taxes: Vec<DocumentTax>,
    pub total: String,
    /// Prepaid credit that was used.
    pub credit: String,
    pub due: String,
    /// What rounding the lines added to the charges of the hours, at ten digits.
    pub rounding: String,
    pub days: Vec<DocumentDay>,
    /// What a reader must know: usage without a price, executors that never reported.
    pub notes: Vec<String>,
}

impl Document {
    pub fn is_draft(&self) -> bool {
        self.number.is_none()
    }

    /// Puts the bottom of the invoice in.
    pub fn set_totals(&mut self, totals: &Totals, level: TaxLevel) {
        let tax = |(rate, amount): &(TaxRate, Money)| DocumentTax {
            name: rate.name.clone(),
            percent: rate.percent(),
            amount: amount.amount(),
        };
        self.subtotal = totals.subtotal.amount();
        level.as_str().clone_into(&mut self.tax_level);
        self.taxes = totals.taxes.iter().map(tax).collect();
        self.total = totals.total.amount();
        self.credit = totals.credit.amount();
        self.due = totals.due.amount();
    }
}

impl Document {
    /// The bottom of the invoice, as numbers.
    pub fn totals(&self) -> Result<Totals, ParseError> {
        let currency: Currency = self.currency.parse()?;
        let money = |text: &str| {
            let minor = parse_fixed(text, currency.digits());
            let minor = minor.ok_or_else(|| {
                ParseError::new(format!("{text:?} is not an amount in {currency}"))
            })?;
            Ok(Money::new(minor, currency))
        };
        let tax = |tax: &DocumentTax| {
            let percent = tax.percent.parse();
            let percent =
                percent.map_err(|_| ParseError::new(format!("{:?} is not a rate", tax.percent)))?;
            Ok((TaxRate::new(&tax.name, percent)?, money(&tax.amount)?))
        };
        Ok(Totals {
            subtotal: money(&self.subtotal)?,
            taxes: self
                .taxes
                .iter()
                .map(tax)
                .collect::<Result<_, ParseError>>()?,
            total: money(&self.total)?,
            credit: money(&self.credit)?,
            due: money(&self.due)?,
        })
    }
}

impl DocumentLine {
    pub fn of(line_no: u32, section: Section, line: &Line) -> Self {
        let rate = &line.rate;
        Self {
            line_no,
            section,
            region: rate.region.to_string(),
            sku: rate.sku.to_string(),
            tier: rate.tier_name(),
            price_from: rate.valid_from.date_naive(),
            description: description(rate.sku, rate.tier),
            quantity: line.quantity_text(),
            unit: unit_text(rate.sku).to_owned(),
            unit_price: line.unit_price_text(),
            amount: line.amount.amount(),
        }
    }
}

/// What people call a SKU: `Compute, Arm`.
pub fn sku_title(sku: Sku) -> &'static str {
    match sku {
        Sku::Requests => "Requests",
        Sku::Duration(Architecture::X86_64) => "Compute",
        Sku::Duration(Architecture::Arm64) => "Compute, Arm",
        Sku::EphemeralStorage => "Ephemeral storage",
        Sku::Provisioned(Architecture::X86_64) => "Provisioned concurrency",
        Sku::Provisioned(Architecture::Arm64) => "Provisioned concurrency, Arm",
        Sku::ProvisionedDuration(Architecture::X86_64) => "Compute under provisioned concurrency",
        Sku::ProvisionedDuration(Architecture::Arm64) => {
            "Compute under provisioned concurrency, Arm"
        }
        Sku::SnapstartCache => "SnapStart, cached snapshots",
        Sku::SnapstartRestore => "SnapStart, restored snapshots",
        Sku::StreamingResponse => "Streamed responses",
        Sku::DataTransferOut => "Data transfer out",
    }
}

fn description(sku: Sku, tier: Option<u16>) -> String {
    let title = sku_title(sku);
    match tier {
        None => format!("{title}, free tier"),
        Some(0) => title.to_owned(),
        Some(tier) => format!("{title}, tier {}", tier + 1),
    }
}
