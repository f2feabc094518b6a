//! Credit notes: an invoice that was issued is never changed; what it said too much is taken back by a document of its own.

use chrono::{DateTime, Utc};

use super::Money;
use super::document::{Document, DocumentLine, DocumentTax, Kind};
use super::money::fixed;
use crate::ParseError;
use crate::price::Currency;
use crate::price::rating::{ROW_DIGITS, round_half_up};

/// What is taken back of an invoice, before taxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// An amount in the invoice's currency.
    Amount(String),
    /// A whole line, by its number.
    Line(u32),
    /// All that is left of it.
    Rest,
}

/// A credit note before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditNote {
    pub net: Money,
    pub tax: Money,
    pub document: Document,
}

/// Composes a credit note. `earlier` are those of the same invoice: together they cannot take back more than the invoice said, and they
/// take back its taxes to the cent once they take back all of it.
pub fn compose(
    invoice: &Document,
    earlier: &[Document],
    part: &Part,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<CreditNote, ParseError> {
    let number = invoice.number.clone().unwrap_or_default();
    if invoice.kind != Kind::Invoice {
        return Err(ParseError::new(format!(
            "{number} is a credit note itself: name the invoice"
        )));
    }
    if reason.trim().is_empty() {
        return Err(ParseError::new("a credit note needs a reason"));
    }
    let currency: Currency = invoice.currency.parse()?;
    let subtotal = Money::parse(&invoice.subtotal, currency)?;
    let credited = earlier
        .iter()
        .try_fold(Money::new(0, currency), |sum, note| {
            let one = Money::parse(&note.subtotal, currency)?;
            Ok::<_, ParseError>(Money::new(sum.minor + one.minor, currency))
        })?;
    let left = subtotal.minor - credited.minor;
    let (net, line) = net_of(invoice, part, Money::new(left, currency), reason)?;
    let again = |note: &&Document| note.lines.contains(&line);
    if let (Part::Line(line_no), Some(note)) = (part, earlier.iter().find(again)) {
        let by = note.number.as_deref().unwrap_or_default();
        return Err(ParseError::new(format!(
            "line {line_no} of {number} was taken back by {by}"
        )));
    }
    if net.minor <= 0 {
        return Err(ParseError::new("there is nothing to take back"));
    }
    if net.minor > left {
        return Err(ParseError::new(format!(
            "{number} has {} left to take back, not {net}",
            Money::new(left, currency)
        )));
    }
    let mut tax_minor = 0;
    let mut taxes = Vec::with_capacity(invoice.taxes.len());
    for tax in &invoice.taxes {
        let whole = Money::parse(&tax.amount, currency)?.minor;
        // In proportion, as a difference of running totals: parts add up to the whole.
        let up_to = |net: i128| round_half_up(whole * net, subtotal.minor.max(1));
        let amount = up_to(credited.minor + net.minor) - up_to(credited.minor);
        tax_minor += amount;
        taxes.push(DocumentTax {
            amount: Money::new(amount, currency).amount(),
            ..tax.clone()
        });
    }
    let (tax, issued_on) = (Money::new(tax_minor, currency), now.date_naive());
    let total = Money::new(net.minor + tax.minor, currency).amount();
    let zero = Money::new(0, currency).amount();
    let document = Document {
        kind: Kind::CreditNote,
        number: None,
        corrects: Some(number),
        reason: Some(reason.trim().to_owned()),
        issued_on,
        due_on: issued_on,
        lines: vec![line],
        subtotal: net.amount(),
        taxes,
        total: total.clone(),
        credit: zero,
        due: total,
        rounding: fixed(0, ROW_DIGITS),
        days: Vec::new(),
        notes: Vec::new(),
        ..invoice.clone()
    };
    Ok(CreditNote { net, tax, document })
}

fn net_of(
    invoice: &Document,
    part: &Part,
    left: Money,
    reason: &str,
) -> Result<(Money, DocumentLine), ParseError> {
    let plain = |amount: Money| DocumentLine {
        line_no: 1,
        section: super::document::Section::Correction,
        region: String::new(),
        sku: String::new(),
        tier: String::new(),
        price_from: invoice.period_start,
        description: reason.trim().to_owned(),
        quantity: "1".to_owned(),
        unit: String::new(),
        unit_price: amount.amount(),
        amount: amount.amount(),
    };
    match part {
        Part::Amount(text) => {
            let amount = Money::parse(text, left.currency)?;
            Ok((amount, plain(amount)))
        }
        Part::Rest => Ok((left, plain(left))),
        Part::Line(number) => {
            let line = invoice.lines.iter().find(|line| line.line_no == *number);
            let line = line.ok_or_else(|| {
                ParseError::new(format!(
                    "there is no line {number}: lines are 1 to {}",
                    invoice.lines.len()
                ))
            })?;
            let amount = Money::parse(&line.amount, left.currency)?;
            let shown = DocumentLine {
                line_no: 1,
                ..line.clone()
            };
            Ok((amount, shown))
        }
    }
}

#[cfg(test)]
mod tests;
