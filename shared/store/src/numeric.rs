//! Numbers on their way between Rust and Postgres. Sums are read as text: a `numeric` need not fit into what the driver decodes.

use domain::bill::money::parse_fixed;
use domain::price::rating::ROW_DIGITS;
use rust_decimal::Decimal;

use crate::Error;

/// A money column, at ten digits.
pub(crate) fn e10(text: &str, column: &'static str) -> Result<i128, Error> {
    parse_fixed(text, ROW_DIGITS).ok_or(Error::Inconsistent(column))
}

/// A price column, at fourteen digits.
pub(crate) fn e14(text: &str, column: &'static str) -> Result<i128, Error> {
    parse_fixed(text, domain::price::book::PRICE_DIGITS).ok_or(Error::Inconsistent(column))
}

/// A whole number.
pub(crate) fn whole(text: &str, column: &'static str) -> Result<i128, Error> {
    parse_fixed(text, 0).ok_or(Error::Inconsistent(column))
}

/// A number at `digits`, for a column of that name.
pub(crate) fn decimal(number: i128, digits: u32, column: &'static str) -> Result<Decimal, Error> {
    Decimal::try_from_i128_with_scale(number, digits).map_err(|_| Error::Inconsistent(column))
}
