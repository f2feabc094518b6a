//! A price book as text: CSV without quoting, one tier per line, lines in any order.
//!
//! `region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence[,duration_step_ms]`. Tier bounds are in
//! whole units, `tier_to` is empty for the last tier; `valid_from` is a UTC date, or an RFC 3339 time on the full hour.
//! A book is taken whole or refused whole: half a price list bills wrongly in silence. What [`Book::to_csv`] writes is read as
//! the same book.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use rust_decimal::Decimal;

use super::book::{Book, Currency, PRICE_DIGITS, Price, STEP_MS_DEFAULT, Tier};
use super::sku::Sku;
use crate::Region;
use crate::bill::money::exact;

const COLUMNS: &str = "region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence";
const STEP_COLUMN: &str = "duration_step_ms";

/// Why a price book was refused: the line (the header is line 1) and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("price book, line {line}: {reason}")]
pub struct BookError {
    pub line: usize,
    pub reason: String,
}

/// A line, understood by itself.
struct Row {
    line: usize,
    region: Region,
    sku: Sku,
    currency: Currency,
    valid_from: DateTime<Utc>,
    duration_step_ms: u32,
    source: String,
    tier: Tier,
}

impl Book {
    /// Parses a book's text (its form is in the module's documentation).
    pub fn parse(text: &str) -> Result<Self, BookError> {
        let mut rows = BTreeMap::<(Region, Sku, DateTime<Utc>), Vec<Row>>::new();
        for row in parse_rows(text)? {
            let key = (row.region.clone(), row.sku, row.valid_from);
            rows.entry(key).or_default().push(row);
        }
        let mut prices = Vec::with_capacity(rows.len());
        for rows in rows.into_values() {
            prices.push(join(rows)?);
        }
        Self::new(prices).map_err(|error| BookError {
            line: 0,
            reason: error.to_string(),
        })
    }
}

impl Book {
    /// The book as text, by region, SKU, time and tier. The last column is there where a price has another step than 1.
    pub fn to_csv(&self) -> String {
        let stepped = self
            .iter()
            .any(|price| price.duration_step_ms != STEP_MS_DEFAULT);
        let mut text = COLUMNS.to_owned();
        if stepped {
            text.extend([",", STEP_COLUMN]);
        }
        text.push('\n');
        for price in self.iter() {
            for tier in &price.tiers {
                let step = stepped.then_some(price.duration_step_ms);
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{}", row_text(price, tier, step));
            }
        }
        text
    }
}

fn row_text(price: &Price, tier: &Tier, step_ms: Option<u32>) -> String {
    let bound = |quanta| exact(quanta, price.quanta_per_unit);
    let mut fields = vec![
        price.region.to_string(),
        price.sku.to_string(),
        price.currency.to_string(),
        price.sku.unit().as_str().to_owned(),
        bound(tier.from),
        tier.to.map(bound).unwrap_or_default(),
        exact(tier.price_e14, 10_i128.pow(PRICE_DIGITS)),
        time_text(price.valid_from),
        price.source.clone(),
    ];
    fields.extend(step_ms.map(|ms| ms.to_string()));
    fields.join(",")
}

/// A moment on the full hour as a book has it: the date alone where that says it.
pub fn time_text(at: DateTime<Utc>) -> String {
    let format = if at.time() == NaiveTime::MIN {
        "%Y-%m-%d"
    } else {
        "%Y-%m-%dT%H:%M:%SZ"
    };
    at.format(format).to_string()
}

fn parse_rows(text: &str) -> Result<Vec<Row>, BookError> {
    let mut lines = text.lines().enumerate();
    let header = lines.next().map_or("", |(_, header)| header);
    let fail = |line, reason| BookError { line, reason };
    if header != COLUMNS && header != format!("{COLUMNS},{STEP_COLUMN}") {
        let reason = format!("columns must be {COLUMNS}, optionally {STEP_COLUMN}");
        return Err(fail(1, reason));
    }
    let width = header.split(',').count();
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(index, line)| {
            parse_row(index + 1, line, width).map_err(|reason| fail(index + 1, reason))
        })
        .collect()
}

fn parse_row(line: usize, text: &str, width: usize) -> Result<Row, String> {
    let fields: Vec<&str> = text.split(',').collect();
    if fields.len() != width {
        return Err(format!("{} fields instead of {width}", fields.len()));
    }
    let sku: Sku = parse(fields[1])?;
    if fields[3] != sku.unit().as_str() {
        let (unit, got) = (sku.unit().as_str(), fields[3]);
        return Err(format!("{sku} is priced per {unit:?}, got {got:?}"));
    }
    let step = fields.get(9).copied().filter(|step| !step.is_empty());
    Ok(Row {
        line,
        region: parse(fields[0])?,
        sku,
        currency: parse(fields[2])?,
        valid_from: parse_time(fields[7])?,
        duration_step_ms: step.map_or(Ok(STEP_MS_DEFAULT), parse)?,
        source: fields[8].to_owned(),
        tier: Tier {
            from: parse_bound(fields[4], sku)?,
            to: match fields[5] {
                "" => None,
                bound => Some(parse_bound(bound, sku)?),
            },
            price_e14: parse_price(fields[6])?,
        },
    })
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

fn parse_bound(text: &str, sku: Sku) -> Result<i128, String> {
    let units: u64 = parse(text)?;
    Ok(i128::from(units) * sku.unit().quanta())
}

fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| format!("{text:?} is neither a date nor a time"))
}

/// A decimal number as an integer at 10⁻¹⁴; refused where that would lose a digit.
pub fn parse_price(text: &str) -> Result<i128, String> {
    // `from_str` rounds what does not fit, silently: only `from_str_exact` may be used on money.
    let price = Decimal::from_str_exact(text)
        .map_err(|error| format!("{text:?} is not a price: {error}"))?
        .normalize();
    let missing = PRICE_DIGITS.checked_sub(price.scale());
    missing
        .and_then(|digits| price.mantissa().checked_mul(10_i128.pow(digits)))
        .ok_or_else(|| format!("{text:?} has more than {PRICE_DIGITS} digits behind the point"))
}

/// One price version from all its tiers.
fn join(mut rows: Vec<Row>) -> Result<Price, BookError> {
    rows.sort_by_key(|row| row.tier.from);
    let head = &rows[0];
    let fail = |line, reason: &str| BookError {
        line,
        reason: reason.to_owned(),
    };
    if let Some(other) = rows.iter().find(|row| row.currency != head.currency) {
        return Err(fail(other.line, "tiers of one price differ in currency"));
    }
    if let Some(other) = rows
        .iter()
        .find(|row| row.duration_step_ms != head.duration_step_ms)
    {
        return Err(fail(
            other.line,
            "tiers of one price differ in rounding step",
        ));
    }
    let price = Price {
        region: head.region.clone(),
        sku: head.sku,
        currency: head.currency,
        valid_from: head.valid_from,
        quanta_per_unit: head.sku.unit().quanta(),
        duration_step_ms: head.duration_step_ms,
        source: head.source.clone(),
        tiers: rows.iter().map(|row| row.tier).collect(),
    };
    let last_line = rows.iter().map(|row| row.line).max().unwrap_or(0);
    price.check().map_err(|error| BookError {
        line: last_line,
        reason: format!("{} {}: {error}", price.region, price.sku),
    })?;
    Ok(price)
}

#[cfg(test)]
mod tests;
