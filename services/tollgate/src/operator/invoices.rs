//! The part of `tollgate billing` that works on invoices.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::close::{CLOSED_AFTER, Closing};
use domain::bill::credit_note::Part;
use domain::bill::{Money, Month};
use serde_json::{Value, json};
use store::Store;
use store::billing_terms::Books;
use store::invoices::{InvoiceFilter, NotClosed};

use super::documents::no_invoice;
use super::{explain, no_account, open, table};
use crate::args::{Close, Credit, CreditNote, DeclareLost, Draft, Invoices, ListInvoices, Pay};
use crate::client::print;
use crate::config::Settings;
use crate::platform_clock;

pub(crate) async fn run(settings: &Settings, command: Invoices) -> Result<()> {
    let store = open(settings).await?;
    let now = platform_clock::now(&settings.config.data_dir)?;
    match command {
        Invoices::Close(args) => close(&store, &args, now).await,
        Invoices::List(args) => list(&store, &args).await,
        Invoices::Show { number, json, .. } => show(&store, &number, json).await,
        Invoices::Draft(args) => {
            let account = args.account.unwrap_or(settings.config.account);
            draft(&store, account, &args, now).await
        }
        Invoices::CreditNote(args) => credit_note(&store, &args, now).await,
        Invoices::Pay(args) => pay(&store, &args, now).await,
        Invoices::Credit(args) => credit(&store, &args, now).await,
        Invoices::WriteOff { invoice, .. } => {
            let given_up = store.write_off_invoice(&invoice, now).await?;
            print(format!("{given_up} of {invoice} are written off.").as_bytes())
        }
        Invoices::Explain(args) => explain::run(&store, &args).await,
        Invoices::Executors { json, .. } => executors(&store, json).await,
        Invoices::DeclareLost(args) => declare_lost(&store, &args, now).await,
    }
}

async fn close(store: &Store, args: &Close, now: DateTime<Utc>) -> Result<()> {
    store.ensure_periods(now).await?;
    let last = args
        .month
        .unwrap_or_else(|| Month::of(now - CLOSED_AFTER).previous());
    let open = store.open_months(last).await?;
    let wanted = open.into_iter().filter(|one| {
        args.month.is_none_or(|month| month == one.month)
            && args.account.is_none_or(|account| account == one.account)
    });
    let books = Books::default();
    let (mut issued, mut closed, mut refused) = (Vec::new(), 0_usize, Vec::new());
    for one in wanted {
        let step = store.close_month(one.account, one.month, args.force, now, &books);
        match step.await? {
            Ok(done) => {
                closed += 1;
                issued.extend(done.invoices);
            }
            Err(NotClosed::Already | NotClosed::Unknown) => {}
            Err(NotClosed::After(earlier)) => {
                refused.push(format!(
                    "{} of {}: {earlier} comes first.",
                    one.month, one.account
                ));
            }
            Err(NotClosed::NotYet(why)) => refused.push(not_yet(one.month, one.account, why)),
        }
    }
    if closed == 0 && refused.is_empty() {
        return print(b"There is no month to close.");
    }
    if closed > 0 {
        let numbers = if issued.is_empty() {
            "none".to_owned()
        } else {
            issued.join(", ")
        };
        print(format!("Closed {closed} months. Invoices: {numbers}.").as_bytes())?;
    }
    if !refused.is_empty() {
        bail!("{}", refused.join("\n"));
    }
    Ok(())
}

fn not_yet(month: Month, account: AccountId, why: Closing) -> String {
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
    match why {
        Closing::NotBefore(at) => {
            format!("{month} of {account} is not closed before {}.", time(at))
        }
        Closing::Waits { missing, until } => {
            let missing = missing.iter().filter(|one| one.lost_at.is_none());
            let missing: Vec<String> = missing
                .map(|one| {
                    format!(
                        "executor {} (until {})",
                        one.executor,
                        time(one.covers_until)
                    )
                })
                .collect();
            format!(
                "{month} of {account} is not fully reported: {}. It is closed on {} anyway, or now with --force; \
                 `tollgate billing declare-lost` gives an executor up.",
                missing.join(", "),
                time(until)
            )
        }
        Closing::Due { .. } => format!("{month} of {account} is due."),
    }
}

async fn list(store: &Store, args: &ListInvoices) -> Result<()> {
    let filter = InvoiceFilter {
        account: args.account,
        month: args.month,
        number: None,
    };
    let invoices = store.invoices(filter).await?;
    if args.json {
        let all: Vec<Value> = invoices
            .iter()
            .map(|one| {
                json!({
                    "number": one.number, "kind": one.document.kind, "account": one.account.to_string(),
                    "month": one.month.to_string(), "currency": one.document.currency, "total": one.document.total,
                    "due": one.document.due, "open": one.open.amount(), "issued_on": one.document.issued_on,
                    "due_on": one.document.due_on, "corrects": one.document.corrects,
                })
            })
            .collect();
        return print(serde_json::to_string_pretty(&all)?.as_bytes());
    }
    let rows = invoices.into_iter().map(|one| {
        let open = if one.credit_note {
            String::new()
        } else {
            one.open.amount()
        };
        [
            one.number,
            one.account.to_string(),
            one.month.to_string(),
            one.document.issued_on.to_string(),
            format!("{} {}", one.document.total, one.currency),
            open,
            one.document
                .corrects
                .map(|number| format!("corrects {number}"))
                .unwrap_or_default(),
        ]
    });
    let header = ["NUMBER", "ACCOUNT", "MONTH", "ISSUED", "TOTAL", "OPEN", ""];
    print(table(header, rows).as_bytes())
}

