//! The part of `tollgate billing` that works on invoices.

use clap::{ArgGroup, Args, Subcommand};
use domain::AccountId;
use domain::bill::Month;
use domain::price::Currency;
use uuid::Uuid;

use super::Operator;

/// Invoices, and what happens to them.
#[derive(Debug, Subcommand)]
pub(crate) enum Invoices {
    /// Close months and issue their invoices, as happens by itself a day after a month's end
    #[command(after_help = "Examples:\n  \
        tollgate billing close\n  \
        tollgate billing close --month 2026-10 --account 000000000000 --force\n\n\
        A month is closed at the earliest 24 hours after its end, once all executors have reported it, and 72 hours after its end \
        in any case. --force closes it as soon as it has ended, with what has arrived; what comes later is billed with a later month.")]
    Close(Close),
    /// List final invoices and credit notes
    #[command(name = "invoices")]
    List(ListInvoices),
    /// Show a final invoice or credit note
    #[command(
        after_help = "Example:\n  tollgate billing show INV-000001\n\n--json prints the document byte for byte as it was issued."
    )]
    Show {
        /// Its number
        number: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        operator: Operator,
    },
    /// Show what a month's invoice would be now
    #[command(
        after_help = "Examples:\n  tollgate billing draft\n  tollgate billing draft --account 111122223333 --month 2026-10 --json\n\n\
        Computed from the usage that has arrived: an execution is in it about a second later."
    )]
    Draft(Draft),
    /// Take back a part of an invoice, or all of it
    #[command(after_help = "Examples:\n  \
        tollgate billing credit-note INV-000001 --amount 12.50 --reason 'Outage of 2026-10-12'\n  \
        tollgate billing credit-note INV-000001 --line 3 --reason 'Wrong region'\n\n\
        Amounts are before taxes; the invoice's taxes are taken back in proportion. What was paid already becomes the customer's credit.")]
    CreditNote(CreditNote),
    /// Book a payment for an invoice
    #[command(
        after_help = "Example:\n  tollgate billing pay INV-000001 --amount 17.72 --reference 'wire 2026-11-14'\n\n\
        The same reference again is the same payment, and is booked once."
    )]
    Pay(Pay),
    /// Book credit for a customer's invoices to come
    #[command(after_help = "Examples:\n  \
        tollgate billing credit 111122223333 --amount 100.00 --currency EUR --reference 'wire 77'\n  \
        tollgate billing credit 111122223333 --amount 5.00 --promo")]
    Credit(Credit),
    /// Give up what is open of an invoice
    WriteOff {
        /// The invoice's number
        invoice: String,
        #[command(flatten)]
        operator: Operator,
    },
    /// Show what is behind a line: hours, functions, executions
    #[command(after_help = "Example:\n  tollgate billing explain INV-000001 2\n\n\
        Hours and functions add up to the line's exact quantity. Executions are those whose REPORT lines the functions' logs still hold.")]
    Explain(Explain),
    /// List executors that have not reported yet, and up to when they have
    Executors {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        operator: Operator,
    },
    /// Declare an executor lost: nobody waits any longer for what it did not report
    #[command(
        after_help = "Example:\n  tollgate billing declare-lost 0198c5a3-5d6c-7bb0-8a53-0e5b0f7d2c11 --reason 'its disk is gone'\n\n\
        Should it come back all the same, its usage is billed as late."
    )]
    DeclareLost(DeclareLost),
}

#[derive(Debug, Args)]
pub(crate) struct Close {
    /// Only this month [default: all that are due]
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) month: Option<Month>,
    /// Only this account's
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// Whatever has not been reported yet
    #[arg(long, requires = "month")]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

#[derive(Debug, Args)]
pub(crate) struct ListInvoices {
    /// Only this account's
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// Only this month's
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) month: Option<Month>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

#[derive(Debug, Args)]
pub(crate) struct Draft {
    /// Whose [default: the first account's]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// Which month's [default: the current one's]
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) month: Option<Month>,
    /// Print JSON: a list of documents, one per currency
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("part").required(true))]
pub(crate) struct CreditNote {
    /// The invoice's number
    pub(crate) invoice: String,
    /// So much of it, before taxes
    #[arg(long, group = "part")]
    pub(crate) amount: Option<String>,
    /// This line of it
    #[arg(long, group = "part", value_name = "N")]
    pub(crate) line: Option<u32>,
    /// All that is left of it
    #[arg(long, group = "part")]
    pub(crate) rest: bool,
    /// Why; it is on the credit note
    #[arg(long)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

#[derive(Debug, Args)]
pub(crate) struct Pay {
    /// The invoice's number
    pub(crate) invoice: String,
    /// In the invoice's currency
    #[arg(long)]
    pub(crate) amount: String,
    /// What tells this payment from others of the invoice [default: the time]
    #[arg(long)]
    pub(crate) reference: Option<String>,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

#[derive(Debug, Args)]
pub(crate) struct Credit {
    /// The account's id
    pub(crate) account: AccountId,
    /// How much
    #[arg(long)]
    pub(crate) amount: String,
    /// Its currency
    #[arg(long, default_value = store::invoices::CREDIT_CURRENCY)]
    pub(crate) currency: Currency,
    /// What tells this credit from others of the account [default: the time]
    #[arg(long)]
    pub(crate) reference: Option<String>,
    /// It is given away, not paid for
    #[arg(long)]
    pub(crate) promo: bool,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The invoice's number
    pub(crate) invoice: String,
    /// The line's number
    pub(crate) line: u32,
    /// Show at most so many executions of a function and hour
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) executions: usize,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

#[derive(Debug, Args)]
pub(crate) struct DeclareLost {
    /// The executor's id
    pub(crate) executor: Uuid,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

impl Invoices {
    pub(crate) fn operator(&self) -> &Operator {
        match self {
            Self::Close(args) => &args.operator,
            Self::List(args) => &args.operator,
            Self::Draft(args) => &args.operator,
            Self::CreditNote(args) => &args.operator,
            Self::Pay(args) => &args.operator,
            Self::Credit(args) => &args.operator,
            Self::Explain(args) => &args.operator,
            Self::DeclareLost(args) => &args.operator,
            Self::Show { operator, .. }
            | Self::WriteOff { operator, .. }
            | Self::Executors { operator, .. } => operator,
        }
    }
}
