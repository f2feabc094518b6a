//! `tollgate billing`.

use clap::Subcommand;

use super::Invoices;

/// The bill.
#[derive(Debug, Subcommand)]
pub(crate) enum Billing {
    #[command(flatten)]
    Invoices(Invoices),
}
