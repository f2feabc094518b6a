//! What a month will have cost.
//!
//! Not the cost is carried on, but the usage: what was used per hour in the last seven days goes on until the month's end, by
//! region and SKU, and is rated together with what the month has used so far. So the free tier that is left, volume tiers and
//! prices that change are in it. Before there were seven days of usage, the time since the first usage counts.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use super::{Month, UsageRow};
use crate::Region;
use crate::price::Sku;
use crate::price::book::hour_of;
use crate::price::rating::{Overflow, round_half_up};

/// The window that is carried on.
pub const WINDOW_HOURS: i64 = 7 * 24;

/// What [`project`] calls the resource of its rows.
pub const RESOURCE: &str = "forecast";

/// Usage that is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// One per day that is left, region, SKU and kind.
    pub rows: Vec<UsageRow>,
    /// Complete hours that were carried on; 0 where there is no usage before this hour: nothing is expected then.
    pub window_hours: i64,
}

/// The first hour of the window that ends at `now`.
pub fn window_start(now: DateTime<Utc>) -> DateTime<Utc> {
    hour_of(now) - TimeDelta::hours(WINDOW_HOURS)
}

/// Carries usage on from `now`, or from the month's start where that is later, to the month's end. Rows outside the window are
/// left out.
pub fn project(
    used: &[UsageRow],
    month: Month,
    now: DateTime<Utc>,
) -> Result<Projection, Overflow> {
    let end = hour_of(now);
    let in_window = |row: &&UsageRow| window_start(now) <= row.hour && row.hour < end;
    let first = used.iter().filter(in_window).map(|row| row.hour).min();
    let window_hours = first.map_or(0, |first| (end - first).num_hours());
    let mut rows = Vec::new();
    for ((region, sku, coverable), quantity) in sums(used.iter().filter(in_window)) {
        let mut before = 0;
        for (day, upto_s) in days(now.max(month.start()), month.end()) {
            let upto = quantity.checked_mul(upto_s.into()).ok_or(Overflow)?;
            let upto = round_half_up(upto, i128::from(window_hours) * 3_600);
            rows.push(UsageRow {
                hour: hour_of(day),
                region: region.clone(),
                sku,
                resource: RESOURCE.to_owned(),
                coverable,
                quantity: upto - before,
            });
            before = upto;
        }
    }
    rows.retain(|row| row.quantity > 0);
    Ok(Projection { rows, window_hours })
}

fn sums<'a>(rows: impl Iterator<Item = &'a UsageRow>) -> BTreeMap<(Region, Sku, bool), i128> {
    let mut sums = BTreeMap::new();
    for row in rows {
        let place = (row.region.clone(), row.sku, row.coverable);
        *sums.entry(place).or_default() += row.quantity;
    }
    sums
}

/// The days from one moment to another: where each begins, and the seconds from the first moment to its end.
fn days(from: DateTime<Utc>, to: DateTime<Utc>) -> impl Iterator<Item = (DateTime<Utc>, i64)> {
    let end_of = move |at: DateTime<Utc>| {
        let midnight = at
            .date_naive()
            .succ_opt()
            .map(|day| day.and_time(NaiveTime::MIN));
        midnight.map_or(to, |midnight| midnight.and_utc()).min(to)
    };
    let starts = std::iter::successors(Some(from), move |at| Some(end_of(*at)));
    starts
        .take_while(move |at| *at < to)
        .map(move |at| (at, (end_of(at) - from).num_seconds()))
}

#[cfg(test)]
mod tests;
