//! Cost and usage as AWS's billing APIs show them: what a charge is called, which charges are meant, and their sums.
//!
//! ```text
//! rated month ──items──► filter ──► period and group ──► sums ──► amounts
//!                                                   └──► daily totals ──► forecast
//! ```
//!
//! - [`usage_type`]: regions, usage types and units under AWS's names.
//! - [`item`]: one charge with all that can be asked of it.
//! - [`dimension`]: what a charge can be filtered and grouped by.
//! - [`filter`]: which charges are meant.
//! - [`sums`]: adding up by period and group.
//! - [`forecast`]: what the next days will cost.

pub mod dimension;
pub mod filter;
pub mod forecast;
pub mod item;
pub mod sums;
pub mod usage_type;

pub use dimension::Dimension;
pub use filter::{Filter, How, Match};
pub use forecast::Forecast;
pub use item::{FunctionTags, Item, items};
pub use sums::{Granularity, GroupBy, Period, Sum, by_period};

#[cfg(test)]
mod tests;
