//! Charges that are kept, day by day, and what a new look at the usage adds to them.
//!
//! A day's charges are kept once its hours are complete. They are never changed: what a later look finds different (usage that came
//! late into a month that is still open, other terms) is kept as differences, under the next revision of the day. As the free
//! tier and the tiers depend on all that came before, a late arrival can move the charges of later days too.
//!
//! A month that was closed keeps its charges for good. What arrives for it afterwards is charged behind them, `P(Q + late) − P(Q)`,
//! on the closed month's own prices and terms, and billed with the month that is current then.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::statement::{Charge, Position, Rate, Rated, UsageRow, rate_from};
use crate::Region;
use crate::price::rating::Overflow;
use crate::price::{Book, Currency, FreeTier, Sku};

/// Usage of a closed month is billed when it is not older than this; what is older is written off, unless the customer agreed.
pub const LATE_MAX: TimeDelta = TimeDelta::days(34);

/// A charge with its currency: what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    pub currency: Currency,
    pub charge: Charge,
}

/// All that tells charges apart but their quantity and amount.
type Key<'a> = (
    DateTime<Utc>,
    &'a Region,
    Sku,
    &'a str,
    Currency,
    &'a Rate,
    i128,
    i128,
);

fn key(priced: &Priced) -> Key<'_> {
    let Priced { currency, charge } = priced;
    (
        charge.hour,
        &charge.rate.region,
        charge.rate.sku,
        &charge.resource,
        *currency,
        &charge.rate,
        charge.price_e14,
        charge.quanta_per_unit,
    )
}

/// The charges of a rated month, in the order of hour, region, SKU, resource.
pub fn charges(rated: Rated) -> Vec<Priced> {
    let mut all: Vec<Priced> = rated
        .statements
        .into_iter()
        .flat_map(|statement| {
            let currency = statement.currency;
            let charges = statement.charges.into_iter();
            charges.map(move |charge| Priced { currency, charge })
        })
        .collect();
    all.sort_by(|one, other| key(one).cmp(&key(other)));
    all
}

/// Kept charges of several revisions, added up, in the order of [`charges`]; what came to nothing is left out.
pub fn sum(kept: impl IntoIterator<Item = Priced>) -> Vec<Priced> {
    let mut all: Vec<Priced> = kept.into_iter().collect();
    all.sort_by(|one, other| key(one).cmp(&key(other)));
    all.dedup_by(|next, sum| {
        let same = key(next) == key(sum);
        if same {
            sum.charge.quantity += next.charge.quantity;
            sum.charge.amount_e10 += next.charge.amount_e10;
        }
        same
    });
    all.retain(|sum| sum.charge.quantity != 0 || sum.charge.amount_e10 != 0);
    all
}

/// What has to be added to the kept charges, day by day, so that they are the wanted ones.
pub fn differences(
    kept: impl IntoIterator<Item = Priced>,
    wanted: impl IntoIterator<Item = Priced>,
) -> BTreeMap<NaiveDate, Vec<Priced>> {
    let taken_back = kept.into_iter().map(|mut priced| {
        priced.charge.quantity = -priced.charge.quantity;
        priced.charge.amount_e10 = -priced.charge.amount_e10;
        priced
    });
    let mut days: BTreeMap<NaiveDate, Vec<Priced>> = BTreeMap::new();
    for priced in sum(wanted.into_iter().chain(taken_back)) {
        let day = priced.charge.hour.date_naive();
        days.entry(day).or_default().push(priced);
    }
    days
}

/// Amounts by currency, at ten digits; a currency that comes to nothing is left out.
pub fn amounts<'a>(charges: impl IntoIterator<Item = &'a Priced>) -> BTreeMap<Currency, i128> {
    let mut amounts = BTreeMap::new();
    for priced in charges {
        *amounts.entry(priced.currency).or_default() += priced.charge.amount_e10;
    }
    amounts.retain(|_, amount| *amount != 0);
    amounts
}

/// What usage there is that no charge covers, and the other way round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uncovered {
    /// Usage beyond the charges.
    pub usage: Vec<UsageRow>,
    /// Charges beyond the usage: there must be none.
    pub charged: Vec<UsageRow>,
}

/// Where usage is booked.
fn place(row: &UsageRow) -> (DateTime<Utc>, &Region, Sku, &str) {
    (row.hour, &row.region, row.sku, &row.resource)
}

/// Compares usage with the charges that were made of it.
pub fn uncovered<'a>(
    usage: Vec<UsageRow>,
    kept: impl IntoIterator<Item = &'a Charge>,
) -> Uncovered {
    let mut left = usage;
    left.extend(kept.into_iter().map(|charge| UsageRow {
        hour: charge.hour,
        region: charge.rate.region.clone(),
        sku: charge.rate.sku,
        resource: charge.resource.clone(),
        coverable: true,
        quantity: -charge.quantity,
    }));
    left.sort_by(|one, other| place(one).cmp(&place(other)));
    left.dedup_by(|next, sum| {
        let same = place(next) == place(sum);
        if same {
            sum.quantity += next.quantity;
            sum.coverable &= next.coverable;
        }
        same
    });
    let mut found = Uncovered::default();
    for mut row in left {
        let side = match row.quantity.signum() {
            1 => &mut found.usage,
            -1 => &mut found.charged,
            _ => continue,
        };
        row.quantity = row.quantity.abs();
        side.push(row);
    }
    found
}

/// Late usage of a closed month, rated behind all of that month that was charged: `position` is there.
pub fn late(
    book: &Book,
    position: Position,
    usage: Vec<UsageRow>,
) -> Result<Vec<Priced>, Overflow> {
    Ok(charges(rate_from(book, position, usage)?))
}

/// A closed month as it was charged, whatever its customer's terms are now; and behind it, what has come since and is not charged yet.
pub fn charged(
    book: &Book,
    allowance: FreeTier,
    kept: Vec<Priced>,
    usage: Vec<UsageRow>,
) -> Result<Rated, Overflow> {
    let charged = || kept.iter().map(|priced| &priced.charge);
    let position = Position::start(allowance).after(charged());
    let pending = uncovered(usage, charged()).usage;
    let mut rated = rate_from(book, position, pending)?;
    let (unpriced, free) = (std::mem::take(&mut rated.unpriced), rated.free);
    let mut statements: BTreeMap<Currency, Vec<Charge>> = BTreeMap::new();
    for priced in sum(kept.into_iter().chain(charges(rated))) {
        let of_currency = statements.entry(priced.currency).or_default();
        of_currency.push(priced.charge);
    }
    Rated::of(statements, unpriced, free)
}

/// Whether late usage of `hour` may still be billed at `now`.
pub fn may_bill_late(hour: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - hour <= LATE_MAX
}

#[cfg(test)]
mod tests;
