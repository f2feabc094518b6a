//! What the next days will cost: the days behind, carried on.
//!
//! The mean of the full days that are known is the forecast of each day to come. With `s` the sample deviation of `n` days, the
//! sum of `m` days to come lies within `z × s × √(m + m²/n)` of `m` means: the days scatter, and the mean itself is known only
//! so well. No season, no trend: a week's rhythm is in the deviation. All of it is integer arithmetic at ten digits.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::sums::day_of;
use crate::price::rating::round_half_up;

/// Days that are looked back at most.
pub const HISTORY_DAYS_MAX: u32 = 30;

/// Days that an interval needs: one alone has no deviation.
pub const HISTORY_DAYS_MIN: u32 = 2;

/// Quantiles of the normal distribution at 10⁻⁴, two-sided, for the levels of 51 to 99 percent.
const Z_E4: [i128; 49] = [
    6903, 7063, 7225, 7388, 7554, 7722, 7892, 8064, 8239, 8416, 8596, 8779, 8965, 9154, 9346, 9542,
    9741, 9945, 10152, 10364, 10581, 10803, 11031, 11264, 11503, 11750, 12004, 12265, 12536, 12816,
    13106, 13408, 13722, 14051, 14395, 14758, 15141, 15548, 15982, 16449, 16954, 17507, 18119,
    18808, 19600, 20537, 21701, 23263, 25758,
];

/// The days behind, in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    days: i128,
    sum_e10: i128,
    /// Sample deviation of a day.
    deviation_e10: i128,
}

/// A figure and the bounds that it lies within, at ten digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    pub mean_e10: i128,
    pub lower_e10: i128,
    pub upper_e10: i128,
}

impl Forecast {
    /// From the totals of full days, the earliest first; `None` without any. Of more than [`HISTORY_DAYS_MAX`], the latest count.
    pub fn of(days_e10: &[i128]) -> Option<Self> {
        let days_max = usize::try_from(HISTORY_DAYS_MAX).unwrap_or(usize::MAX);
        let known = &days_e10[days_e10.len().saturating_sub(days_max)..];
        let days = i128::try_from(known.len()).ok().filter(|days| *days > 0)?;
        let sum_e10: i128 = known.iter().sum();
        // Σ(x - mean)² = Σ(n·x - Σx)² / n², which stays an integer for longest.
        let squares = known.iter().map(|day| {
            let from_mean = (day * days - sum_e10) / days;
            from_mean.saturating_mul(from_mean)
        });
        let variance = squares.fold(0, i128::saturating_add) / (days - 1).max(1);
        Some(Self {
            days,
            sum_e10,
            deviation_e10: variance.isqrt(),
        })
    }

    /// Whether bounds mean anything.
    pub fn has_interval(self) -> bool {
        self.days >= i128::from(HISTORY_DAYS_MIN)
    }

    /// The expectation of a day.
    pub fn day_e10(self) -> i128 {
        round_half_up(self.sum_e10, self.days)
    }

    /// The expectation of so many days after those known. `level` is the chance in percent that the bounds hold, 51 to 99.
    pub fn days(self, count: u32, level: u8) -> Expected {
        let m = i128::from(count);
        let mean_e10 = round_half_up(self.sum_e10 * m, self.days);
        // √(m + m²/n), at 10⁻⁴.
        let spread_e4 = ((m * self.days + m * m) * 100_000_000 / self.days).isqrt();
        let z_e4 = Z_E4[usize::from(level.clamp(51, 99) - 51)];
        let half = self
            .deviation_e10
            .saturating_mul(spread_e4)
            .saturating_div(10_000)
            .saturating_mul(z_e4)
            .saturating_div(10_000);
        Expected {
            mean_e10,
            lower_e10: mean_e10.saturating_sub(half).max(0),
            upper_e10: mean_e10.saturating_add(half),
        }
    }

    /// Of today, of which `so_far_e10` has come: at least that.
    pub fn today_e10(self, so_far_e10: i128) -> i128 {
        self.day_e10().max(so_far_e10)
    }
}

/// The totals of the full days before today, from the first one with usage on, but at most [`HISTORY_DAYS_MAX`]; and of today
/// so far.
/// `figures` are moments with what they add.
pub fn history(
    figures: impl Iterator<Item = (DateTime<Utc>, i128)>,
    now: DateTime<Utc>,
) -> (Vec<i128>, i128) {
    let today = day_of(now);
    let earliest = today - TimeDelta::days(HISTORY_DAYS_MAX.into());
    let mut totals: BTreeMap<DateTime<Utc>, i128> = BTreeMap::new();
    for (at, figure) in figures.filter(|(at, _)| earliest <= *at && *at <= now) {
        *totals.entry(day_of(at)).or_default() += figure;
    }
    let so_far = totals.remove(&today).unwrap_or(0);
    let first = totals.keys().next().copied();
    let days = std::iter::successors(first, |day| Some(*day + TimeDelta::days(1)));
    let days = days.take_while(|day| *day < today);
    let known = days.map(|day| totals.get(&day).copied().unwrap_or(0));
    (known.collect(), so_far)
}
