//! Quantities to amounts, in integers.
//!
//! With `price_e14` the price of one unit at 10⁻¹⁴ and `q` quanta per unit, an amount at `d` digits is
//! `round_half_up(Σ_tier quantity × price_e14 / (q × 10^(14-d)))`. The sum is exact, the one division rounds; halves go away
//! from zero, so a refund cancels its charge. R2 (usage rows) takes `d = 10`; R3 (invoice lines) the currency's minor unit.

use chrono::{DateTime, Utc};

use super::book::{Book, Currency, PRICE_DIGITS, Price, STEP_MS_DEFAULT, hour_of};
use super::sku::Sku;
use crate::Region;
use crate::execution::{Execution, Outcome};

/// Digits of a usage row's amount (R2).
pub const ROW_DIGITS: u32 = 10;

/// `/tmp` that costs nothing, in MB.
pub const EPHEMERAL_FREE_MB: u32 = 512;

/// A product left the range of `i128`: some 10¹⁵ times the largest month there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("quantity times price is out of range")]
pub struct Overflow;

/// An amount that has not been rounded yet: `numerator / (quanta_per_unit × 10¹⁴)` of the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exact {
    pub numerator: i128,
    pub quanta_per_unit: i128,
}

impl Exact {
    /// The amount at `digits` behind the point, half away from zero. `digits` is at most 14.
    pub fn round(self, digits: u32) -> i128 {
        let divisor = self.quanta_per_unit * 10_i128.pow(PRICE_DIGITS.saturating_sub(digits));
        round_half_up(self.numerator, divisor)
    }
}

/// `numerator / divisor` to the nearest integer, halves away from zero; `divisor` is positive.
pub fn round_half_up(numerator: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (numerator / divisor, numerator % divisor);
    // `rest >= divisor - rest` is `2 × rest >= divisor` without the overflow.
    if rest.abs() >= divisor - rest.abs() {
        quotient + rest.signum()
    } else {
        quotient
    }
}

/// What one tier of a price takes for a stretch of quantity: an invoice line before rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierLine {
    /// Index of the tier, from 0.
    pub tier: usize,
    pub quantity: i128,
    pub price_e14: i128,
    pub exact: Exact,
}

impl Price {
    /// The tiers that the cumulative quantities `from..to` pass through. `0 <= from <= to`.
    pub fn tier_lines(&self, from: i128, to: i128) -> Result<Vec<TierLine>, Overflow> {
        let mut lines = Vec::new();
        for (index, tier) in self.tiers.iter().enumerate() {
            let end = tier.to.map_or(to, |end| end.min(to));
            let quantity = end - tier.from.max(from);
            if quantity <= 0 {
                continue;
            }
            let numerator = quantity.checked_mul(tier.price_e14).ok_or(Overflow)?;
            lines.push(TierLine {
                tier: index,
                quantity,
                price_e14: tier.price_e14,
                exact: self.exact(numerator),
            });
        }
        Ok(lines)
    }

    /// `P(to) − P(from)`, exactly. Negative where `to < from`: a correction downwards.
    pub fn between(&self, from: i128, to: i128) -> Result<Exact, Overflow> {
        if to < from {
            let charge = self.between(to, from)?;
            return Ok(self.exact(-charge.numerator));
        }
        let mut sum = 0_i128;
        for line in self.tier_lines(from, to)? {
            sum = sum.checked_add(line.exact.numerator).ok_or(Overflow)?;
        }
        Ok(self.exact(sum))
    }

    /// A usage row's amount (R2): `P(to) − P(from)` at 10⁻¹⁰.
    pub fn row_e10(&self, from: i128, to: i128) -> Result<i128, Overflow> {
        Ok(self.between(from, to)?.round(ROW_DIGITS))
    }

    /// What `quantity` costs at the first tier, whatever came before it.
    fn list_e10(&self, quantity: i128) -> Option<i128> {
        let numerator = quantity.checked_mul(self.tiers.first()?.price_e14)?;
        Some(self.exact(numerator).round(ROW_DIGITS))
    }

