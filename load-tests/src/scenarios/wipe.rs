//! `FLUSHALL` in the middle of work: nothing is lost, and the rate comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chassis::Clock;

use crate::bench::Bench;
use crate::events::EventSender;
use crate::figures::per;
use crate::installation::Part;
use crate::ledger::Facts;
use crate::open_loop::{self, Schedule};
use crate::report::{Measured, Row};
use crate::rig::{ENVIRONMENTS, MEMORY_MB, Rig};
use crate::witness::Work;

/// Of the rate before, to count as back.
const SHARE: f64 = 0.9;
/// Over which a rate is taken.
const WINDOW_US: i64 = 1_000_000;
const STEP_US: i64 = 50_000;
/// Within which the rate falls, if it does.
const FALL_US_MAX: i64 = 10_000_000;

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let (queued, load_per_second) = bench.sized((100_000, 500.0), (3_000, 20.0));
    let mut rig = Rig::start(bench, None, MEMORY_MB, Some(ENVIRONMENTS)).await?;
    let waiting = rig.ledger("waiting")?;
    rig.preload(&waiting, queued + queued / 2).await?;
    rig.executor(ENVIRONMENTS as usize).await?;
    let arriving = rig.ledger("arriving")?;
    let works = Arc::new(|_| Work::default());
    let senders = EventSender::several(16, &rig.installation.door, &arriving, &(works as _))?;
    let schedule = Schedule {
        per_second: load_per_second,
        time: Duration::from_mins(5),
    };
    let stop = Arc::<AtomicBool>::default();
    let load = open_loop::run(schedule, bench.chance("wipe"), senders, Arc::clone(&stop));
    let facts = rig.installation.facts().await?;
    let wiped = async {
        rig.installation.add(Part::Queue(0)).await?;
        left(&facts, queued).await?;
        let at_us = Clock::system().now().timestamp_micros();
        rig.installation.redis.wipe().await?;
        left(&facts, queued / 10).await?;
        stop.store(true, Ordering::Relaxed);
        Ok::<_, anyhow::Error>(at_us)
    };
    let (_, wiped_us) = tokio::try_join!(load, wiped)?;
    let checked = rig
        .check(&[waiting, arriving], Duration::from_mins(10))
        .await?;
    let mut ended_us = Vec::new();
    let mut measured = Measured::default();
    for one in checked {
        ended_us.extend(one.ended_us);
        measured.ledgers.push(one.verdict);
    }
    ended_us.sort_unstable();
    measured
        .rows
        .push(recovery(&ended_us, wiped_us, queued).context("no rate before")?);
    Ok(measured)
}

/// Waits until no more than `most` events have no end yet.
async fn left(facts: &Facts, most: u64) -> Result<()> {
    let deadline = Instant::now() + Duration::from_mins(3);
    while facts.stored().await? - facts.ended().await? > most {
        ensure!(
            Instant::now() < deadline,
            "more than {most} events wait after three minutes"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn recovery(ended_us: &[i64], wiped_us: i64, queued: u64) -> Option<Row> {
    let count = |from: i64, to: i64| {
        let place = |at: i64| ended_us.partition_point(|ended| *ended < at);
        (place(to) - place(from)) as u64
    };
    let first = *ended_us.first()?;
    // The last seconds before, or what there is of them.
    let from = first.max(wiped_us - 3 * WINDOW_US);
    let before = per(
        count(from, wiped_us),
        per(u64::try_from(wiped_us - from).ok()?, 1e6),
    );
    let last = *ended_us.last()?;
    let rate = |at: i64| {
        per(
            count(at, at + WINDOW_US),
            per(WINDOW_US.unsigned_abs(), 1e6),
        )
    };
    let moments = |from: i64, to: i64| {
        let steps = (0..).map(move |step| from + step * STEP_US);
        // The end of the work is no fall.
        steps.take_while(move |at| *at <= to && at + WINDOW_US <= last)
    };
    // Back is when the rate has risen again from where it was lowest.
    let lowest =
        moments(wiped_us, wiped_us + FALL_US_MAX).min_by(|a, b| rate(*a).total_cmp(&rate(*b)))?;
    let back = if rate(lowest) >= SHARE * before {
        Some(wiped_us)
    } else {
        moments(lowest, last).find(|at| rate(*at) >= SHARE * before)
    };
    let seconds = back.map_or(f64::INFINITY, |at| {
        per(u64::try_from(at - wiped_us).unwrap_or(0), 1e6)
    });
    Some(Row::at_most(
        &format!("FLUSHALL with {queued} queued, under load"),
        "until 90 % of the rate is back, s",
        seconds,
        5.0,
        format!(
            "before {before:.0}/s, in the worst second after {:.0}/s",
            rate(lowest)
        ),
    ))
}
