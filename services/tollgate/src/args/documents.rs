//! Invoices as files, and exports of charges.

use clap::{Args, ValueEnum};
use domain::AccountId;
use domain::bill::Month;

use super::Operator;

/// Which document, and where it goes.
#[derive(Debug, Args)]
pub(crate) struct Rendering {
    /// Number of an invoice or credit note
    #[arg(required_unless_present = "draft")]
    pub(crate) number: Option<String>,
    /// The draft of a month that is not closed instead
    #[arg(long, conflicts_with = "number")]
    pub(crate) draft: bool,
    /// Whose draft [default: the first account's]
    #[arg(long, value_name = "ID", requires = "draft")]
    pub(crate) account: Option<AccountId>,
    /// Which month's draft [default: the current one's]
    #[arg(long, value_name = "YYYY-MM", requires = "draft")]
    pub(crate) month: Option<Month>,
    /// Where to write it; - is standard output [default: a file named after the number]
    #[arg(long, short, value_name = "FILE|-")]
    pub(crate) output: Option<String>,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

/// Which charges, in which encoding, and where they go.
#[derive(Debug, Args)]
pub(crate) struct Exporting {
    /// Of which month [default: the current one]
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) month: Option<Month>,
    /// Only this account's [default: all]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// How to encode it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Table,
    /// Where to write it; - is standard output [default: a file named after export and month]
    #[arg(long, short, value_name = "FILE|-")]
    pub(crate) output: Option<String>,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Table {
    #[default]
    Csv,
    Parquet,
}