async fn show(store: &Store, number: &str, json: bool) -> Result<()> {
    let invoice = store.invoice(number).await?;
    let invoice = invoice.with_context(|| no_invoice(number))?;
    if json {
        return print(invoice.text.as_bytes());
    }
    let mut text = documents::text::render(&invoice.document)?;
    if !invoice.credit_note {
        text = format!("{text}\nOpen: {}\n", invoice.open);
    }
    print(text.as_bytes())
}

async fn draft(store: &Store, account: AccountId, args: &Draft, now: DateTime<Utc>) -> Result<()> {
    let month = args.month.unwrap_or_else(|| Month::of(now));
    let draft = store.draft(account, month, now).await?;
    let draft = draft.with_context(|| no_account(account))?;
    if draft.closed {
        bail!(
            "{month} is closed: see `tollgate billing invoices --account {account} --month {month}`."
        );
    }
    if args.json {
        let documents: Vec<_> = draft.bills.iter().map(|bill| &bill.document).collect();
        return print(serde_json::to_string_pretty(&documents)?.as_bytes());
    }
    if draft.bills.is_empty() {
        return print(format!("{account} has used nothing in {month} so far.").as_bytes());
    }
    let texts = draft
        .bills
        .iter()
        .map(|bill| documents::text::render(&bill.document));
    let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
    print(texts.join("\n\n").as_bytes())
}

async fn credit_note(store: &Store, args: &CreditNote, now: DateTime<Utc>) -> Result<()> {
    let part = match (&args.amount, args.line) {
        (Some(amount), _) => Part::Amount(amount.clone()),
        (None, Some(line)) => Part::Line(line),
        (None, None) => Part::Rest,
    };
    let note = store
        .issue_credit_note(&args.invoice, &part, &args.reason, now)
        .await?;
    print(documents::text::render(&note)?.as_bytes())
}

async fn pay(store: &Store, args: &Pay, now: DateTime<Utc>) -> Result<()> {
    let reference = reference(args.reference.as_ref(), now);
    let new = store
        .pay_invoice(&args.invoice, &args.amount, &reference, now)
        .await?;
    let invoice = store.invoice(&args.invoice).await?;
    let open = invoice.map(|one| one.open.to_string()).unwrap_or_default();
    let booked = if new { "Booked" } else { "Booked before" };
    print(format!("{booked}. Of {} {open} are open.", args.invoice).as_bytes())
}

async fn credit(store: &Store, args: &Credit, now: DateTime<Utc>) -> Result<()> {
    let amount = Money::parse(&args.amount, args.currency)
        .map_err(|error| anyhow::anyhow!("--amount: {error}."))?;
    let reference = reference(args.reference.as_ref(), now);
    let new = store
        .credit_customer(args.account, amount, &reference, args.promo, now)
        .await?;
    let left = store.customer_credit(args.account, args.currency).await?;
    let booked = if new { "Booked" } else { "Booked before" };
    print(format!("{booked}. {} has {left} to their credit.", args.account).as_bytes())
}

/// What tells one booking from another, where nobody said: when it was asked for.
fn reference(given: Option<&String>, now: DateTime<Utc>) -> String {
    given.cloned().unwrap_or_else(|| now.to_rfc3339())
}

async fn executors(store: &Store, json: bool) -> Result<()> {
    let reporters = store.reporters().await?;
    if json {
        let all: Vec<Value> = reporters
            .0
            .iter()
            .map(|one| {
                json!({"executor": one.executor, "start": one.boot_epoch, "reported_until": one.covers_until,
                    "records_missing": one.unreported, "lost_at": one.lost_at})
            })
            .collect();
        return print(serde_json::to_string_pretty(&all)?.as_bytes());
    }
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
    let rows = reporters.0.into_iter().map(|one| {
        let lost = one.lost_at.map(|at| format!("declared lost {}", time(at)));
        [
            one.executor.to_string(),
            one.boot_epoch.to_string(),
            time(one.covers_until),
            one.unreported.to_string(),
            lost.unwrap_or_default(),
        ]
    });
    print(
        table(
            [
                "EXECUTOR",
                "START",
                "REPORTED UNTIL (UTC)",
                "RECORDS MISSING",
                "",
            ],
            rows,
        )
        .as_bytes(),
    )
}

async fn declare_lost(store: &Store, args: &DeclareLost, now: DateTime<Utc>) -> Result<()> {
    let executor = args.executor;
    if !store.declare_lost(executor, &args.reason, now).await? {
        bail!(
            "There is no executor {executor} that anybody waits for: see `tollgate billing executors`."
        );
    }
    print(format!("Executor {executor} is declared lost.").as_bytes())
}
