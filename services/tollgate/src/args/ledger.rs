//! `tollgate ledger` and `tollgate customers`.

use clap::{Args, Subcommand};
use domain::AccountId;
use domain::bill::TaxRate;

use super::Operator;

/// The ledger behind the bill.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Check every invariant of the bill; exit code 1 where one does not hold
    #[command(
        after_help = "Everything is computed again from the rows themselves: usage, charges, journals, invoices, seals."
    )]
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        operator: Operator,
    },
    /// List ledger accounts with their balances
    Accounts {
        /// Only this customer's
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        operator: Operator,
    },
    /// List a customer's journals, the latest first
    Journal {
        /// The account's id
        account: AccountId,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        operator: Operator,
    },
    /// Show what a customer has used, owes, and has to their credit
    Balance {
        /// The account's id
        account: AccountId,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        operator: Operator,
    },
}

/// Whom invoices are for.
#[derive(Debug, Subcommand)]
pub(crate) enum Customers {
    /// Show what is on an account's invoices
    Show {
        /// The account's id
        account: AccountId,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        operator: Operator,
    },
    /// Set what is on an account's invoices from now on
    #[command(
        after_help = "Example:\n  tollgate customers set 111122223333 --name 'Ada Ltd' --address '1 Byron Row' --address 'London' \
        --country GB --tax-id GB123456789 --tax VAT=20\n\nWhat is not named keeps its value."
    )]
    Set(SetCustomer),
}

#[derive(Debug, Args)]
pub(crate) struct SetCustomer {
    /// The account's id
    pub(crate) account: AccountId,
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A line of the postal address; once for each line
    #[arg(long, value_name = "LINE")]
    pub(crate) address: Vec<String>,
    /// Two capital letters (ISO 3166)
    #[arg(long, value_parser = country)]
    pub(crate) country: Option<String>,
    /// VAT number or the like
    #[arg(long)]
    pub(crate) tax_id: Option<String>,
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// A tax in percent; once for each
    #[arg(long, value_name = "NAME=PERCENT", value_parser = tax)]
    pub(crate) tax: Vec<TaxRate>,
    /// No taxes
    #[arg(long, conflicts_with = "tax")]
    pub(crate) no_tax: bool,
    /// What becomes of usage of a closed month that arrives after more than 34 days
    #[arg(long, value_name = "bill|write-off")]
    pub(crate) late_usage: Option<LateUsage>,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

/// What becomes of usage that is too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LateUsage {
    Bill,
    WriteOff,
}

fn country(text: &str) -> Result<String, String> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is not a country's two capital letters, such as DE"
    ))
}

fn tax(text: &str) -> Result<TaxRate, String> {
    let parts = text.split_once('=');
    let parts = parts.and_then(|(name, percent)| Some((name.trim(), percent.trim().parse().ok()?)));
    let (name, percent) = parts.ok_or_else(|| format!("{text:?} is not a tax such as VAT=19"))?;
    TaxRate::new(name, percent).map_err(|error| error.0)
}

impl Ledger {
    pub(crate) fn operator(&self) -> &Operator {
        match self {
            Self::Verify { operator, .. }
            | Self::Accounts { operator, .. }
            | Self::Journal { operator, .. }
            | Self::Balance { operator, .. } => operator,
        }
    }
}

impl Customers {
    pub(crate) fn operator(&self) -> &Operator {
        match self {
            Self::Show { operator, .. } => operator,
            Self::Set(args) => &args.operator,
        }
    }
}
