//! How long an event waits for its function where a fifth of what the machine can do is asked of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::bench::Bench;
use crate::events::EventSender;
use crate::open_loop::{self, Schedule};
use crate::report::{Measured, Row};
use crate::rig::{ENVIRONMENTS, MEMORY_MB, Rig};
use crate::witness::Work;

/// Of the rate at which waiting events are worked off.
const SHARE: f64 = 0.2;

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let (preload, seconds) = bench.sized((50_000, 60), (3_000, 5));
    let mut measured = Measured::default();
    let mut rig = Rig::start(bench, None, MEMORY_MB, Some(ENVIRONMENTS)).await?;
    let (rate, checked) = super::drain::drain(&mut rig, preload).await?;
    measured.ledgers.push(checked.verdict);
    let ledger = rig.ledger("a fifth of the rate")?;
    let works = Arc::new(|_| Work::default());
    let senders = EventSender::several(64, &rig.installation.door, &ledger, &(works as _))?;
    let schedule = Schedule {
        per_second: rate * SHARE,
        time: Duration::from_secs(seconds),
    };
    let load = open_loop::run(
        schedule,
        bench.chance("start delay"),
        senders,
        Arc::default(),
    )
    .await?;
    let mut all = rig.check(&[ledger], Duration::from_mins(5)).await?;
    let checked = all.pop().context("a ledger")?;
    let (accept, start) = (
        load.latencies.figures(schedule.time),
        checked.start_delays.figures(schedule.time),
    );
    let subject = "from when an event is due to be sent to its handler's begin, at 20 % load";
    let beside = format!(
        "{:.0}/s for {seconds} s; p90 {:.2} ms, max {:.1} ms; accepted in p50 {:.2} ms, p99 {:.2} ms",
        start.per_second, start.p90_ms, start.max_ms, accept.p50_ms, accept.p99_ms
    );
    measured.rows = vec![
        Row::at_most(subject, "p50, ms", start.p50_ms, 5.0, beside.clone()),
        Row::at_most(subject, "p99, ms", start.p99_ms, 20.0, beside),
    ];
    measured.ledgers.push(checked.verdict);
    Ok(measured)
}
