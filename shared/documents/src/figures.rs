//! Numbers and dates as people read them.

use chrono::{Datelike, NaiveDate};
use domain::bill::Money;
use domain::price::Currency;
use domain::price::rating::ROW_DIGITS;

use crate::Error;

/// The sign of negative numbers where text is typeset: as wide as a digit, unlike a hyphen.
pub(crate) const MINUS: &str = "\u{2212}";

/// Money of a document in ten digits, which no amount has more of.
pub(crate) fn e10(text: &str) -> Result<i128, Error> {
    scaled(text, ROW_DIGITS).ok_or_else(|| Error::NotANumber {
        text: text.to_owned(),
    })
}

/// A decimal text as an integer at `digits` behind the point; `None` if it is none or has more digits.
pub(crate) fn scaled(text: &str, digits: u32) -> Option<i128> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(rest) {
        return None;
    }
    let missing = digits.checked_sub(u32::try_from(rest.len()).ok()?)?;
    let number: i128 = format!("{whole}{rest}").parse().ok()?;
    let number = number.checked_mul(10_i128.checked_pow(missing)?)?;
    Some(if text.starts_with('-') {
        -number
    } else {
        number
    })
}

pub(crate) fn currency(text: &str) -> Result<Currency, Error> {
    text.parse().map_err(|_| Error::NotACurrency {
        text: text.to_owned(),
    })
}

/// Money at ten digits as its currency writes it: `1234.50`.
pub(crate) fn amount(amount_e10: i128, currency: Currency) -> String {
    Money::round_e10(amount_e10, currency).amount()
}

/// `-1234567.5` as `-1,234,567.5`.
pub(crate) fn grouped(text: &str) -> String {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = unsigned.split_at(unsigned.find('.').unwrap_or(unsigned.len()));
    let mut out = String::with_capacity(text.len() + text.len() / 3);
    if text.starts_with('-') {
        out.push('-');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(rest);
    out
}

/// A number with a real minus sign, for typeset documents.
pub(crate) fn typeset(text: &str) -> String {
    text.replacen('-', MINUS, 1)
}

/// An integer at `digits` behind the point without trailing zeros: `0.0023771381`, `12`.
pub(crate) fn trimmed(number: i128, digits: u32) -> String {
    let text = domain::bill::money::fixed(number, digits);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// `30 Sep 2026`.
pub(crate) fn date(day: NaiveDate) -> String {
    day.format("%-d %b %Y").to_string()
}

/// A decimal text as an integer at `digits` behind the point, half away from zero.
pub(crate) fn rounded(text: &str, digits: u32) -> Option<i128> {
    let places = digits as usize;
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    if !rest.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = rest.get(..places.min(rest.len()))?;
    let number = scaled(&format!("{whole}.{kept}"), digits)?;
    let is_up = rest
        .as_bytes()
        .get(places)
        .is_some_and(|digit| *digit >= b'5');
    let step = if text.starts_with('-') { -1 } else { 1 };
    Some(if is_up { number + step } else { number })
}

/// `1 – 30 Sep 2026`, or both dates in full if they are not of one month.
pub(crate) fn period(start: NaiveDate, end: NaiveDate) -> String {
    if (start.year(), start.month()) == (end.year(), end.month()) {
        format!("{} \u{2013} {}", start.day(), date(end))
    } else {
        format!("{} \u{2013} {}", date(start), date(end))
    }
}

#[cfg(test)]
mod tests {
    use super::{e10, grouped, period, rounded, scaled, trimmed};
    use chrono::NaiveDate;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_exactly_or_not_at_all() {
        for (text, digits, want) in [
            ("12.34", 2, Some(1_234)),
            ("-12.3", 2, Some(-1_230)),
            ("7", 4, Some(70_000)),
            ("0.001", 2, None),
            ("", 2, None),
            ("-", 2, None),
            (".5", 2, None),
            ("1.2.3", 4, None),
            ("1e3", 2, None),
            ("+1", 2, None),
            ("99999999999999999999999999999999999999", 10, None),
        ] {
            assert_eq!(scaled(text, digits), want, "{text}");
        }
        assert!(e10("0.00000000001").is_err());
    }

    #[test]
    fn halves_go_away_from_zero() {
        for (text, digits, want) in [
            ("0.123456789", 6, Some(123_457)),
            ("0.1234565", 6, Some(123_457)),
            ("-0.5", 0, Some(-1)),
            ("-0.04", 1, Some(0)),
            (
                "903.4310698322951793670654296875",
                18,
                Some(903_431_069_832_295_179_367),
            ),
            ("1.x", 0, None),
        ] {
            assert_eq!(rounded(text, digits), want, "{text}");
        }
    }

    #[test]
    fn digits_are_grouped_before_the_point_only() {
        for (text, want) in [
            ("0", "0"),
            ("999.1234567", "999.1234567"),
            ("-1000", "-1,000"),
            ("1234567.5", "1,234,567.5"),
        ] {
            assert_eq!(grouped(text), want);
        }
    }

    #[test]
    fn periods_are_short_within_a_month() {
        let day = |month, day| NaiveDate::from_ymd_opt(2026, month, day).expect("a date");
        assert_eq!(period(day(9, 1), day(9, 30)), "1 \u{2013} 30 Sep 2026");
        assert_eq!(
            period(day(9, 1), day(10, 2)),
            "1 Sep 2026 \u{2013} 2 Oct 2026"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(number: i64, digits in 0_u32..18) {
            let text = trimmed(number.into(), digits);
            prop_assert_eq!(scaled(&text, digits), Some(number.into()));
            prop_assert_eq!(rounded(&text, digits), Some(number.into()));
            prop_assert_eq!(scaled(&grouped(&text).replace(',', ""), digits), Some(number.into()));
        }
    }
}
