//! The bill of a month: from usage rows to invoice lines.
//!
//! ```text
//! usage rows ──free tier──► paid quantities ──tiers, price versions──► charges (R2) ──┐
//!                                      └──── exact month quantities ──► lines (R3) ───┴─► residue (R6)
//! ```
//!
//! - [`accrual`]: which charges a day adds to those that are kept; usage that comes after a month was closed.
//! - [`budget`]: what is watched, and when it is told.
//! - [`cap`]: what a run can cost at most, for spend caps.
//! - [`close`]: when a month is closed.
//! - [`compose`]: an invoice of charges.
//! - [`credit_note`]: taking back what an invoice said.
//! - [`document`]: an invoice as it is kept and rendered.
//! - [`explorer`]: cost and usage as AWS's billing APIs show them.
//! - [`forecast`]: what a month will have cost.
//! - [`ledger`]: what happens, in debits and credits.
//! - [`money`]: amounts in minor units, and their texts.
//! - [`month`]: billing periods, UTC calendar months.
//! - [`profile`]: a month that is only described.
//! - [`report`]: cost and usage, grouped.
//! - [`seal`]: fingerprints over the ledger.
//! - [`mod@simulate`]: what such a month costs.
//! - [`statement`]: rating a month.
//! - [`totals`]: subtotal, taxes, prepaid credit, what is due.

pub mod accrual;
pub mod budget;
pub mod cap;
pub mod close;
pub mod compose;
pub mod credit_note;
pub mod document;
pub mod explorer;
pub mod forecast;
pub mod ledger;
pub mod money;
pub mod month;
pub mod profile;
pub mod report;
pub mod seal;
pub mod simulate;
pub mod statement;
pub mod totals;

pub use accrual::Priced;
pub use money::Money;
pub use month::Month;
pub use profile::Profile;
pub use report::Report;
pub use simulate::{Simulation, simulate};
pub use statement::{
    Charge, Line, Position, Rated, Statement, UsageRow, quantity_text, rate, rate_from,
    unit_price_text, unit_text,
};
pub use totals::{TaxLevel, TaxRate, Totals};

#[cfg(test)]
mod tests;
