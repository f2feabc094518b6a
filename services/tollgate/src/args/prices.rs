//! `tollgate prices`, and `tollgate accounts terms`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueHint};
use domain::Region;
use domain::price::Sku;

use super::Operator;
use crate::client::parse_moment;

/// Price books: immutable versions by region, SKU and time.
#[derive(Debug, Subcommand)]
pub(crate) enum Prices {
    /// Add a price list (CSV) to a book: all of it, or nothing
    #[command(after_help = "Examples:\n  \
        tollgate prices import aws-2027.csv --dry-run\n  \
        tollgate prices import tariff.csv --book house\n  \
        tollgate accounts terms 000000000000 --book house\n\n\
        Columns: region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence, and optionally duration_step_ms \
        (1 or 100). `tollgate prices export` shows how. Prices never change: one that is there already with another content is \
        refused, and a new one starts at its valid_from.")]
    Import(ImportPrices),
    /// List price versions
    List(ListPrices),
    /// List price books
    Books {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        operator: Operator,
    },
    /// Show what an import would change, or what differs between two books
    #[command(after_help = "Examples:\n  \
        tollgate prices diff aws-2027.csv\n  \
        tollgate prices diff --book default --to house")]
    Diff(DiffPrices),
    /// Print a book as CSV that imports again as the same book
    Export {
        /// The book
        #[arg(long, value_name = "NAME", default_value = store::prices::DEFAULT_BOOK)]
        book: String,
        #[command(flatten)]
        operator: Operator,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ImportPrices {
    /// The list
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The book; a new one comes to be with its first import
    #[arg(long, value_name = "NAME", default_value = store::prices::DEFAULT_BOOK)]
    pub(crate) book: String,
    /// Only say what it would do
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

#[derive(Debug, Args)]
pub(crate) struct ListPrices {
    /// The book
    #[arg(long, value_name = "NAME", default_value = store::prices::DEFAULT_BOOK)]
    pub(crate) book: String,
    /// Only this region's
    #[arg(long, value_name = "NAME")]
    pub(crate) region: Option<Region>,
    /// Only this SKU's: requests, `duration-x86_64`, ...
    #[arg(long)]
    pub(crate) sku: Option<Sku>,
    /// Only those in force at a moment: 2026-11-23, 2026-11-23T10:00
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) at: Option<DateTime<Utc>>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

#[derive(Debug, Args)]
pub(crate) struct DiffPrices {
    /// A list that would be imported
    #[arg(value_hint = ValueHint::FilePath, required_unless_present = "to", conflicts_with = "to")]
    pub(crate) file: Option<PathBuf>,
    /// The book to compare with
    #[arg(long, value_name = "NAME", default_value = store::prices::DEFAULT_BOOK)]
    pub(crate) book: String,
    /// Another book, instead of a list
    #[arg(long, value_name = "NAME")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

/// On which terms an account is billed.
#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// The account's id
    pub(crate) account: String,
    /// Bill it by this price book
    #[arg(long, value_name = "NAME")]
    pub(crate) book: Option<String>,
    /// Grant the monthly free tier
    #[arg(long, conflicts_with = "no_free_tier")]
    pub(crate) free_tier: bool,
    /// Grant no free tier
    #[arg(long)]
    pub(crate) no_free_tier: bool,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

impl Prices {
    pub(crate) fn operator(&self) -> &Operator {
        match self {
            Self::Import(args) => &args.operator,
            Self::List(args) => &args.operator,
            Self::Diff(args) => &args.operator,
            Self::Books { operator, .. } | Self::Export { operator, .. } => operator,
        }
    }
}
