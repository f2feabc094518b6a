//! Amounts of money: integers with a currency and a number of digits.

use std::fmt;

use rust_decimal::Decimal;

use super::super::price::rating::{ROW_DIGITS, round_half_up};
use crate::ParseError;
use crate::price::Currency;

/// An amount in the minor units of its currency: cents, or whole yen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    pub minor: i128,
    pub currency: Currency,
}

impl Money {
    pub fn new(minor: i128, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// The same amount at ten digits, as the ledger keeps it.
    pub fn e10(self) -> i128 {
        self.minor * 10_i128.pow(ROW_DIGITS.saturating_sub(self.currency.digits()))
    }

    /// An amount at ten digits, half away from zero to the minor unit.
    pub fn round_e10(amount_e10: i128, currency: Currency) -> Self {
        let step = 10_i128.pow(ROW_DIGITS.saturating_sub(currency.digits()));
        Self::new(round_half_up(amount_e10, step), currency)
    }

    /// An amount in the major unit, such as `2.73`, exactly.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, ParseError> {
        let digits = currency.digits();
        let minor = parse_fixed(text, digits).ok_or_else(|| {
            ParseError::new(format!(
                "{text:?} is not an amount in {currency}: a number with at most {digits} digits behind the point"
            ))
        })?;
        Ok(Self::new(minor, currency))
    }

    /// The amount alone: `2.73`, `-0.05`, `1200` (yen).
    pub fn amount(self) -> String {
        fixed(self.minor, self.currency.digits())
    }
}

impl fmt::Display for Money {
    /// `2.73 USD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

/// An integer at `digits` behind the point, all of which are written.
pub fn fixed(number: i128, digits: u32) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let unit = 10_u128.pow(digits);
    let (whole, rest) = (number.unsigned_abs() / unit, number.unsigned_abs() % unit);
    if digits == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{rest:0width$}", width = digits as usize)
}

/// The integer at `digits` behind the point that [`fixed`] writes so; fewer digits are taken, more are not, unless they are 0.
pub fn parse_fixed(text: &str, digits: u32) -> Option<i128> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(rest) {
        return None;
    }
    let rest = rest.trim_end_matches('0');
    let missing = digits.checked_sub(u32::try_from(rest.len()).ok()?)?;
    let part = if rest.is_empty() {
        0
    } else {
        rest.parse::<i128>().ok()?
    };
    let part = part.checked_mul(10_i128.checked_pow(missing)?)?;
    let whole = whole.parse::<i128>().ok()?;
    let number = whole.checked_mul(10_i128.checked_pow(digits)?)?;
    let number = number.checked_add(part)?;
    Some(if negative { -number } else { number })
}

/// `numerator / denominator` written out exactly, without trailing zeros. The denominator must be of the form 2ᵃ × 5ᵇ with a and b up
/// to 30, as all units and prices are; what would need more digits than that is cut off.
pub fn exact(numerator: i128, denominator: i128) -> String {
    let sign = if (numerator < 0) == (denominator < 0) || numerator == 0 {
        ""
    } else {
        "-"
    };
    let (numerator, denominator) = (numerator.unsigned_abs(), denominator.unsigned_abs().max(1));
    let mut text = format!("{sign}{}", numerator / denominator);
    let mut rest = numerator % denominator;
    if rest > 0 {
        text.push('.');
    }
    for _ in 0..30 {
        if rest == 0 {
            break;
        }
        // A rest is smaller than its denominator, the largest of which has 15 digits times the price's 14.
        rest *= 10;
        let digit = u8::try_from(rest / denominator).unwrap_or(0);
        text.push(char::from(b'0' + digit));
        rest %= denominator;
    }
    text
}

/// An integer at `digits` as a decimal; `None` beyond the 28 digits that one has.
pub fn decimal(number: i128, digits: u32) -> Option<Decimal> {
    Decimal::try_from_i128_with_scale(number, digits).ok()
}
