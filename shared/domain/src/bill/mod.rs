//! The bill of a month: from usage rows to invoice lines.
//!
//! ```text
//! usage rows ──free tier──► paid quantities ──tiers, price versions──► charges (R2) ──┐
//!                                      └──── exact month quantities ──► lines (R3) ───┴─► residue (R6)
//! ```
//!
//! - [`month`]: billing periods, UTC calendar months.
//! - [`cap`]: what a run can cost at most, for spend caps.
//! - [`document`]: an invoice as it is kept and rendered.
//! - [`forecast`]: what a month will have cost.
//! - [`money`]: amounts in minor units, and their texts.
//! - [`profile`]: a month that is only described.
//! - [`report`]: cost and usage, grouped.
//! - [`simulate`]: what such a month costs.
//! - [`statement`]: rating a month.
//! - [`totals`]: subtotal, taxes, prepaid credit, what is due.

pub mod cap;
pub mod document;
pub mod forecast;
pub mod money;
pub mod month;
pub mod profile;
pub mod report;
pub mod simulate;
pub mod statement;
pub mod totals;

pub use money::Money;
pub use month::Month;
pub use profile::Profile;
pub use report::Report;
pub use simulate::{Simulation, simulate};
pub use statement::{
    Charge, Line, Rated, Statement, UsageRow, quantity_text, rate, unit_price_text, unit_text,
};
pub use totals::{TaxLevel, TaxRate, Totals};

#[cfg(test)]
mod tests;
