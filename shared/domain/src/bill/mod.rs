//! The bill of a month: from usage rows to invoice lines.
//!
//! ```text
//! usage rows ──free tier──► paid quantities ──tiers, price versions──► charges (R2) ──┐
//!                                      └──── exact month quantities ──► lines (R3) ───┴─► residue (R6)
//! ```
//!
//! - [`budget`]: what is watched, and when it is told.
//! - [`explorer`]: cost and usage as AWS's billing APIs show them.
//! - [`month`]: billing periods, UTC calendar months.
//! - [`document`]: an invoice as it is kept and rendered.
//! - [`money`]: amounts in minor units, and their texts.
//! - [`statement`]: rating a month.
//! - [`totals`]: subtotal, taxes, prepaid credit, what is due.

pub mod budget;
pub mod document;
pub mod explorer;
pub mod money;
pub mod month;
pub mod statement;
pub mod totals;

pub use money::Money;
pub use month::Month;
pub use statement::{Charge, Line, Rated, Statement, UsageRow, rate};
pub use totals::{TaxLevel, TaxRate, Totals};

#[cfg(test)]
mod tests;
