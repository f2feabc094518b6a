//! How many executions a second go through executors' spools into Postgres, all the way to its hours.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chassis::{Clock, Lifecycle};
use executor::spool::{Error, Spool};
use tokio::task::JoinSet;

use super::Metering;
use super::records::{self, Functions};
use crate::bench::Bench;
use crate::figures::per;
use crate::report::Row;

pub(super) const EXECUTORS: u32 = 4;

pub(super) async fn measure(metering: &Metering, bench: &Bench) -> Result<Vec<Row>> {
    let each: u64 = bench.sized(1_500_000, 20_000);
    let life = Lifecycle::new();
    let mut spools = Vec::new();
    for number in 0..EXECUTORS {
        spools.push(metering.spool(number, &life).await?);
    }
    let began = Instant::now();
    let mut executors = JoinSet::new();
    for spool in spools {
        executors.spawn(async move {
            let working = spool.clone();
            tokio::task::spawn_blocking(move || work(&working, each)).await??;
            let written = began.elapsed();
            spool.flush().await;
            ensure!(spool.backlog() == 0, "batches wait after the flush");
            Ok::<_, anyhow::Error>(written)
        });
    }
    let mut written = Duration::ZERO;
    while let Some(executor) = executors.join_next().await {
        written = written.max(executor??);
    }
    let took = began.elapsed();
    life.cut().cancel();
    let count = each * u64::from(EXECUTORS);
    check(metering, each).await?;
    let rate = per(count, took.as_secs_f64());
    Ok(vec![Row::at_least(
        &format!("metering, {EXECUTORS} executors into one Postgres"),
        "executions a second",
        rate,
        100_000.0,
        format!(
            "{count} in {:.1} s, from their start records to the hours in the database; all were written after {:.1} s",
            took.as_secs_f64(),
            written.as_secs_f64()
        ),
    )])
}

/// One executor's executions, as fast as its spool takes them.
fn work(spool: &Spool, count: u64) -> Result<()> {
    let clock = Clock::system();
    let functions = Functions::new(clock.now())?;
    for number in 0..count {
        let start = functions.start(number);
        let ticket = loop {
            match spool.start(start) {
                Ok(ticket) => break ticket,
                // So much waits for the database: calls would be refused now.
                Err(Error::Full { .. }) => std::thread::sleep(Duration::from_millis(5)),
                Err(error) => return Err(error.into()),
            }
        };
        spool.end(ticket, &records::end(start, number, clock.now()))?;
    }
    Ok(())
}

/// To the last MB·ms.
async fn check(metering: &Metering, each: u64) -> Result<()> {
    let executors = i128::from(EXECUTORS);
    let want = (
        i128::from(each) * executors,
        records::mb_ms(each) * executors,
    );
    let balance = metering.owner.usage_balance().await?;
    ensure!(
        balance.holds() && (balance.hours_requests, balance.hours_mb_ms) == want,
        "{want:?} were metered, and the database counts {balance:?}"
    );
    Ok(())
}
