//! What is due for a month: taxes on the subtotal (R5), then prepaid credit.

use rust_decimal::Decimal;

use super::money::Money;
use super::statement::Line;
use crate::ParseError;
use crate::price::rating::round_half_up;

/// Digits of a tax rate in percent.
const RATE_DIGITS: u32 = 4;

/// A tax and its rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRate {
    /// As invoices show it: `VAT`.
    pub name: String,
    /// In 10⁻⁴ percent: 19 % is 190,000.
    pub percent_e4: i64,
}

impl TaxRate {
    /// A rate in percent, from 0 to 100 with up to four digits behind the point.
    pub fn new(name: &str, percent: Decimal) -> Result<Self, ParseError> {
        let scaled = percent * Decimal::from(10_i64.pow(RATE_DIGITS));
        if name.trim().is_empty() {
            return Err(ParseError::new("a tax needs a name"));
        }
        if !scaled.fract().is_zero() || percent < Decimal::ZERO || percent > Decimal::ONE_HUNDRED {
            return Err(ParseError::new(format!(
                "a tax rate is from 0 to 100 percent with at most {RATE_DIGITS} digits behind the point, got {percent}"
            )));
        }
        let percent_e4 = i64::try_from(scaled.trunc()).unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            percent_e4,
        })
    }

    /// The rate in percent: `19`, `7.7`.
    pub fn percent(&self) -> String {
        super::money::exact(self.percent_e4.into(), 10_i128.pow(RATE_DIGITS))
    }

    fn of(&self, amount: i128) -> i128 {
        round_half_up(
            amount * i128::from(self.percent_e4),
            100 * 10_i128.pow(RATE_DIGITS),
        )
    }
}

/// What taxes are computed from. AWS's own sample bill is off by a cent from the tax on its total, so the level is a setting, recorded
/// on the invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TaxLevel {
    /// From the subtotal, rounded once.
    #[default]
    Invoice,
    /// From each line, rounded each.
    Line,
}

impl TaxLevel {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::Line => "line",
        }
    }
}

impl std::str::FromStr for TaxLevel {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "invoice" => Ok(Self::Invoice),
            "line" => Ok(Self::Line),
            _ => Err(ParseError::new(format!(
                "the tax level is \"invoice\" or \"line\", got {text:?}"
            ))),
        }
    }
}

/// The bottom of an invoice. `subtotal + Σ taxes = total`, `total - credit = due`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    pub subtotal: Money,
    pub taxes: Vec<(TaxRate, Money)>,
    pub total: Money,
    /// Prepaid credit that was used, taxes included.
    pub credit: Money,
    pub due: Money,
}

impl Totals {
    /// Of lines in one currency, with the credit that there is.
    pub fn of(
        lines: &[Line],
        zero: Money,
        rates: &[TaxRate],
        level: TaxLevel,
        credit: Money,
    ) -> Self {
        let money = |minor| Money::new(minor, zero.currency);
        let subtotal: i128 = lines.iter().map(|line| line.amount.minor).sum();
        let taxes: Vec<(TaxRate, Money)> = rates
            .iter()
            .map(|rate| {
                let minor = match level {
                    TaxLevel::Invoice => rate.of(subtotal),
                    TaxLevel::Line => lines.iter().map(|line| rate.of(line.amount.minor)).sum(),
                };
                (rate.clone(), money(minor))
            })
            .collect();
        let total = subtotal + taxes.iter().map(|(_, tax)| tax.minor).sum::<i128>();
        let used = credit.minor.clamp(0, total.max(0));
        Self {
            subtotal: money(subtotal),
            taxes,
            total: money(total),
            credit: money(used),
            due: money(total - used),
        }
    }
}
