//! What metering adds to a call: the start record before the handler, the end record before the answer.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chassis::{Clock, Lifecycle};
use executor::spool::Spool;

use super::Metering;
use super::records::{self, Functions};
use crate::bench::Bench;
use crate::figures::{Figures, Latencies};
use crate::report::Row;

/// As many as a small host answers in a second.
const PER_SECOND: u32 = 5_000;

pub(super) async fn measure(metering: &Metering, bench: &Bench) -> Result<Vec<Row>> {
    let count: u64 = bench.sized(200_000, 10_000);
    let life = Lifecycle::new();
    let spool = metering.spool(0, &life).await?;
    let (paced, unpaced) = {
        let spool = spool.clone();
        let both = move || {
            let paced = calls(&spool, count, Some(PER_SECOND))?;
            Ok::<_, anyhow::Error>((paced, calls(&spool, count, None)?))
        };
        tokio::task::spawn_blocking(both).await??
    };
    spool.flush().await;
    life.cut().cancel();
    let balance = metering.owner.usage_balance().await?;
    let counted = 2 * i128::from(count);
    ensure!(
        balance.holds() && balance.hours_requests == counted,
        "{counted} executions were metered, and the database counts {balance:?}"
    );
    let us = |figures: &Figures| (figures.p50_ms * 1e3, figures.p99_ms * 1e3);
    let ((p50, p99), (busy_p50, busy_p99)) = (us(&paced), us(&unpaced));
    Ok(vec![Row::at_most(
        "metering on the call path: start record and end record written",
        "added p99, µs",
        p99,
        20.0,
        format!(
            "p50 {p50:.1} µs at {PER_SECOND} executions a second, synced, sealed and sent meanwhile; one after the other without \
             a pause: p50 {busy_p50:.1} µs, p99 {busy_p99:.1} µs; n = {count} each"
        ),
    )])
}

/// Starts and ends executions; times both together.
fn calls(spool: &Spool, count: u64, per_second: Option<u32>) -> Result<Figures> {
    let clock = Clock::system();
    let functions = Functions::new(clock.now())?;
    let mut latencies = Latencies::default();
    let began = Instant::now();
    for number in 0..count {
        if let Some(per_second) = per_second {
            let due = Duration::from_secs(1) / per_second * u32::try_from(number)?;
            while let Some(wait) = due.checked_sub(began.elapsed()) {
                std::thread::sleep(wait);
            }
        }
        let start = functions.start(number);
        let end = records::end(start, number, clock.now());
        let before = Instant::now();
        let ticket = spool.start(start)?;
        spool.end(ticket, &end)?;
        latencies.record(before.elapsed());
    }
    Ok(latencies.figures(began.elapsed()))
}
