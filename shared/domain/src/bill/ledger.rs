//! The ledger's rules: which accounts there are, and what happens on them.
//!
//! Amounts have ten digits; debits are positive, credits negative. Every entry is one journal, balanced in each currency; the
//! database checks that again. An entry's key says what it is for: posted twice, it counts once.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};

use super::seal::Canonical;
use super::{Money, Month, Totals};
use crate::price::Currency;
use crate::{AccountId, ParseError};

/// A ledger account; there is one of each per customer and currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// Used and not invoiced yet.
    Unbilled,
    /// Invoiced and not paid yet.
    Receivable,
    /// Paid to the operator.
    Cash,
    /// What the customer has to their credit.
    CustomerCredit,
    /// Credit that was given away.
    Promo,
    /// Usage at its price.
    Revenue,
    /// What rounding invoice lines adds to the charges.
    Rounding,
    /// Taxes collected.
    TaxPayable,
    /// Invoiced or used, and given up.
    WriteOff,
}

/// What kind of ledger account one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Asset,
    Liability,
    Revenue,
    Expense,
}

impl Class {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Liability => "liability",
            Self::Revenue => "revenue",
            Self::Expense => "expense",
        }
    }
}

impl Code {
    pub const ALL: [Self; 9] = [
        Self::Unbilled,
        Self::Receivable,
        Self::Cash,
        Self::CustomerCredit,
        Self::Promo,
        Self::Revenue,
        Self::Rounding,
        Self::TaxPayable,
        Self::WriteOff,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unbilled => "unbilled",
            Self::Receivable => "receivable",
            Self::Cash => "cash",
            Self::CustomerCredit => "customer-credit",
            Self::Promo => "promo",
            Self::Revenue => "revenue",
            Self::Rounding => "rounding",
            Self::TaxPayable => "tax-payable",
            Self::WriteOff => "write-off",
        }
    }

    pub fn class(self) -> Class {
        match self {
            Self::Unbilled | Self::Receivable | Self::Cash => Class::Asset,
            Self::CustomerCredit | Self::TaxPayable => Class::Liability,
            Self::Revenue | Self::Rounding => Class::Revenue,
            Self::Promo | Self::WriteOff => Class::Expense,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Code {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.into_iter().find(|code| code.as_str() == text);
        found.ok_or_else(|| ParseError::new(format!("{text:?} is not a ledger account")))
    }
}

/// What a journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A day's charges, or a difference to them.
    Accrual,
    /// Usage of a closed month that arrived later.
    Late,
    /// Such usage that was too old to be billed.
    LateWriteOff,
    Invoice,
    /// Prepaid credit that an invoice used up.
    CreditUse,
    CreditNote,
    Payment,
    /// Prepaid, or given away.
    Credit,
    WriteOff,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accrual => "accrual",
            Self::Late => "late",
            Self::LateWriteOff => "late-write-off",
            Self::Invoice => "invoice",
            Self::CreditUse => "credit-use",
            Self::CreditNote => "credit-note",
            Self::Payment => "payment",
            Self::Credit => "credit",
            Self::WriteOff => "write-off",
        }
    }
}

/// One side of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    pub code: Code,
    pub currency: Currency,
    /// A debit is positive, a credit negative; at ten digits.
    pub amount_e10: i128,
}

/// A journal to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is for: a key is posted once.
    pub key: String,
    pub kind: Kind,
    /// In its customer's period.
    pub effective_at: DateTime<Utc>,
    /// None of them 0.
    pub postings: Vec<Posting>,
}

impl Entry {
    fn new(kind: Kind, key: String, effective_at: DateTime<Utc>, postings: Vec<Posting>) -> Self {
        let moved = |posting: &Posting| posting.amount_e10 != 0;
        Self {
            key,
            kind,
            effective_at,
            postings: postings.into_iter().filter(moved).collect(),
        }
    }

    /// Whether nothing moves: such an entry is not posted.
    pub fn is_empty(&self) -> bool {
        self.postings.is_empty()
    }

    /// Fingerprint of what was asked for: the same key with another one is a contradiction. When it happened is not in it, so that
    /// asking again later is asking for the same.
    pub fn request_sha256(&self) -> [u8; 32] {
        let mut bytes = Canonical::new("tollgate journal request 1");
        bytes.text(&self.key).text(self.kind.as_str());
        for posting in &self.postings {
            bytes.text(posting.code.as_str());
            bytes.text(posting.currency.as_str());
            bytes.number(posting.amount_e10);
        }
        Sha256::digest(bytes.finish()).into()
    }

    /// A day's charges, or the difference that its next revision makes, by currency.
    pub fn accrual(
        account: AccountId,
        day: NaiveDate,
        revision: u32,
        amounts: &BTreeMap<Currency, i128>,
    ) -> Self {
        let at = day.and_time(chrono::NaiveTime::MIN).and_utc();
        let key = format!("accrual:{account}:{day}:{revision}");
        Self::new(
            Kind::Accrual,
            key,
            at,
            pairs(Code::Unbilled, Code::Revenue, amounts),
        )
    }

