//! How long a PDF takes: `cargo run --release -p documents --example pdf_rate`.

use std::time::{Duration, Instant};

use domain::bill::document::Document;

mod samples;

const RUNS: usize = 200;

fn main() -> Result<(), documents::Error> {
    report("3 regions", &samples::invoice().document)?;
    report("21 regions", &samples::long().document)?;
    Ok(())
}

fn report(name: &str, document: &Document) -> Result<(), documents::Error> {
    let mut times: Vec<Duration> = Vec::with_capacity(RUNS);
    let mut bytes = 0;
    for _ in 0..RUNS {
        let start = Instant::now();
        bytes = documents::pdf::render(document, None)?.len();
        times.push(start.elapsed());
    }
    times.sort();
    let lines = document.lines.len();
    let (middle, slow) = (times[RUNS / 2], times[RUNS * 99 / 100]);
    println!("{name}: {lines} lines, {bytes} bytes, p50 {middle:.2?}, p99 {slow:.2?} of {RUNS}");
    Ok(())
}
