//! Adding charges up by period and group.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use super::dimension::Dimension;
use super::item::Item;
use super::usage_type::unit_name;
use crate::bill::Month;
use crate::bill::statement::shown_quanta;
use crate::price::rating::{ROW_DIGITS, round_half_up};
use crate::price::{Currency, Sku};

/// How long the periods of a result are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    Hourly,
    Daily,
    Monthly,
}

/// A stretch of time; the end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

impl Period {
    pub fn contains(self, at: DateTime<Utc>) -> bool {
        self.start <= at && at < self.end
    }

    /// Cut at the hours, days or months of UTC. The first and the last one are as short as this one makes them.
    pub fn split(self, granularity: Granularity) -> Vec<Self> {
        let mut periods = Vec::new();
        let mut start = self.start;
        while start < self.end {
            let end = match granularity {
                Granularity::Hourly => start + TimeDelta::hours(1),
                Granularity::Daily => next_day(start),
                Granularity::Monthly => Month::of(start).end(),
            };
            let end = end.min(self.end);
            periods.push(Self { start, end });
            start = end;
        }
        periods
    }

    /// The months that it touches.
    pub fn months(self) -> impl Iterator<Item = Month> {
        let first = Month::of(self.start);
        std::iter::successors(Some(first), |month| Some(month.next()))
            .take_while(move |month| month.start() < self.end)
    }
}

/// The first moment of the day after.
pub fn next_day(at: DateTime<Utc>) -> DateTime<Utc> {
    day_of(at) + TimeDelta::days(1)
}

/// The first moment of a day.
pub fn day_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.date_naive().and_time(NaiveTime::MIN).and_utc()
}

/// What charges are put together by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    Dimension(Dimension),
    Tag(String),
    CostCategory(String),
}

impl GroupBy {
    /// The key of a charge's group: a value, or `key$value` of a tag.
    pub fn key(&self, item: &Item<'_>) -> String {
        match self {
            Self::Dimension(dimension) => dimension.of(item).into_owned(),
            Self::Tag(key) => format!("{key}${}", item.tag(key)),
            Self::CostCategory(name) => format!("{name}$"),
        }
    }
}

/// What charges amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sum {
    /// At ten digits.
    pub amount_e10: i128,
    /// Of what has a price, in the order of their codes. More than one: the amount means nothing.
    pub currencies: Vec<Currency>,
    /// Quanta by SKU.
    quantities: BTreeMap<Sku, i128>,
}

impl Sum {
    pub fn add(&mut self, item: &Item<'_>) {
        self.amount_e10 += item.amount_e10;
        *self.quantities.entry(item.sku).or_default() += item.quantity;
        if let Some(currency) = item.currency
            && let Err(at) = self.currencies.binary_search(&currency)
        {
            self.currencies.insert(at, currency);
        }
    }

    /// The usage at ten digits and its unit. Quantities of unlike units are added all the same, as AWS does, under the unit
    /// `N/A`.
    pub fn usage_e10(&self) -> (i128, &'static str) {
        let mut by_unit: BTreeMap<&'static str, BTreeMap<i128, i128>> = BTreeMap::new();
        for (sku, quanta) in &self.quantities {
            let unit = by_unit.entry(unit_name(sku.unit())).or_default();
            *unit.entry(shown_quanta(*sku)).or_default() += quanta;
        }
        let rounded = |(quanta_per_unit, quanta): (&i128, &i128)| {
            round_half_up(quanta * 10_i128.pow(ROW_DIGITS), *quanta_per_unit)
        };
        let total = by_unit.values().flatten().map(rounded).sum();
        let mut units = by_unit.keys();
        match (units.next(), units.next()) {
            (Some(unit), None) => (total, unit),
            _ => (total, "N/A"),
        }
    }

    /// The usage in one unit, at ten digits; the rest is left out.
    pub fn usage_in_e10(&self, unit: &str) -> i128 {
        let matching = self
            .quantities
            .iter()
            .filter(|(sku, _)| unit_name(sku.unit()) == unit);
        matching
            .map(|(sku, quanta)| {
                round_half_up(quanta * 10_i128.pow(ROW_DIGITS), shown_quanta(*sku))
            })
            .sum()
    }
}

/// Sums by period and group key; the periods are in order and do not overlap. Charges outside of them are left out.
pub fn by_period<'a>(
    periods: &[Period],
    groups: &[GroupBy],
    items: impl Iterator<Item = Item<'a>>,
) -> Vec<BTreeMap<Vec<String>, Sum>> {
    let mut sums = vec![BTreeMap::new(); periods.len()];
    for item in items {
        let after = periods.partition_point(|period| period.start <= item.hour);
        let Some(index) = after
            .checked_sub(1)
            .filter(|index| periods[*index].contains(item.hour))
        else {
            continue;
        };
        let key: Vec<String> = groups.iter().map(|group| group.key(&item)).collect();
        let sum: &mut Sum = sums[index].entry(key).or_default();
        sum.add(&item);
    }
    sums
}

/// A number at ten digits, without trailing zeros: `0.0000021254`, `0`.
pub fn amount_text(e10: i128) -> String {
    crate::bill::money::exact(e10, 10_i128.pow(ROW_DIGITS))
}
