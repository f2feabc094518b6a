//! The price book: immutable price versions by region, SKU and time.
//!
//! [`super::text`] reads one from CSV.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

use super::Sku;
use crate::{ParseError, Region};

/// Digits behind the point that a unit price may have.
pub const PRICE_DIGITS: u32 = 14;

/// The rounding step of billed duration that holds unless a price says otherwise.
pub const STEP_MS_DEFAULT: u32 = 1;

/// Characters in a book's name.
const BOOK_NAME_MAX: usize = 64;

/// An ISO 4217 code: three upper-case letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Digits of its minor unit by ISO 4217: 2 for USD, 0 for JPY, 3 for KWD; 2 for what has none.
    pub fn digits(self) -> u32 {
        iso_currency::Currency::from_code(self.as_str())
            .and_then(iso_currency::Currency::exponent)
            .map_or(2, u32::from)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Currency {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(ParseError::new(format!(
                "currency must be three capital letters, got {text:?}"
            ))),
        }
    }
}

/// One step of a price: a unit price for the quantities `from..to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// First cumulative quantum that this tier prices.
    pub from: i128,
    /// First one that it no longer prices; `None`: without end.
    pub to: Option<i128>,
    /// Price of one unit, in 10⁻¹⁴ of the currency.
    pub price_e14: i128,
}

/// One price version: what a SKU costs in a region from a moment on, until the next version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    pub region: Region,
    pub sku: Sku,
    pub currency: Currency,
    pub valid_from: DateTime<Utc>,
    /// Quanta in the unit that prices are per.
    pub quanta_per_unit: i128,
    /// Billed duration is rounded up to this many milliseconds.
    pub duration_step_ms: u32,
    /// Where the price comes from.
    pub source: String,
    /// From 0 without a gap; the last one has no end.
    pub tiers: Vec<Tier>,
}

impl Price {
    /// Whether this price can be used at all: says what is wrong with it.
    pub fn check(&self) -> Result<(), ParseError> {
        let fail = |why: &str| Err(ParseError::new(why.to_owned()));
        if !on_the_hour(self.valid_from) {
            return fail("valid_from is not on the full hour");
        }
        if self.quanta_per_unit <= 0 {
            return fail("a unit must have at least one quantum");
        }
        if !matches!(self.duration_step_ms, 1 | 100) {
            return fail("duration_step_ms must be 1 or 100");
        }
        if self.tiers.first().is_none_or(|tier| tier.from != 0) {
            return fail("the first tier does not start at 0");
        }
        if self.tiers.iter().any(|tier| tier.price_e14 < 0) {
            return fail("a price is negative");
        }
        if self
            .tiers
            .iter()
            .any(|tier| tier.to.is_some_and(|to| to <= tier.from))
        {
            return fail("a tier ends before it starts");
        }
        let joined = self
            .tiers
            .windows(2)
            .all(|pair| pair[0].to == Some(pair[1].from));
        if !joined {
            return fail("tiers leave a gap or overlap");
        }
        if self.tiers.last().is_some_and(|tier| tier.to.is_some()) {
            return fail("the last tier has an end");
        }
        Ok(())
    }
}

impl Price {
    /// Whether two versions charge the same; where the price was read does not matter.
    pub fn charges_as(&self, other: &Self) -> bool {
        let charge = |price: &Self| {
            (
                price.currency,
                price.quanta_per_unit,
                price.duration_step_ms,
                price.tiers.clone(),
            )
        };
        charge(self) == charge(other)
    }
}

/// Whether a book may be called so: 1 to 64 lower-case letters, digits, dots, dashes and underscores.
pub fn check_book_name(name: &str) -> Result<(), ParseError> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
    if (1..=BOOK_NAME_MAX).contains(&name.len()) && name.bytes().all(legal) {
        return Ok(());
    }
    Err(ParseError::new(format!(
        "a price book's name has 1 to {BOOK_NAME_MAX} lower-case letters, digits, dots, dashes and underscores, got {name:?}"
    )))
}

fn on_the_hour(at: DateTime<Utc>) -> bool {
    at.timestamp().rem_euclid(3_600) == 0 && at.timestamp_subsec_nanos() == 0
}

/// The UTC hour that a moment belongs to.
pub fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    let into_hour = at.timestamp().rem_euclid(3_600);
    at - TimeDelta::seconds(into_hour) - TimeDelta::nanoseconds(at.timestamp_subsec_nanos().into())
}

/// All price versions, for look-up by region, SKU and time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    /// Versions in the order of their `valid_from`.
    prices: BTreeMap<Region, BTreeMap<Sku, Vec<Price>>>,
}

impl Book {
    /// A book of these prices, each of which must be sound and the only one of its region, SKU and time.
    pub fn new(prices: impl IntoIterator<Item = Price>) -> Result<Self, ParseError> {
        let mut book = Self::default();
        for price in prices {
            price.check().map_err(|error| {
                ParseError::new(format!("{} {}: {error}", price.region, price.sku))
            })?;
            book.insert(price)?;
        }
        Ok(book)
    }

    pub(super) fn insert(&mut self, price: Price) -> Result<(), ParseError> {
        let versions = self
            .prices
            .entry(price.region.clone())
            .or_default()
            .entry(price.sku)
            .or_default();
        match versions.binary_search_by_key(&price.valid_from, |other| other.valid_from) {
            Ok(_) => Err(ParseError::new(format!(
                "{} {} has two prices from {}",
                price.region, price.sku, price.valid_from
            ))),
            Err(at) => {
                versions.insert(at, price);
                Ok(())
            }
        }
    }

    /// The price that holds in a region at a moment: the latest version that started by then.
    pub fn in_force(&self, region: &Region, sku: Sku, at: DateTime<Utc>) -> Option<&Price> {
        let versions = self.prices.get(region)?.get(&sku)?;
        let later = versions.partition_point(|price| price.valid_from <= at);
        versions.get(later.checked_sub(1)?)
    }

    /// The version that starts at exactly this moment.
    pub fn starting(&self, region: &Region, sku: Sku, at: DateTime<Utc>) -> Option<&Price> {
        let price = self.in_force(region, sku, at)?;
        (price.valid_from == at).then_some(price)
    }

    pub fn is_empty(&self) -> bool {
        self.prices.is_empty()
    }

    /// Every price version, by region, SKU and time.
    pub fn iter(&self) -> impl Iterator<Item = &Price> {
        self.prices.values().flat_map(BTreeMap::values).flatten()
    }
}
