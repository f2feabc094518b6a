//! `tollgate billing`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum, ValueHint};
use domain::AccountId;
use domain::bill::Month;
use domain::bill::report::Dimension;

use super::{Exporting, Invoices, Operator, Rendering};
use crate::client::parse_moment;

/// What usage costs: simulated, reported, forecast, invoiced.
#[derive(Debug, Subcommand)]
pub(crate) enum Billing {
    /// Price a described month without running it
    #[command(after_help = SIMULATE_HELP)]
    Simulate(Simulate),
    /// Show cost and usage, grouped
    #[command(after_help = "Examples:\n  \
        tollgate billing report\n  \
        tollgate billing report --month 2026-11 --by function,sku --format csv\n  \
        tollgate billing report --from 2026-11-01 --to 2026-11-08 --by tag:team --account 000000000000\n  \
        tollgate billing report --format chart\n\n\
        Costs are those of the price book and the free tier of each account, before taxes and credits. Tables round to cents, \
        with the exact total beside; CSV and JSON have ten digits. Tags are those that functions have now.")]
    Report(Report),
    /// Show what a month is expected to cost by its end
    #[command(
        after_help = "Example:\n  tollgate billing forecast --month 2026-11\n\n\
        The usage per hour of the last seven days, or since the first usage in them, goes on until the month's end. It is priced \
        together with what the month has used so far: the free tier and volume tiers are in it."
    )]
    Forecast(Forecast),
    #[command(flatten)]
    Invoices(Invoices),
    /// Write an invoice, a credit note or a draft as PDF
    #[command(after_help = "Examples:\n  \
        tollgate billing pdf INV-000001\n  \
        tollgate billing pdf --draft --output draft.pdf\n\n\
        The same document gives the same bytes, whenever it is rendered by the same version.")]
    Pdf(Rendering),
    /// Write it as a web page
    Html(Rendering),
    /// Write its lines as CSV
    Csv(Rendering),
    /// Write it as an electronic invoice: UBL 2.1 by EN 16931
    Xml(Rendering),
    /// Export a month's charges by FOCUS 1.2
    #[command(
        after_help = "Example:\n  tollgate billing focus --month 2026-11 --format parquet\n\n\
        BilledCost adds up to what is due, invoice by invoice. A month that is not closed has no InvoiceId."
    )]
    Focus(Exporting),
    /// Export a month's charges with the columns of AWS's Cost and Usage Report 2.0
    Cur(Exporting),
}

const SIMULATE_HELP: &str = "Examples:\n  \
    tollgate billing simulate --profile month.json\n  \
    tollgate billing simulate --profile - --json --book-file tariff.csv <month.json\n\n\
    A profile:\n  \
    {\"month\": \"2026-10\", \"free_tier\": true, \"items\": [\n    \
    {\"kind\": \"function\", \"region\": \"us-east-1\", \"arch\": \"x86_64\", \"memory_mb\": 1536,\n     \
    \"ephemeral_mb\": 512, \"invocations\": 3000000, \"billed_ms\": 120},\n    \
    {\"kind\": \"provisioned\", \"region\": \"us-east-1\", \"memory_mb\": 1536,\n     \
    \"concurrency\": 100, \"hours\": 8, \"invocations\": 500000, \"billed_ms\": 100},\n    \
    {\"kind\": \"sku\", \"region\": \"us-east-1\", \"sku\": \"duration-x86_64\", \"quantity\": \"6000000000\"}]}\n\n\
    arch is x86_64, ephemeral_mb 512 and free_tier true where they are left out. Quantities are requests, GB-seconds or GB, \
    and must be exact. async_event_kb on a function is the size of its asynchronous events. `at`, a date or time in the month, \
    says when an item is used: it decides the price version and who gets the free tier first; without it, that is the month's \
    first hour.\n\n\
    Without --book and --book-file, the shipped price book holds, and no Tollgate needs to run.";

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The month, as JSON: a file, or - for standard input
    #[arg(long, value_name = "FILE|-")]
    pub(crate) profile: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// A price book of the running Tollgate [default: the shipped one]
    #[arg(long, value_name = "NAME", conflicts_with = "book_file")]
    pub(crate) book: Option<String>,
    /// A price book in a file: CSV, as `tollgate prices import` takes it
    #[arg(long, value_name = "CSV", value_hint = ValueHint::FilePath)]
    pub(crate) book_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// A month, such as 2026-11 [default: this one]
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub(crate) month: Option<Month>,
    /// The first hour: 2026-11-01, 2026-11-01T10:00
    #[arg(long, value_name = "TIME", value_parser = parse_moment, requires = "to")]
    pub(crate) from: Option<DateTime<Utc>>,
    /// The first hour after it
    #[arg(long, value_name = "TIME", value_parser = parse_moment, requires = "from")]
    pub(crate) to: Option<DateTime<Utc>>,
    /// day, hour, function, region, sku, account or tag:KEY; up to two, with a comma between [default: day]
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    pub(crate) by: Vec<Dimension>,
    /// Only this account's [default: all]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
    #[command(flatten)]
    pub(crate) operator: Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ReportFormat {
    #[default]
    Table,
    Csv,
    Json,
    /// A bar per day
    Chart,
}

#[derive(Debug, Args)]
pub(crate) struct Forecast {
    /// A month that is not over, such as 2026-11 [default: this one]
    #[arg(long)]
    pub(crate) month: Option<Month>,
    /// Only this account's [default: all]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) operator: Operator,
}
