//! The monthly free tier: account-wide, over all regions and architectures, consumed in a published order.
//!
//! Usage is taken in the order (hour, region, SKU); what the allowance covers costs nothing and does not move the position
//! in the volume tiers ([`crate::bill::statement`]). AWS does not say in which order it consumes; ours is fixed, so a bill can be recomputed.

use super::sku::{Sku, Unit};

/// What is left of the month's allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeTier {
    /// Requests on demand; 1,000,000 a month.
    pub requests: i128,
    /// MB·ms of duration on demand, both architectures together; 400,000 GB-s a month.
    pub duration: i128,
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
}
