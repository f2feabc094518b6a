//! How long a PDF takes, and how many rows of an export are written in a second:
//! `cargo run --release -p documents --example pdf_rate`.

#![expect(clippy::print_stdout, reason = "a report for whoever runs it")]

use std::io;
use std::time::{Duration, Instant};

use documents::{Encoding, Error, focus, pdf};
use domain::bill::document::Document;

mod samples;

const RUNS: usize = 200;

fn main() -> Result<(), Error> {
    let long = samples::long();
    report("3 regions", &samples::invoice().document)?;
    report("21 regions", &long.document)?;
    report("draft", &samples::draft().document)?;
    report("credit note", &samples::credit_note())?;

    let bills = [long.bill(); 50];
    let rows = bills.len() * (long.usage.len() + long.totals.taxes.len());
    for encoding in [Encoding::Csv, Encoding::Parquet] {
        let start = Instant::now();
        focus::write(encoding, &bills, io::sink())?;
        println!(
            "FOCUS as {}: {rows} rows in {:.2?}",
            encoding.extension(),
            start.elapsed()
        );
    }
    Ok(())
}

fn report(name: &str, document: &Document) -> Result<(), Error> {
    let mut times: Vec<Duration> = Vec::with_capacity(RUNS);
    let mut bytes = 0;
    for _ in 0..RUNS {
        let start = Instant::now();
        bytes = pdf::render(document, None)?.len();
        times.push(start.elapsed());
    }
    times.sort();
    let lines = document.lines.len();
    let (middle, slow) = (times[RUNS / 2], times[RUNS * 99 / 100]);
    println!("{name}: {lines} lines, {bytes} bytes, p50 {middle:.2?}, p99 {slow:.2?} of {RUNS}");
    Ok(())
}
