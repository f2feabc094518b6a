//! The ledger: double entry, append only. Its guards are in `sql/migrations/0013_ledger.sql`, its rules in [`domain::bill::ledger`].

mod balances;
mod post;
mod seals;
#[cfg(test)]
mod tests;

pub use balances::{Balance, JournalRow, PostingRow};
pub(crate) use balances::{credit_of, open_of};
pub(crate) use post::{Place, post};
pub(crate) use seals::{BadSeal, check_seals};
pub use seals::{Head, Sealed};

use domain::ParseError;
use domain::price::Overflow;

use crate::Error;

/// Something about the bill that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum BillingError {
    /// What was asked for cannot be: a sentence that says why.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] Error),
}

impl BillingError {
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}

impl From<sqlx::Error> for BillingError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Overflow> for BillingError {
    fn from(_: Overflow) -> Self {
        Self::Store(Error::Inconsistent("usage_hour.qty"))
    }
}

impl From<ParseError> for BillingError {
    fn from(error: ParseError) -> Self {
        Self::Refused(error.0)
    }
}
