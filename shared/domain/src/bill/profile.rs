//! A described month: what `tollgate billing simulate` is given, as JSON.
//!
//! `{"month": "2026-10", "free_tier": true, "items": [..]}`; an item is a `function`, a `provisioned` concurrency or the
//! quantity of a `sku`. A field that does not exist is refused, and every refusal names the item, counted from 1.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use serde_json::value::RawValue;

use super::statement::shown_quanta;
use super::{Month, quantity_text, unit_text};
use crate::price::Sku;
use crate::price::rating::EPHEMERAL_FREE_MB;
use crate::{Architecture, ParseError, Region};

const MEMORY_MB: std::ops::RangeInclusive<u32> = 128..=10_240;
const EPHEMERAL_MB: std::ops::RangeInclusive<u32> = EPHEMERAL_FREE_MB..=10_240;
/// The largest event that an asynchronous invocation may have.
const EVENT_KB_MAX: u32 = 1_024;

/// A month's usage, described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub month: Month,
    pub free_tier: bool,
    pub items: Vec<Item>,
}

/// What is used in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub region: Region,
    /// The moment that all of it is used at: it decides the price version, and who comes first in the free tier.
    pub at: DateTime<Utc>,
    pub usage: Usage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usage {
    /// Invocations on demand.
    Function(Runs),
    /// Provisioned concurrency, and the invocations that it serves.
    Provisioned {
        runs: Runs,
        concurrency: u64,
        /// How long it is enabled.
        hours: Decimal,
    },
    /// A quantity of a SKU, in quanta.
    Quantity { sku: Sku, quantity: i128 },
}

