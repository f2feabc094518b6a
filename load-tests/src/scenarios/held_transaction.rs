//! Somebody leaves a transaction open: dead rows cannot be removed while it lasts, and the queue must not mind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use chassis::Clock;
use tokio_postgres::Client;

use crate::bench::Bench;
use crate::events::{Throttle, Until, accept_throttled};
use crate::figures::per;
use crate::installation::Part;
use crate::report::{Measured, Row};
use crate::rig::{ENVIRONMENTS, MEMORY_MB, Rig};
use crate::witness::Work;

const CONNECTIONS: usize = 16;
/// Events that may wait: enough for the queue to be busy all the time, too few for it to fall behind.
const WAITING_MAX: u64 = 5_000;

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let (before_s, held_s) = bench.sized((60, 600), (10, 60));
    let (before, held) = (Duration::from_secs(before_s), Duration::from_secs(held_s));
    let mut rig = Rig::start(bench, None, MEMORY_MB, Some(ENVIRONMENTS)).await?;
    rig.executor(ENVIRONMENTS as usize).await?;
    rig.installation.add(Part::Queue(0)).await?;
    let ledger = rig.ledger("a transaction held open")?;
    let throttle = Arc::<Throttle>::default();
    let watcher = rig.installation.postgres.connect().await?;
    let done = Arc::<AtomicBool>::default();
    let door = rig.installation.door.clone();
    let until = Until::Time(before * 2 + held + before / 2);
    let works = accept_throttled(
        (&door, &ledger),
        CONNECTIONS,
        until,
        Work::default(),
        Arc::clone(&throttle),
    );
    let load = async {
        let figures = works.await;
        done.store(true, Ordering::Relaxed);
        figures
    };
    let holder = rig.installation.postgres.connect().await?;
    let now_us = || Clock::system().now().timestamp_micros();
    let holding = async {
        // The first moments belong to caches that fill.
        tokio::time::sleep(before / 2).await;
        let began = now_us();
        tokio::time::sleep(before).await;
        // It reads, so that it has a snapshot, and then does nothing.
        holder
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM lane")
            .await?;
        let held_from = now_us();
        tokio::time::sleep(held).await;
        let held_to = now_us();
        holder.batch_execute("COMMIT").await?;
        Ok::<_, anyhow::Error>((began, held_from, held_to))
    };
    let watching = watch(&watcher, &throttle, &done);
    let (_, (), (began, held_from, held_to)) = tokio::try_join!(load, watching, holding)?;
    let mut all = rig.check(&[ledger], Duration::from_mins(5)).await?;
    let checked = all.pop().context("a ledger")?;
    let rate = |from: i64, to: i64| {
        let place = |at: i64| checked.ended_us.partition_point(|ended| *ended < at);
        per(
            (place(to) - place(from)) as u64,
            per((to - from).unsigned_abs(), 1e6),
        )
    };
    let window = held_from - began;
    let (free, late) = (rate(began, held_from), rate(held_to - window, held_to));
    let after = rate(held_to, held_to + window);
    let mut measured = Measured::default();
    measured.rows.push(Row::at_most(
        &format!("a transaction held open for {held_s} s during load"),
        "throughput lost at its end, %",
        (1.0 - late / free) * 100.0,
        5.0,
        format!(
            "{free:.0}/s before, {late:.0}/s in the last {before_s} s, {after:.0}/s afterwards"
        ),
    ));
    measured.ledgers.push(checked.verdict);
    Ok(measured)
}

/// Lets the load go on as long as not too many events wait. Counts by Postgres' own statistics: counting rows would be a load of
/// its own, growing with their number.
async fn watch(client: &Client, throttle: &Throttle, done: &AtomicBool) -> Result<()> {
    let query =
        "SELECT coalesce(sum(n_tup_ins) FILTER (WHERE relname LIKE 'invocation\\_%'), 0)::int8,
                        coalesce(sum(n_tup_ins) FILTER (WHERE relname LIKE 'outcome\\_%'), 0)::int8
                 FROM pg_stat_user_tables";
    while !done.load(Ordering::Relaxed) {
        let row = client.query_one(query, &[]).await?;
        let waiting = row.get::<_, i64>(0) - row.get::<_, i64>(1);
        let full = waiting.max(0).unsigned_abs() > WAITING_MAX;
        throttle.set(full);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
