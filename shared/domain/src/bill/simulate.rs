//! The bill of a described month, by the rater that real months go through.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use super::profile::{Item, Profile, Runs, Usage};
use super::{Line, Money, Statement, UsageRow, rate, unit_text};
use crate::price::book::hour_of;
use crate::price::rating::{EPHEMERAL_FREE_MB, request_units};
use crate::price::{Book, FreeTier, Sku};
use crate::{ParseError, Region};

/// Provisioned concurrency is charged in steps of five minutes.
const PROVISIONED_STEP_MS: i128 = 300_000;
const STEPS_PER_HOUR: u32 = 12;

/// The largest quantity of an item, in quanta: the sum of any number of them stays in range.
const QUANTITY_MAX: i128 = 10_i128.pow(28);

/// What a described month costs: the lines of its invoice before taxes, and their sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Simulation {
    pub lines: Vec<SimulatedLine>,
    pub currency: String,
    pub total: String,
}

/// A line, as texts. The amount is rounded to the currency's minor unit; the rest is exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SimulatedLine {
    pub region: String,
    pub sku: String,
    /// `free`, or the tier counted from 1.
    pub tier: String,
    pub quantity: String,
    /// Of the quantity, and what the price is per.
    #[serde(skip)]
    pub unit: &'static str,
    /// List price, of what is free too.
    pub unit_price: String,
    pub amount: String,
}

/// Prices a described month.
///
/// What an item uses is used at its `at`, which is the month's first hour where it has none: prices are those in force then.
/// Items in one region share their position in the volume tiers, all share the free tier.
pub fn simulate(profile: &Profile, book: &Book) -> Result<Simulation, ParseError> {
    let Some(statement) = statement(profile, book)? else {
        let currency = book.iter().map(|price| price.currency).next();
        let currency = currency.ok_or_else(|| ParseError::new("the price book is empty"))?;
        return Ok(Simulation::of(&[], Money::new(0, currency)));
    };
    Ok(Simulation::of(&statement.lines, statement.subtotal()))
}

/// The month's only statement; `None` where nothing is used.
pub(super) fn statement(profile: &Profile, book: &Book) -> Result<Option<Statement>, ParseError> {
    let mut rows = Vec::new();
    for (item, number) in profile.items.iter().zip(1_usize..) {
        let used = rows_of(item, number, book);
        let used = used.map_err(|why| ParseError::new(format!("item {number}: {why}")))?;
        rows.extend(used);
    }
    let free = if profile.free_tier {
        FreeTier::month()
    } else {
        FreeTier::none()
    };
    let rated = rate(book, free, rows).map_err(|overflow| ParseError::new(overflow.to_string()))?;
    let mut statements = rated.statements;
    if statements.len() > 1 {
        let currency = |statement: &Statement| statement.currency.to_string();
        let currencies: Vec<_> = statements.iter().map(currency).collect();
        return Err(ParseError::new(format!(
            "the items are priced in {}, which have no common total: make a profile for each currency",
            currencies.join(" and ")
        )));
    }
    Ok(statements.pop())
}

impl Simulation {
    fn of(lines: &[Line], total: Money) -> Self {
        let line = |line: &Line| SimulatedLine {
            region: line.rate.region.to_string(),
            sku: line.rate.sku.to_string(),
            tier: line.rate.tier_name(),
            quantity: line.quantity_text(),
            unit: unit_text(line.rate.sku),
            unit_price: line.unit_price_text(),
            amount: line.amount.amount(),
        };
        Self {
            lines: lines.iter().map(line).collect(),
            currency: total.currency.to_string(),
            total: total.amount(),
        }
    }
}

