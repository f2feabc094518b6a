//! The bill of a month: from usage rows to invoice lines.
//!
//! ```text
//! usage rows ──free tier──► paid quantities ──tiers, price versions──► charges (R2) ──┐
//!                                      └──── exact month quantities ──► lines (R3) ───┴─► residue (R6)
//! ```
//!
//! - [`accrual`]: which charges a day adds to those that are kept; usage that comes after a month was closed.
//! - [`compose`]: an invoice of charges.
//! - [`credit_note`]: taking back what an invoice said.
//! - [`close`]: when a month is closed.
//! - [`document`]: an invoice as it is kept and rendered.
//! - [`ledger`]: what happens, in debits and credits.
//! - [`money`]: amounts in minor units, and their texts.
//! - [`month`]: billing periods, UTC calendar months.
//! - [`seal`]: fingerprints over the ledger.
//! - [`statement`]: rating a month.
//! - [`totals`]: subtotal, taxes, prepaid credit, what is due.

pub mod accrual;
pub mod close;
pub mod compose;
pub mod credit_note;
pub mod document;
pub mod ledger;
pub mod money;
pub mod month;
pub mod seal;
pub mod statement;
pub mod totals;

pub use accrual::Priced;
pub use money::Money;
pub use month::Month;
pub use statement::{Charge, Line, Position, Rated, Statement, UsageRow, rate, rate_from};
pub use totals::{TaxLevel, TaxRate, Totals};

#[cfg(test)]
mod tests;
