//! Prices and the arithmetic of rating.
//!
//! A price is a function `P(q)`, piecewise linear in the cumulative month quantity of one (account, region, SKU). Quantities
//! are whole *quanta* (MB·ms, requests, bytes) and unit prices are integers at 10⁻¹⁴, so every product is an exact `i128`;
//! one division per amount rounds half up, and nothing ever passes through a float or a chain of decimal products.
//!
//! - [`sku`]: what is metered and in which unit it is priced.
//! - [`book`]: the price book: versions by region, SKU and time; sound or refused.
//! - [`diff`]: what one book has that another has not.
//! - [`text`]: a book as CSV, taken whole or refused whole with line and reason.
//! - [`rating`]: quantities to amounts: usage rows (R2), invoice lines (R3), one execution.
//! - [`free_tier`]: the account-wide monthly allowance, consumed in a published order.

pub mod book;
pub mod diff;
pub mod free_tier;
pub mod rating;
pub mod sku;
pub mod text;

pub use book::{Book, Currency, Price, Tier};
pub use diff::Diff;
pub use free_tier::FreeTier;
pub use rating::{Cost, Exact, Overflow, TierLine};
pub use sku::{Sku, Unit};
pub use text::BookError;

#[cfg(test)]
mod tests;