    fn exact(&self, numerator: i128) -> Exact {
        Exact {
            numerator,
            quanta_per_unit: self.quanta_per_unit,
        }
    }
}

/// What one execution costs at list price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// In 10⁻¹⁰ of the currency.
    pub amount_e10: i64,
    pub currency: Currency,
}

impl std::fmt::Display for Cost {
    /// `0.0000021254 USD`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = 10_u64.pow(ROW_DIGITS);
        let (sign, amount) = (
            if self.amount_e10 < 0 { "-" } else { "" },
            self.amount_e10.unsigned_abs(),
        );
        let (whole, rest) = (amount / unit, amount % unit);
        write!(f, "{sign}{whole}.{rest:010} {}", self.currency)
    }
}

/// A quantity of one SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metered {
    pub sku: Sku,
    pub quantity: i128,
}

/// An asynchronous event up to this size is one request.
const EVENT_BYTES_INCLUDED: u64 = 256 << 10;
/// Each further one of these, even a part of it, is one more.
const EVENT_CHUNK_BYTES: u64 = 64 << 10;

/// Requests that an asynchronous invocation with an event of this size counts as; 1 for any other.
pub fn request_units(event_bytes: u64) -> i128 {
    let beyond = event_bytes.saturating_sub(EVENT_BYTES_INCLUDED);
    1 + i128::from(beyond.div_ceil(EVENT_CHUNK_BYTES))
}

/// What an execution of this size uses, per SKU (R1): one request, MB·ms of memory, MB·ms of `/tmp` beyond 512 MB.
pub fn metered(execution: &Execution, billed_ms: u64) -> impl Iterator<Item = Metered> {
    let of = |sku, mb: u32| Metered {
        sku,
        quantity: i128::from(mb) * i128::from(billed_ms),
    };
    let requests = Metered {
        sku: Sku::Requests,
        quantity: 1,
    };
    let duration = of(Sku::Duration(execution.architecture), execution.memory_mb);
    let extra_mb = execution.ephemeral_mb.saturating_sub(EPHEMERAL_FREE_MB);
    [requests, duration, of(Sku::EphemeralStorage, extra_mb)]
        .into_iter()
        .filter(|metered| metered.quantity > 0)
}

impl Book {
    /// The rounding step of billed duration in a region at a moment, in milliseconds.
    pub fn duration_step_ms(&self, region: &Region, sku: Sku, at: DateTime<Utc>) -> u32 {
        self.in_force(region, sku, at)
            .map_or(STEP_MS_DEFAULT, |price| price.duration_step_ms)
    }

    /// The list price of one execution that counts as so many requests ([`request_units`]): requests, duration and `/tmp`, each
    /// rounded as a usage row (R2), at the *first* tier's price in force in its region at the hour it ended.
    ///
    /// Neither the free tier nor volume tiers are in it: those belong to a month, not to one execution, so the bill is
    /// lower than the sum of these or equal to it. `None` where the book does not price the region; zero for an execution
    /// that the platform lost.
    pub fn cost(&self, execution: &Execution, requests: i128) -> Option<Cost> {
        let hour = hour_of(execution.ended_at);
        let duration = Sku::Duration(execution.architecture);
        let price = self.in_force(&execution.region, duration, hour)?;
        let billed_ms = execution.billed_ms(price.duration_step_ms.into());
        let mut amount_e10 = 0_i64;
        if execution.outcome != Outcome::PlatformLost {
            for Metered { sku, quantity } in metered(execution, billed_ms) {
                let quantity = match sku {
                    Sku::Requests => quantity.checked_mul(requests)?,
                    _ => quantity,
                };
                let part = self.in_force(&execution.region, sku, hour)?;
                if part.currency != price.currency {
                    return None;
                }
                let part_e10 = i64::try_from(part.list_e10(quantity)?).ok()?;
                amount_e10 = amount_e10.checked_add(part_e10)?;
            }
        }
        Some(Cost {
            amount_e10,
            currency: price.currency,
        })
    }
}