/// What an item uses, all of which has a price.
fn rows_of(item: &Item, number: usize, book: &Book) -> Result<Vec<UsageRow>, String> {
    let place = Place {
        region: &item.region,
        hour: hour_of(item.at),
        book,
    };
    let quantities = match &item.usage {
        Usage::Quantity { sku, quantity } => vec![(*sku, *quantity, true)],
        Usage::Function(runs) => place.on_demand(runs)?,
        Usage::Provisioned {
            runs,
            concurrency,
            hours,
        } => place.provisioned(runs, *concurrency, *hours)?,
    };
    let used = quantities
        .into_iter()
        .filter(|(_, quantity, _)| *quantity > 0);
    used.map(|(sku, quantity, coverable)| {
        if quantity > QUANTITY_MAX {
            return Err(too_large());
        }
        place.check_price(sku)?;
        Ok(UsageRow {
            hour: place.hour,
            region: item.region.clone(),
            sku,
            resource: format!("item {number:06}"),
            coverable,
            quantity,
        })
    })
    .collect()
}

struct Place<'a> {
    region: &'a Region,
    hour: DateTime<Utc>,
    book: &'a Book,
}

/// SKU, quantity, whether the free tier may cover it.
type Quantity = (Sku, i128, bool);

impl Place<'_> {
    fn on_demand(&self, runs: &Runs) -> Result<Vec<Quantity>, String> {
        let duration = Sku::Duration(runs.architecture);
        let time_ms = self.time_ms(runs, duration)?;
        let event_bytes = u64::from(runs.async_event_kb) * 1_024;
        let requests = i128::from(runs.invocations) * request_units(event_bytes);
        Ok(vec![
            (Sku::Requests, requests, true),
            (duration, times(time_ms, runs.memory_mb)?, true),
            (Sku::EphemeralStorage, extra(runs, time_ms)?, true),
        ])
    }

    /// Nothing that is served under provisioned concurrency is free.
    fn provisioned(
        &self,
        runs: &Runs,
        concurrency: u64,
        hours: Decimal,
    ) -> Result<Vec<Quantity>, String> {
        let duration = Sku::ProvisionedDuration(runs.architecture);
        let time_ms = self.time_ms(runs, duration)?;
        let steps = hours.checked_mul(STEPS_PER_HOUR.into());
        let steps = steps.and_then(|steps| steps.ceil().to_i128());
        let enabled_ms = steps
            .and_then(|steps| steps.checked_mul(PROVISIONED_STEP_MS))
            .and_then(|ms| ms.checked_mul(concurrency.into()))
            .ok_or_else(too_large)?;
        Ok(vec![
            (Sku::Requests, runs.invocations.into(), false),
            (
                Sku::Provisioned(runs.architecture),
                times(enabled_ms, runs.memory_mb)?,
                false,
            ),
            (duration, times(time_ms, runs.memory_mb)?, false),
            (Sku::EphemeralStorage, extra(runs, time_ms)?, false),
        ])
    }

    /// Billed milliseconds of all invocations together, each rounded up to the step of its price (R0).
    fn time_ms(&self, runs: &Runs, duration: Sku) -> Result<i128, String> {
        let step_ms = self.book.duration_step_ms(self.region, duration, self.hour);
        let step_ms = i128::from(step_ms.max(1));
        let whole_ms = runs.billed_ms.ceil().to_i128().ok_or_else(too_large)?;
        let steps = (whole_ms + step_ms - 1) / step_ms;
        let billed_ms = steps.checked_mul(step_ms);
        let time_ms = billed_ms.and_then(|ms| ms.checked_mul(runs.invocations.into()));
        time_ms.ok_or_else(too_large)
    }

    /// Without a price it could be metered, but not billed.
    fn check_price(&self, sku: Sku) -> Result<(), String> {
        if self.book.in_force(self.region, sku, self.hour).is_some() {
            return Ok(());
        }
        let (region, day) = (self.region, self.hour.date_naive());
        if self.book.iter().all(|price| price.region != *region) {
            return Err(format!("the price book has no prices for region {region}"));
        }
        Err(format!(
            "the price book has no price for {sku} in {region} on {day}"
        ))
    }
}

fn extra(runs: &Runs, time_ms: i128) -> Result<i128, String> {
    times(time_ms, runs.ephemeral_mb.saturating_sub(EPHEMERAL_FREE_MB))
}

fn times(time_ms: i128, mb: u32) -> Result<i128, String> {
    time_ms.checked_mul(mb.into()).ok_or_else(too_large)
}

fn too_large() -> String {
    "its numbers are too large to be multiplied".to_owned()
}

#[cfg(test)]
mod tests;
