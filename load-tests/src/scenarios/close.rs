//! The month of many accounts: charged and closed by the service, verified, rendered; then the bill is dropped and made again
//! of usage and prices, and must be the same to the byte.
//!
//! The first time the service has everything to do: nothing was charged before the month was due. The second time its days are
//! charged first, as in daily life, and the month is closed afterwards, at the instant of the first time: a bill that is closed
//! late and one that is kept day by day are the same bill.

mod bill;
mod usage;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chassis::{Clock, Lifecycle};
use chrono::{DateTime, TimeDelta, Utc};
use documents::{Format, Logo};
use domain::bill::Month;
use domain::bill::close::CLOSED_AFTER;
use store::parties::Issuer;
use store::{Role, Store, Vault};

use self::bill::{Bill, Counts};
use self::usage::Size;
use crate::bench::Bench;
use crate::figures::{Figures, per};
use crate::installation::{Installation, Part};
use crate::processes;
use crate::report::{Measured, Row};

/// Invoices that are rendered.
const RENDERED: i64 = 50;
/// What one step may take at most.
const STEP_TIME_MAX: Duration = Duration::from_mins(30);
/// Connections of the service that makes the bill again: what the product's has.
const CONNECTIONS_MAX: u32 = 16;

/// A rendered invoice.
struct Rendered {
    number: String,
    bytes: Vec<u8>,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let size = bench.sized(Size::FULL, Size::QUICK);
    let mut installation = Installation::start(bench, None).await?;
    let month = Month::of(Clock::system().now() - CLOSED_AFTER).previous();
    let bill = Bill {
        client: installation.postgres.connect().await?,
        month,
    };
    let rows = usage::make(&bill.client, month, &size, bench.seed).await?;
    let subject = format!("{} accounts, {rows} rows of usage", size.accounts);
    let mut measured = Measured::default();
    closed(&mut installation, &bill, &size, &subject, &mut measured).await?;
    adds_up(&installation, &bill, &subject, &mut measured).await?;
    let store = connect(&installation, Role::Owner).await?;
    let rendered = rendered(&installation, &store, &bill, &mut measured).await?;
    rebuilt(&installation, &bill, &size, &subject, &mut measured).await?;
    for before in rendered {
        let (again, _) = render(&store, &before.number).await?;
        ensure!(
            again == before.bytes,
            "{} is another PDF after the bill was made again",
            before.number
        );
    }
    store.close().await;
    installation.sound();
    Ok(measured)
}

async fn connect(installation: &Installation, role: Role) -> Result<Store> {
    // Nothing that is encrypted at rest is read.
    let vault = Vault::new(&[0; 32]);
    let url = installation.postgres.url();
    Ok(Store::connect(&url, role, CONNECTIONS_MAX, vault).await?)
}

/// The service is started when the month is due and nothing of it is charged; it ends when all is sealed.
async fn closed(
    installation: &mut Installation,
    bill: &Bill,
    size: &Size,
    subject: &str,
    measured: &mut Measured,
) -> Result<()> {
    let began = Instant::now();
    installation.add(Part::Billing).await?;
    bill.until_closed(size.accounts, STEP_TIME_MAX).await?;
    let took = began.elapsed();
    let service = installation.processes(Part::Billing);
    let resident_kib: u64 = service.into_iter().map(processes::resident_max_kib).sum();
    ensure!(resident_kib > 0, "the service does not run");
    installation.stop(Part::Billing)?;
    // It seals every ten minutes, and when it is started.
    let began = Instant::now();
    installation.start_service(Part::Billing).await?;
    bill.until_sealed(STEP_TIME_MAX).await?;
    let sealed = began.elapsed();
    installation.stop(Part::Billing)?;
    let Counts {
        charges,
        journals,
        invoices,
    } = bill.counts().await?;
    measured.rows.extend([
        Row::at_most(
            subject,
            "from the service's start to the last invoice final, nothing charged before, s",
            took.as_secs_f64(),
            300.0,
            format!(
                "{charges} charges, {journals} journals, {invoices} invoices; the first 15 s the service waits for executors; \
                 started again, it looked for late usage and sealed all journals in {:.0} s",
                sealed.as_secs_f64()
            ),
        ),
        Row::noted(
            subject,
            "billing service, most memory resident, MB",
            per(resident_kib, 1024.0),
            String::new(),
        ),
    ]);
    Ok(())
}

/// Invariants, numbers and sums of the bill.
async fn adds_up(
    installation: &Installation,
    bill: &Bill,
    subject: &str,
    measured: &mut Measured,
) -> Result<()> {
    let began = Instant::now();
    let verified = installation
        .command_within(&["ledger", "verify", "--json"], STEP_TIME_MAX)
        .await
        .context("an invariant of the bill is violated")?;
    let took = began.elapsed().as_secs_f64();
    let verified: serde_json::Value = serde_json::from_str(&verified)?;
    ensure!(verified["holds"] == true, "{verified}");
    let checks = verified["checks"].as_array().map_or(0, Vec::len);
    measured.rows.push(Row::noted(
        subject,
        "`tollgate ledger verify`, s",
        took,
        format!("{checks} invariants hold"),
    ));
    let wrong = bill.numbers_wrong().await?;
    measured.rows.push(Row::at_most(
        subject,
        "numbers of invoices missing or doubled",
        per(wrong.unsigned_abs(), 1.0),
        0.0,
        String::new(),
    ));
    ensure!(wrong == 0, "the numbers of invoices have gaps");
    let sums = bill.sums().await?;
    ensure!(!sums.is_empty(), "nothing was charged");
    for (currency, invoiced, charged) in sums {
        ensure!(
            invoiced == charged,
            "{currency}: invoices say {invoiced}, charges amount to {charged}"
        );
        measured.rows.push(Row::at_most(
            subject,
            &format!("invoiced less rated, {currency}"),
            0.0,
            0.0,
            format!("{charged} both, at ten digits"),
        ));
    }
    Ok(())
}

