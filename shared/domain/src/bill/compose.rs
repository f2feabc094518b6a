//! An invoice of charges: lines (R3), totals, and the document that shows them.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::accrual::Priced;
use super::document::{Document, DocumentDay, DocumentLine, Kind, Party, Section};
use super::money::{fixed, parse_fixed};
use super::statement::{Charge, Line, lines};
use super::{Money, Month, TaxLevel, TaxRate, Totals};
use crate::AccountId;
use crate::price::Currency;
use crate::price::rating::{Overflow, ROW_DIGITS};

/// Who bills whom, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub issuer: Party,
    pub customer: Party,
    /// Days from issue to due.
    pub payment_days: u32,
    pub taxes: Vec<TaxRate>,
    pub tax_level: TaxLevel,
}

/// What an invoice is made of: all that was charged to an account in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charged {
    pub currency: Currency,
    /// Of the month itself.
    pub usage: Vec<Charge>,
    /// Of months that were closed before, billed with this one.
    pub late: Vec<Charge>,
}

impl Charged {
    /// Sorts charges by currency, in the order of the codes. `late` are those of closed months.
    pub fn by_currency(usage: Vec<Priced>, late: Vec<Priced>) -> Vec<Self> {
        let mut all: BTreeMap<Currency, Self> = BTreeMap::new();
        let mut of = |priced: Priced, is_late: bool| {
            let currency = priced.currency;
            let charged = all.entry(currency).or_insert_with(|| Self {
                currency,
                usage: Vec::new(),
                late: Vec::new(),
            });
            let list = if is_late {
                &mut charged.late
            } else {
                &mut charged.usage
            };
            list.push(priced.charge);
        };
        for priced in usage {
            of(priced, false);
        }
        for priced in late {
            of(priced, true);
        }
        all.into_values().collect()
    }

    /// Their sum at ten digits: what was accrued.
    pub fn accrued_e10(&self) -> i128 {
        let all = self.usage.iter().chain(&self.late);
        all.map(|charge| charge.amount_e10).sum()
    }

    /// Lines in the order of their numbers, with their section and, for late usage, the month it is of.
    pub fn lines(&self) -> Result<Vec<(Section, Option<Month>, Line)>, Overflow> {
        let mut all = Vec::new();
        for line in lines(&self.usage, self.currency)? {
            all.push((Section::Usage, None, line));
        }
        let mut months: BTreeMap<Month, Vec<Charge>> = BTreeMap::new();
        for charge in &self.late {
            let month = months.entry(Month::of(charge.hour)).or_default();
            month.push(charge.clone());
        }
        for (month, charges) in months {
            for line in lines(&charges, self.currency)? {
                all.push((Section::Correction, Some(month), line));
            }
        }
        Ok(all)
    }

    fn days(&self) -> Vec<DocumentDay> {
        let mut days: BTreeMap<NaiveDate, i128> = BTreeMap::new();
        for charge in &self.usage {
            *days.entry(charge.hour.date_naive()).or_default() += charge.amount_e10;
        }
        days.into_iter()
            .map(|(day, amount)| DocumentDay {
                day,
                amount: fixed(amount, ROW_DIGITS),
            })
            .collect()
    }
}

/// An invoice before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    pub totals: Totals,
    pub accrued_e10: i128,
    /// Without a number: a draft.
    pub document: Document,
}

/// Composes the invoice of a month. `credit` is what the customer has to their credit.
pub fn compose(
    account: AccountId,
    month: Month,
    charged: &Charged,
    terms: &Terms,
    credit: Money,
    notes: Vec<String>,
    now: DateTime<Utc>,
) -> Result<Composed, Overflow> {
    let all = charged.lines()?;
    let plain: Vec<Line> = all.iter().map(|(_, _, line)| line.clone()).collect();
    let zero = Money::new(0, charged.currency);
    let totals = Totals::of(&plain, zero, &terms.taxes, terms.tax_level, credit);
    let numbered = (1_u32..).zip(&all);
    let document_lines = numbered.map(|(line_no, (section, of, line))| {
        let mut shown = DocumentLine::of(line_no, *section, line);
        if let Some(month) = of {
            shown.description = format!("{}, late usage of {month}", shown.description);
        }
        shown
    });
    let accrued_e10 = charged.accrued_e10();
    let issued_on = now.date_naive();
    let last = month.end().date_naive().pred_opt();
    let mut document = Document {
        kind: Kind::Invoice,
        number: None,
        corrects: None,
        reason: None,
        issuer: terms.issuer.clone(),
        customer: terms.customer.clone(),
        account_id: account.to_string(),
        period_start: month.start().date_naive(),
        period_end: last.unwrap_or_else(|| month.start().date_naive()),
        issued_on,
        due_on: due_on(issued_on, terms.payment_days),
        currency: charged.currency.to_string(),
        lines: document_lines.collect(),
        subtotal: String::new(),
        tax_level: String::new(),
        taxes: Vec::new(),
        total: String::new(),
        credit: String::new(),
        due: String::new(),
        rounding: fixed(totals.subtotal.e10() - accrued_e10, ROW_DIGITS),
        days: charged.days(),
        notes,
    };
    document.set_totals(&totals, terms.tax_level);
    Ok(Composed {
        totals,
        accrued_e10,
        document,
    })
}

fn due_on(issued_on: NaiveDate, days: u32) -> NaiveDate {
    issued_on
        .checked_add_days(Days::new(days.into()))
        .unwrap_or(issued_on)
}

/// What does not add up in a document: each sentence is a contradiction. Empty for every sound one.
pub fn contradictions(document: &Document) -> Vec<String> {
    let Ok(currency) = document.currency.parse::<Currency>() else {
        return vec![format!("{:?} is not a currency", document.currency)];
    };
    let mut found = Vec::new();
    let mut read = |what: &str, text: &str, digits: u32| {
        parse_fixed(text, digits).unwrap_or_else(|| {
            found.push(format!("{what} {text:?} is not an amount"));
            0
        })
    };
    let digits = currency.digits();
    let lines: i128 = document
        .lines
        .iter()
        .map(|line| read("line", &line.amount, digits))
        .sum();
    let taxes: i128 = document
        .taxes
        .iter()
        .map(|tax| read("tax", &tax.amount, digits))
        .sum();
    let subtotal = read("subtotal", &document.subtotal, digits);
    let total = read("total", &document.total, digits);
    let credit = read("credit", &document.credit, digits);
    let due = read("due", &document.due, digits);
    let mut check = |what: &str, is: i128, says: i128| {
        if is != says {
            let (is, says) = (fixed(is, digits), fixed(says, digits));
            found.push(format!("{what}: {is}, and the document says {says}"));
        }
    };
    check("sum of the lines", lines, subtotal);
    check("subtotal and taxes", subtotal + taxes, total);
    check("total less credit", total - credit, due);
    found
}

#[cfg(test)]
mod tests;
