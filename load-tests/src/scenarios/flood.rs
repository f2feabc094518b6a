//! One tenant floods; another one's events must start as before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::api::Door;
use crate::bench::Bench;
use crate::events::{EventSender, Until, accept};
use crate::installation::Part;
use crate::ledger::{Facts, Ledger};
use crate::open_loop::{self, Load, Schedule};
use crate::report::{Measured, Row};
use crate::rig::{CONNECTIONS, ENVIRONMENTS, MEMORY_MB, Rig};
use crate::witness::Work;

const OTHER_PER_SECOND: f64 = 50.0;
const OTHER_ENVIRONMENTS: u32 = 8;
const FLOOD_TIME_MAX: Duration = Duration::from_mins(3);

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let (flood, idle_s) = bench.sized((100_000, 30), (5_000, 5));
    let mut rig = Rig::start(bench, None, MEMORY_MB, Some(ENVIRONMENTS)).await?;
    let other = rig.installation.account("other").await?;
    let concurrency = Some(OTHER_ENVIRONMENTS);
    rig.installation
        .deploy(&other, &rig.witness, MEMORY_MB, concurrency)
        .await?;
    rig.executor(ENVIRONMENTS as usize).await?;
    let few = OTHER_ENVIRONMENTS as usize;
    rig.installation.warm(&other, few).await?;
    rig.installation.add(Part::Queue(0)).await?;
    rig.installation.settled().await;
    let idle = rig.ledger_of(&other, "the other tenant, idle")?;
    let time = Duration::from_secs(idle_s);
    load(bench, &other, &idle, time, Arc::default()).await?;
    let (during, flooding) = (
        rig.ledger_of(&other, "the other tenant, during the flood")?,
        rig.ledger("the flood")?,
    );
    let stop = Arc::<AtomicBool>::default();
    let facts = rig.installation.facts().await?;
    let door = rig.installation.door.clone();
    let flooded = async {
        let until = Until::Count(flood);
        let figures = accept(&door, &flooding, CONNECTIONS, until, Work::default()).await?;
        worked_off(&facts).await?;
        stop.store(true, Ordering::Relaxed);
        Ok(figures)
    };
    let others = load(bench, &other, &during, FLOOD_TIME_MAX, Arc::clone(&stop));
    let (figures, others) = tokio::try_join!(flooded, others)?;
    let ledgers = [idle, during, flooding];
    let [idle, during, flooding] = <[_; 3]>::try_from(rig.check(&ledgers, FLOOD_TIME_MAX).await?)
        .ok()
        .context("three ledgers")?;
    let delays = |checked: &crate::ledger::Checked| checked.start_delays.figures(time);
    let (before, with) = (delays(&idle), delays(&during));
    let mut measured = Measured::default();
    measured.rows.push(Row::at_most(
        &format!("another tenant's start delay during a flood of {flood}"),
        "p99 / its idle p99",
        with.p99_ms / before.p99_ms,
        2.0,
        format!(
            "p99 {:.1} ms / {:.1} ms; p50 {:.1} / {:.1}; {OTHER_PER_SECOND:.0}/s, n = {} / {}; {} refused; the flood came at {:.0}/s",
            with.p99_ms, before.p99_ms, with.p50_ms, before.p50_ms, with.count, before.count, others.failed, figures.per_second
        ),
    ));
    measured.ledgers = [idle, during, flooding]
        .map(|checked| checked.verdict)
        .into();
    Ok(measured)
}

async fn load(
    bench: &Bench,
    door: &Door,
    ledger: &Ledger,
    time: Duration,
    stop: Arc<AtomicBool>,
) -> Result<Load> {
    let works = Arc::new(|_| Work::default());
    let senders = EventSender::several(16, door, ledger, &(works as _))?;
    let schedule = Schedule {
        per_second: OTHER_PER_SECOND,
        time,
    };
    open_loop::run(schedule, bench.chance(ledger.name()), senders, stop).await
}

/// Waits until what waits is what the other tenant's own load explains.
async fn worked_off(facts: &Facts) -> Result<()> {
    let deadline = Instant::now() + FLOOD_TIME_MAX;
    while facts.stored().await? - facts.ended().await? > 10 {
        ensure!(Instant::now() < deadline, "the flood was not worked off");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