/// Invocations that are all alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    pub architecture: Architecture,
    pub memory_mb: u32,
    pub ephemeral_mb: u32,
    pub invocations: u64,
    /// Of each, before it is rounded up to the price's step.
    pub billed_ms: Decimal,
    /// Size of each one's event, where they are asynchronous.
    pub async_event_kb: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileText {
    month: String,
    #[serde(default = "yes")]
    free_tier: bool,
    items: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum ItemText {
    Function(FunctionText),
    Provisioned(ProvisionedText),
    Sku(SkuText),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FunctionText {
    region: Region,
    at: Option<String>,
    #[serde(default = "x86_64")]
    arch: Architecture,
    memory_mb: u32,
    #[serde(default = "ephemeral_free_mb")]
    ephemeral_mb: u32,
    invocations: u64,
    #[serde(deserialize_with = "decimal")]
    billed_ms: Decimal,
    #[serde(default)]
    async_event_kb: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProvisionedText {
    region: Region,
    at: Option<String>,
    #[serde(default = "x86_64")]
    arch: Architecture,
    memory_mb: u32,
    #[serde(default = "ephemeral_free_mb")]
    ephemeral_mb: u32,
    concurrency: u64,
    #[serde(deserialize_with = "decimal")]
    hours: Decimal,
    #[serde(default)]
    invocations: u64,
    #[serde(default, deserialize_with = "decimal")]
    billed_ms: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SkuText {
    region: Region,
    at: Option<String>,
    sku: String,
    #[serde(deserialize_with = "decimal")]
    quantity: Decimal,
}

fn yes() -> bool {
    true
}

fn x86_64() -> Architecture {
    Architecture::X86_64
}

fn ephemeral_free_mb() -> u32 {
    EPHEMERAL_FREE_MB
}

/// A number, or a text that is one. Its digits count as they are written; none is lost.
fn decimal<'de, D: Deserializer<'de>>(from: D) -> Result<Decimal, D::Error> {
    let text = match Value::deserialize(from)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        other => return Err(de::Error::custom(format!("{other} is not a number"))),
    };
    Decimal::from_str_exact(&text)
        .map_err(|_| de::Error::custom(format!("{text:?} is not a number of up to 28 digits")))
}

impl FromStr for Profile {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let profile: ProfileText = serde_json::from_str(text)
            .map_err(|error| ParseError::new(format!("the profile cannot be read: {error}")))?;
        let month = profile.month.parse()?;
        let items = profile.items.iter().zip(1..).map(|(raw, number)| {
            item(raw.get(), month)
                .map_err(|error| ParseError::new(format!("item {number}: {error}")))
        });
        Ok(Self {
            month,
            free_tier: profile.free_tier,
            items: items.collect::<Result<_, _>>()?,
        })
    }
}

fn item(text: &str, month: Month) -> Result<Item, ParseError> {
    let item: ItemText = serde_json::from_str(text).map_err(|error| {
        // Its position is that in the item alone, of which the reader knows nothing.
        let why = error.to_string();
        ParseError::new(why.split(" at line ").next().unwrap_or(&why))
    })?;
    let (region, at, usage) = match item {
        ItemText::Function(of) => {
            let runs = Runs {
                architecture: of.arch,
                memory_mb: of.memory_mb,
                ephemeral_mb: of.ephemeral_mb,
                invocations: of.invocations,
                billed_ms: of.billed_ms,
                async_event_kb: of.async_event_kb,
            };
            (of.region, of.at, Usage::Function(runs.check()?))
        }
        ItemText::Provisioned(of) => {
            let runs = Runs {
                architecture: of.arch,
                memory_mb: of.memory_mb,
                ephemeral_mb: of.ephemeral_mb,
                invocations: of.invocations,
                billed_ms: of.billed_ms,
                async_event_kb: 0,
            };
            not_negative("hours", of.hours)?;
            let usage = Usage::Provisioned {
                runs: runs.check()?,
                concurrency: of.concurrency,
                hours: of.hours,
            };
            (of.region, of.at, usage)
        }
        ItemText::Sku(of) => {
            let sku: Sku = of.sku.parse()?;
            let quantity = quanta(sku, of.quantity)?;
            (of.region, of.at, Usage::Quantity { sku, quantity })
        }
    };
    Ok(Item {
        region,
        at: at.map_or_else(|| Ok(month.start()), |at| moment(&at, month))?,
        usage,
    })
}

impl Runs {
    fn check(self) -> Result<Self, ParseError> {
        within("memory_mb", self.memory_mb, &MEMORY_MB)?;
        within("ephemeral_mb", self.ephemeral_mb, &EPHEMERAL_MB)?;
        within("async_event_kb", self.async_event_kb, &(0..=EVENT_KB_MAX))?;
        not_negative("billed_ms", self.billed_ms)?;
        Ok(self)
    }
}

fn within(name: &str, value: u32, range: &std::ops::RangeInclusive<u32>) -> Result<(), ParseError> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = (range.start(), range.end());
    Err(ParseError::new(format!(
        "{name} must be from {least} to {most}, got {value}"
    )))
}

fn not_negative(name: &str, value: Decimal) -> Result<(), ParseError> {
    if value.is_sign_negative() && !value.is_zero() {
        return Err(ParseError::new(format!(
            "{name} must not be negative, got {value}"
        )));
    }
    Ok(())
}

/// A quantity in the unit that people read as quanta. What is no whole number of them could not have been metered: it is refused.
fn quanta(sku: Sku, quantity: Decimal) -> Result<i128, ParseError> {
    not_negative("quantity", quantity)?;
    let too_large = || ParseError::new(format!("quantity {quantity} is too large"));
    let scaled = quantity.mantissa().checked_mul(shown_quanta(sku));
    let scaled = scaled.ok_or_else(too_large)?;
    let unit = 10_i128.pow(quantity.scale());
    if scaled % unit == 0 {
        return Ok(scaled / unit);
    }
    let below = scaled / unit;
    let text = |quanta| quantity_text(sku, quanta);
    Err(ParseError::new(format!(
        "quantity {quantity} {} is not a whole number of {}: the nearest that are have {} and {}",
        unit_text(sku),
        plural(sku),
        text(below),
        text(below + 1),
    )))
}

fn plural(sku: Sku) -> String {
    let quantum = sku.unit().quantum();
    if quantum.contains(char::is_uppercase) {
        return quantum.to_owned();
    }
    format!("{quantum}s")
}

fn moment(text: &str, month: Month) -> Result<DateTime<Utc>, ParseError> {
    let day = text.parse::<NaiveDate>();
    let at = day
        .map(|day| day.and_time(NaiveTime::MIN).and_utc())
        .or_else(|_| DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()))
        .map_err(|_| {
            ParseError::new(format!(
                "at must be a date or an RFC 3339 time, got {text:?}"
            ))
        })?;
    if !month.contains(at) {
        return Err(ParseError::new(format!(
            "at must lie in {month}, got {text:?}"
        )));
    }
    Ok(at)
}
