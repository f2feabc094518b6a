//! The monthly free tier: account-wide, over all regions and architectures, consumed in a published order.
//!
//! Usage is taken in the order (hour, region, SKU); what the allowance covers costs nothing and does not move the position
//! in the volume tiers. AWS does not say in which order it consumes; ours is fixed, so a bill can be recomputed.

use chrono::{DateTime, Utc};

use super::sku::{Sku, Unit};
use crate::Region;

/// What is left of the month's allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeTier {
    /// Requests on demand; 1,000,000 a month.
    pub requests: i128,
    /// MB·ms of duration on demand, both architectures together; 400,000 GB-s a month.
    pub duration: i128,
}

/// A usage row as the free tier looks at it, in the order of its fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usage {
    pub hour: DateTime<Utc>,
    pub region: Region,
    pub sku: Sku,
    pub quantity: i128,
}

/// A usage row, split: `free + paid` is its quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    pub usage: Usage,
    pub free: i128,
    pub paid: i128,
}

impl FreeTier {
    /// A whole month's allowance.
    pub fn month() -> Self {
        Self {
            requests: 1_000_000,
            duration: 400_000 * Unit::GbSecond.quanta(),
        }
    }

    /// No allowance at all.
    pub fn none() -> Self {
        Self {
            requests: 0,
            duration: 0,
        }
    }

    /// Takes what is free of `quantity` from the allowance and says how much that was.
    ///
    /// Requests and duration under provisioned concurrency are not covered; their duration is a SKU of its own, their
    /// requests must not be passed in.
    pub fn take(&mut self, sku: Sku, quantity: i128) -> i128 {
        let left = match sku {
            Sku::Requests => &mut self.requests,
            Sku::Duration(_) => &mut self.duration,
            _ => return 0,
        };
        let free = quantity.clamp(0, *left);
        *left -= free;
        free
    }

    /// Splits a month of usage rows, whatever order they come in.
    pub fn split(mut self, mut rows: Vec<Usage>) -> Vec<Split> {
        rows.sort();
        rows.into_iter()
            .map(|usage| {
                let free = self.take(usage.sku, usage.quantity);
                Split {
                    paid: usage.quantity - free,
                    free,
                    usage,
                }
            })
            .collect()
    }
}