/// Some invoices as PDF, by the operator's command and in this process: both give the same bytes.
async fn rendered(
    installation: &Installation,
    store: &Store,
    bill: &Bill,
    measured: &mut Measured,
) -> Result<Vec<Rendered>> {
    let file = installation.dir().join("invoice.pdf");
    let output = file.display().to_string();
    let (mut commands, mut alone, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for number in bill.some_numbers(RENDERED).await? {
        let began = Instant::now();
        let words = ["billing", "pdf", &number, "--output", &output];
        installation.command(&words).await?;
        commands.push(began.elapsed());
        let (bytes, took) = render(store, &number).await?;
        alone.push(took);
        ensure!(
            bytes == std::fs::read(&file)?,
            "{number} rendered twice gives two PDFs"
        );
        all.push(Rendered { number, bytes });
    }
    let bytes = all.iter().map(|one| one.bytes.len()).sum::<usize>() / all.len().max(1);
    for (measure, took) in [
        ("rendering alone, p50 ms", alone),
        ("`tollgate billing pdf` from start to end, p50 ms", commands),
    ] {
        let figures = Figures::sequential(took);
        measured.rows.push(Row::at_most(
            "an invoice as PDF",
            measure,
            figures.p50_ms,
            50.0,
            format!(
                "p99 {:.1} ms over {} invoices of {bytes} bytes on average",
                figures.p99_ms, figures.count
            ),
        ));
    }
    Ok(all)
}

/// Renders an invoice; says how long that took, without reading it.
async fn render(store: &Store, number: &str) -> Result<(Vec<u8>, Duration)> {
    let invoice = store.invoice(number).await?;
    let invoice = invoice.with_context(|| format!("{number} is gone"))?;
    let logo = store.invoice_logo(number).await?;
    let logo = logo.map(|logo| Logo::new(logo.content)).transpose()?;
    let began = Instant::now();
    let rendered = documents::render(Format::Pdf, &invoice.document, logo.as_ref())?;
    Ok((rendered.bytes, began.elapsed()))
}

/// Drops the bill and lets the service make it again, its clock standing where it is told.
async fn rebuilt(
    installation: &Installation,
    bill: &Bill,
    size: &Size,
    subject: &str,
    measured: &mut Measured,
) -> Result<()> {
    let (before, issued_at) = (bill.digest().await?, bill.issued_at().await?);
    let owner = connect(installation, Role::Owner).await?;
    let issuer = owner.issuer().await?;
    owner.close().await;
    bill.drop_derived().await?;
    // The month is over, and not due for another day: its days are charged, and nothing is closed.
    let soon = bill.month.end() + TimeDelta::hours(2);
    let charged = async {
        bill.until_charged(size.accounts, STEP_TIME_MAX).await?;
        bill.until_sealed(STEP_TIME_MAX).await
    };
    let took = served(installation, &issuer, soon, charged).await?;
    let counts = bill.counts().await?;
    ensure!(
        counts.invoices == 0,
        "the month was closed before it was due"
    );
    measured.rows.push(Row::noted(
        subject,
        "all days charged, from nothing, s",
        took.as_secs_f64(),
        format!(
            "{} charges, {} journals, with their seals",
            counts.charges, counts.journals
        ),
    ));
    let closed = bill.until_closed(size.accounts, STEP_TIME_MAX);
    let took = served(installation, &issuer, issued_at, closed).await?;
    let counts = bill.counts().await?;
    measured.rows.push(Row::noted(
        subject,
        "the month closed, its days charged before, s",
        took.as_secs_f64(),
        format!("{} invoices", counts.invoices),
    ));
    let differences = before.differences(&bill.digest().await?);
    measured.rows.push(Row::at_most(
        subject,
        "dropped and made again of usage and prices: parts that differ",
        per(differences.len() as u64, 1.0),
        0.0,
        format!(
            "documents, invoices, journals, postings, charges, periods: {} rows compared by their bytes",
            before.rows()
        ),
    ));
    ensure!(
        differences.is_empty(),
        "the bill that was made again is another one: {}",
        differences.join("; ")
    );
    Ok(())
}

/// Runs the service at a standing clock until something has happened; says how long that took.
async fn served(
    installation: &Installation,
    issuer: &Issuer,
    at: DateTime<Utc>,
    until: impl Future<Output = Result<()>>,
) -> Result<Duration> {
    let store = connect(installation, Role::Billing).await?;
    let life = Lifecycle::new();
    let began = Instant::now();
    let options = billing::Options {
        store: store.clone(),
        clock: Clock::frozen(at),
        issuer: issuer.clone(),
        settling: Duration::ZERO,
    };
    billing::start(options, &life).await?;
    until.await?;
    let took = began.elapsed();
    life.stop(STEP_TIME_MAX).await;
    store.close().await;
    Ok(took)
}
