//! Invoices as files, and exports of charges.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use documents::export::{Bill, Tags};
use documents::{Encoding, Format, Logo, cur, focus};
use domain::AccountId;
use domain::bill::document::Document;
use domain::bill::{Month, Totals};
use store::Store;
use store::invoices::Billed;

use super::no_account;
use crate::args::{Exporting, Rendering, Table};
use crate::client::print;
use crate::config::Settings;
use crate::platform_clock;
use crate::run::operator_settings;

/// Which table of charges.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Export {
    Focus,
    Cur,
}

/// Renders one document.
pub(super) async fn render(format: Format, args: Rendering) -> Result<()> {
    let settings = operator_settings(&args.operator)?;
    let store = super::open(&settings).await?;
    let (document, logo, name) = match &args.number {
        Some(number) => {
            let invoice = store
                .invoice(number)
                .await?
                .with_context(|| no_invoice(number))?;
            let logo = store.invoice_logo(number).await?;
            (invoice.document, logo, invoice.number)
        }
        None => draft(&settings, &store, &args).await?,
    };
    let logo = logo.map(|logo| Logo::new(logo.content)).transpose()?;
    let rendered = documents::render(format, &document, logo.as_ref())?;
    deliver(
        &rendered.bytes,
        args.output.as_deref(),
        &format!("{name}.{}", rendered.extension),
    )
}

pub(super) fn no_invoice(number: &str) -> String {
    format!("There is no invoice {number}: see `tollgate billing invoices`.")
}

/// The only draft of a month: several, in several currencies, are documents of their own.
async fn draft(
    settings: &Settings,
    store: &Store,
    args: &Rendering,
) -> Result<(Document, Option<store::parties::Logo>, String)> {
    let now = platform_clock::now(&settings.config.data_dir)?;
    let account = args.account.unwrap_or(settings.config.account);
    let month = args.month.unwrap_or_else(|| Month::of(now));
    let draft = store.draft(account, month, now).await?;
    let mut draft = draft.with_context(|| no_account(account))?;
    if draft.closed {
        bail!(
            "{month} is closed: see `tollgate billing invoices --account {account} --month {month}`."
        );
    }
    if draft.bills.len() > 1 {
        bail!(
            "The draft of {month} is in several currencies: `tollgate billing draft --json` has them all."
        );
    }
    let bill = draft.bills.pop();
    let bill = bill.with_context(|| format!("{account} has used nothing in {month} so far."))?;
    let logo = store.issuer().await?.logo;
    Ok((bill.document, logo, format!("draft-{account}-{month}")))
}

/// What an account is billed, with what an export needs besides.
struct Exported {
    account: String,
    name: String,
    bills: Vec<(Billed, Totals)>,
    tags: Tags,
}

/// Writes the charges of a month.
pub(super) async fn export(what: Export, args: Exporting) -> Result<()> {
    let settings = operator_settings(&args.operator)?;
    let store = super::open(&settings).await?;
    let now = platform_clock::now(&settings.config.data_dir)?;
    let month = args.month.unwrap_or_else(|| Month::of(now));
    let exported = exported(&store, args.account, month, now).await?;
    let issuer = store.issuer().await?.party.name;
    let bills: Vec<Bill<'_>> = exported
        .iter()
        .flat_map(|account| {
            let (issuer, bills) = (&issuer, account.bills.iter());
            bills.map(move |(billed, totals)| Bill {
                account_id: &account.account,
                account_name: &account.name,
                issuer,
                month,
                invoice_id: billed.document.number.as_deref(),
                usage: &billed.charged.usage,
                corrections: &billed.charged.late,
                totals,
                tags: &account.tags,
            })
        })
        .collect();
    let (encoding, extension) = match args.format {
        Table::Csv => (Encoding::Csv, "csv"),
        Table::Parquet => (Encoding::Parquet, "parquet"),
    };
    let mut bytes = Vec::new();
    let name = match what {
        Export::Focus => {
            focus::write(encoding, &bills, &mut bytes)?;
            "focus"
        }
        Export::Cur => {
            cur::write(encoding, &bills, &mut bytes)?;
            "cur"
        }
    };
    deliver(
        &bytes,
        args.output.as_deref(),
        &format!("{name}-{month}.{extension}"),
    )
}

async fn exported(
    store: &Store,
    account: Option<AccountId>,
    month: Month,
    now: DateTime<Utc>,
) -> Result<Vec<Exported>> {
    let mut accounts = store.accounts().await?;
    if let Some(account) = account {
        accounts.retain(|one| one.id == account);
        if accounts.is_empty() {
            bail!("{}", no_account(account));
        }
    }
    let mut all = Vec::with_capacity(accounts.len());
    for account in accounts {
        let Some(billed) = store.billed(account.id, month, now).await? else {
            continue;
        };
        let mut bills = Vec::with_capacity(billed.len());
        for one in billed {
            let totals = one.document.totals()?;
            bills.push((one, totals));
        }
        let tags = store.function_tags(account.id).await?;
        all.push(Exported {
            account: account.id.to_string(),
            name: account.name,
            bills,
            tags,
        });
    }
    Ok(all)
}

/// Writes the file and says where, or prints it.
fn deliver(bytes: &[u8], output: Option<&str>, name: &str) -> Result<()> {
    let path = output.unwrap_or(name);
    if path == "-" {
        return print(bytes);
    }
    std::fs::write(path, bytes).with_context(|| format!("{path} cannot be written"))?;
    print(format!("{path}\n").as_bytes())
}
