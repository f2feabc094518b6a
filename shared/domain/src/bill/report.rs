//! Cost and usage, grouped.
//!
//! A report is made of charges (R2), each of which falls into exactly one group: whatever it is grouped by, a report adds up
//! to the same total (invariant I12).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::{Charge, Month, UsageRow};
use crate::price::book::hour_of;
use crate::price::{Currency, Sku};
use crate::{AccountId, ParseError, Region};

/// How many dimensions a report may be grouped by.
pub const DIMENSIONS_MAX: usize = 2;

/// The longest report, in months that it touches: each of them is rated as a whole.
pub const MONTHS_MAX: u32 = 24;

/// What a report can be grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    Account,
    Day,
    Hour,
    /// By the function's ARN.
    Function,
    Region,
    Sku,
    /// By the value that a function's tag of this key has now; the empty one where it has none.
    Tag(String),
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account => f.write_str("account"),
            Self::Day => f.write_str("day"),
            Self::Hour => f.write_str("hour"),
            Self::Function => f.write_str("function"),
            Self::Region => f.write_str("region"),
            Self::Sku => f.write_str("sku"),
            Self::Tag(key) => write!(f, "tag:{key}"),
        }
    }
}

impl FromStr for Dimension {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Ok(match text {
            "account" => Self::Account,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "function" => Self::Function,
            "region" => Self::Region,
            "sku" => Self::Sku,
            _ => match text.strip_prefix("tag:") {
                Some(key) if !key.is_empty() => Self::Tag(key.to_owned()),
                _ => {
                    return Err(ParseError::new(format!(
                        "a report is grouped by day, hour, function, region, sku, account or tag:KEY, got {text:?}"
                    )));
                }
            },
        })
    }
}

/// Checks what a report is grouped by: up to two different dimensions.
pub fn check_dimensions(by: &[Dimension]) -> Result<(), ParseError> {
    if by.len() > DIMENSIONS_MAX {
        return Err(ParseError::new(format!(
            "a report is grouped by {DIMENSIONS_MAX} dimensions at most, got {}",
            by.len()
        )));
    }
    match by {
        [first, second] if first == second => Err(ParseError::new(format!(
            "a report is grouped by {first} once"
        ))),
        _ => Ok(()),
    }
}

/// The hours that a report covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first hour.
    pub from: DateTime<Utc>,
    /// The first one no longer in it.
    pub to: DateTime<Utc>,
}

impl Span {
    pub fn of_month(month: Month) -> Self {
        Self {
            from: month.start(),
            to: month.end(),
        }
    }

    /// From one full hour to another, over not too many months.
    pub fn new(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Self, ParseError> {
        if hour_of(from) != from || hour_of(to) != to {
            return Err(ParseError::new(
                "usage is kept by the hour: from and to must be on the full hour, in UTC",
            ));
        }
        if to <= from {
            return Err(ParseError::new("to must be after from"));
        }
        let span = Self { from, to };
        if span.months().take(MONTHS_MAX as usize + 1).count() > MONTHS_MAX as usize {
            return Err(ParseError::new(format!(
                "a report covers {MONTHS_MAX} months at most"
            )));
        }
        Ok(span)
    }

    /// The months that it touches.
    pub fn months(self) -> impl Iterator<Item = Month> {
        std::iter::successors(Some(Month::of(self.from)), |month| Some(month.next()))
            .take_while(move |month| month.start() < self.to)
    }

    pub fn contains(self, at: DateTime<Utc>) -> bool {
        self.from <= at && at < self.to
    }
}

/// Tags of functions, by ARN.
pub type Tags = BTreeMap<String, BTreeMap<String, String>>;

/// A group's place: what its dimensions are in it, in their order, and its currency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub values: Vec<String>,
    pub currency: Currency,
}

/// What a group cost and used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    pub amount_e10: i128,
    /// In quanta, by SKU: what is free is in it.
    pub usage: BTreeMap<Sku, i128>,
}

/// A report, to which charges are added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub by: Vec<Dimension>,
    pub groups: BTreeMap<Key, Group>,
    /// In quanta: usage that its book has no price for. Shown, not charged.
    pub unpriced: BTreeMap<(Region, Sku), i128>,
}

impl Report {
    pub fn new(by: Vec<Dimension>) -> Self {
        Self {
            by,
            groups: BTreeMap::new(),
            unpriced: BTreeMap::new(),
        }
    }

    /// Adds a charge of an account.
    pub fn add(&mut self, account: AccountId, currency: Currency, charge: &Charge, tags: &Tags) {
        let value = |dimension: &Dimension| match dimension {
            Dimension::Account => account.to_string(),
            Dimension::Day => charge.hour.format("%Y-%m-%d").to_string(),
            Dimension::Hour => charge.hour.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            Dimension::Function => charge.resource.clone(),
            Dimension::Region => charge.rate.region.to_string(),
            Dimension::Sku => charge.rate.sku.to_string(),
            Dimension::Tag(key) => {
                let tag = tags.get(&charge.resource).and_then(|tags| tags.get(key));
                tag.cloned().unwrap_or_default()
            }
        };
        let key = Key {
            values: self.by.iter().map(value).collect(),
            currency,
        };
        let group = self.groups.entry(key).or_default();
        group.amount_e10 += charge.amount_e10;
        *group.usage.entry(charge.rate.sku).or_default() += charge.quantity;
    }

    /// Adds usage that has no price.
    pub fn add_unpriced(&mut self, row: &UsageRow) {
        let place = (row.region.clone(), row.sku);
        *self.unpriced.entry(place).or_default() += row.quantity;
    }

    /// The sum of all groups, by currency.
    pub fn totals(&self) -> BTreeMap<Currency, Group> {
        let mut totals = BTreeMap::<Currency, Group>::new();
        for (key, group) in &self.groups {
            let total = totals.entry(key.currency).or_default();
            total.amount_e10 += group.amount_e10;
            for (sku, quantity) in &group.usage {
                *total.usage.entry(*sku).or_default() += quantity;
            }
        }
        totals
    }
}

#[cfg(test)]
mod tests;