    /// Late usage of the closed month `of`: billed with the current one, or written off.
    pub fn late(
        account: AccountId,
        of: Month,
        revision: u32,
        amounts: &BTreeMap<Currency, i128>,
        written_off: bool,
        now: DateTime<Utc>,
    ) -> Self {
        let (kind, debit) = if written_off {
            (Kind::LateWriteOff, Code::WriteOff)
        } else {
            (Kind::Late, Code::Unbilled)
        };
        let key = format!("{}:{account}:{of}:{revision}", kind.as_str());
        Self::new(kind, key, now, pairs(debit, Code::Revenue, amounts))
    }

    /// What an invoice says: `accrued_e10` is the sum of its charges.
    pub fn invoice(
        number: &str,
        totals: &Totals,
        accrued_e10: i128,
        effective_at: DateTime<Utc>,
    ) -> Self {
        let currency = totals.subtotal.currency;
        let posting = |code, amount_e10| Posting {
            code,
            currency,
            amount_e10,
        };
        let tax_e10: i128 = totals.taxes.iter().map(|(_, tax)| tax.e10()).sum();
        let postings = vec![
            posting(Code::Receivable, totals.total.e10()),
            posting(Code::Unbilled, -accrued_e10),
            posting(Code::Rounding, accrued_e10 - totals.subtotal.e10()),
            posting(Code::TaxPayable, -tax_e10),
        ];
        let key = format!("invoice:{number}");
        Self::new(Kind::Invoice, key, effective_at, postings)
    }

    /// Prepaid credit that pays for an invoice, or a part of it.
    pub fn credit_use(number: &str, credit: Money, effective_at: DateTime<Utc>) -> Self {
        let key = format!("credit-use:{number}");
        Self::pair(
            Kind::CreditUse,
            key,
            effective_at,
            (Code::CustomerCredit, Code::Receivable),
            credit,
        )
    }

    /// A credit note: first it lowers what is still open of the invoice; the rest is to the customer's credit.
    pub fn credit_note(
        number: &str,
        (net, tax): (Money, Money),
        open: Money,
        effective_at: DateTime<Utc>,
    ) -> Self {
        let currency = net.currency;
        let gross = net.minor + tax.minor;
        let to_open = gross.min(open.minor.max(0));
        let posting = |code, minor| Posting {
            code,
            currency,
            amount_e10: Money::new(minor, currency).e10(),
        };
        let postings = vec![
            posting(Code::Revenue, net.minor),
            posting(Code::TaxPayable, tax.minor),
            posting(Code::Receivable, -to_open),
            posting(Code::CustomerCredit, to_open - gross),
        ];
        let key = format!("credit-note:{number}");
        Self::new(Kind::CreditNote, key, effective_at, postings)
    }

    /// Money for an invoice. `reference` tells payments of one invoice apart.
    pub fn payment(number: &str, reference: &str, amount: Money, now: DateTime<Utc>) -> Self {
        let key = format!("payment:{number}:{reference}");
        let sides = (Code::Cash, Code::Receivable);
        Self::pair(Kind::Payment, key, now, sides, amount)
    }

    /// Credit for invoices to come: paid for, or given away.
    pub fn credit(
        account: AccountId,
        reference: &str,
        amount: Money,
        promo: bool,
        now: DateTime<Utc>,
    ) -> Self {
        let from = if promo { Code::Promo } else { Code::Cash };
        let key = format!("credit:{account}:{reference}");
        Self::pair(Kind::Credit, key, now, (from, Code::CustomerCredit), amount)
    }

    /// What is open of an invoice, given up.
    pub fn write_off(number: &str, open: Money, now: DateTime<Utc>) -> Self {
        let key = format!("write-off:{number}");
        let sides = (Code::WriteOff, Code::Receivable);
        Self::pair(Kind::WriteOff, key, now, sides, open)
    }

    fn pair(
        kind: Kind,
        key: String,
        at: DateTime<Utc>,
        (debit, credit): (Code, Code),
        amount: Money,
    ) -> Self {
        let amounts = BTreeMap::from([(amount.currency, amount.e10())]);
        Self::new(kind, key, at, pairs(debit, credit, &amounts))
    }
}

fn pairs(debit: Code, credit: Code, amounts: &BTreeMap<Currency, i128>) -> Vec<Posting> {
    let pair = |(&currency, &amount_e10): (&Currency, &i128)| {
        let of = |code, amount_e10| Posting {
            code,
            currency,
            amount_e10,
        };
        [of(debit, amount_e10), of(credit, -amount_e10)]
    };
    amounts.iter().flat_map(pair).collect()
}

#[cfg(test)]
mod tests;
