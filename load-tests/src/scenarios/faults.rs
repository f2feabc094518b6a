//! Services apart are broken under load, one fault after another, drawn from the seed; at the end the ledger must add up.
//!
//! After each fault a new event must be accepted and end within a minute: what recovers only at a restart has not recovered.

mod fault;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::bench::Bench;
use crate::events::{EventSender, Works};
use crate::figures::Latencies;
use crate::installation::{Installation, Part};
use crate::ledger::{Facts, Ledger};
use crate::network::Network;
use crate::open_loop::{self, Arrival, Schedule, Sender as _};
use crate::report::{Measured, Row};
use crate::rig::Rig;
use crate::witness::Work;
use fault::Fault;

const MEMORY_MB: u32 = 256;
const CONNECTIONS: usize = 64;
/// Until an event that is handed over after a fault has ended.
const RECOVERY_MAX: Duration = Duration::from_mins(1);
/// Numbers of events that look whether all is well again.
const PROBES_FROM: u64 = 1 << 40;

pub(crate) async fn measure(bench: &Bench, network: Option<Network>) -> Result<Measured> {
    let mut rig = Rig::start(bench, network, MEMORY_MB, Some(32)).await?;
    rig.hand_on(MEMORY_MB).await?;
    rig.executor(4).await?;
    for part in [Part::Executor(1), Part::Queue(0), Part::Queue(1)] {
        rig.installation.add(part).await?;
    }
    let ledger = rig.ledger("load between and during faults")?;
    let (door, stop) = (rig.installation.door.clone(), Arc::<AtomicBool>::default());
    let works = works(bench.seed);
    let senders = EventSender::several(CONNECTIONS, &door, &ledger, &works)?;
    let schedule = Schedule {
        per_second: bench.sized(100.0, 20.0),
        time: Duration::from_hours(3),
    };
    let load = open_loop::run(
        schedule,
        bench.chance("fault load"),
        senders,
        Arc::clone(&stop),
    );
    let installation = &mut rig.installation;
    let faults = async {
        let result = break_often(bench, installation, &ledger).await;
        stop.store(true, Ordering::Relaxed);
        result
    };
    let (load, recoveries) = tokio::join!(load, faults);
    let (load, recoveries) = (load?, recoveries?);
    rig.installation.must_run()?;
    let mut measured = Measured::default();
    for checked in rig.check(&[ledger], Duration::from_mins(6)).await? {
        measured.ledgers.push(checked.verdict);
    }
    let broken: u64 = measured
        .ledgers
        .iter()
        .map(|verdict| verdict.faults.total())
        .sum();
    let figures = recoveries.figures(Duration::from_secs(1));
    measured.rows.push(Row::at_most(
        &format!("{} faults, seed {}", figures.count, bench.seed),
        "events lost, ended twice, or otherwise not as the ledger says",
        crate::figures::per(broken, 1.0),
        0.0,
        format!(
            "a new event ended {:.1} s (p50), {:.1} s (max) after a fault was over; {} of the load's events were refused meanwhile",
            figures.p50_ms / 1e3,
            figures.max_ms / 1e3,
            load.failed
        ),
    ));
    Ok(measured)
}

/// Mostly nothing; some take a while, so that faults meet them running; some fail.
fn works(seed: u64) -> Works {
    Arc::new(move |number| {
        let draw = (seed ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let (kind, size) = (draw % 20, draw / 20 % 2_000);
        Work {
            number,
            ms: if kind < 4 { size } else { 0 },
            fail: kind == 19,
            say: false,
        }
    })
}

async fn break_often(
    bench: &Bench,
    installation: &mut Installation,
    ledger: &Ledger,
) -> Result<Latencies> {
    let mut chance = bench.chance("faults");
    let mut recoveries = Latencies::default();
    probe(installation, ledger, 0)
        .await
        .context("before any fault")?;
    for number in 1..=bench.faults {
        let fault = Fault::draw(&mut chance, bench.quick, installation.network.is_some());
        let name = fault.to_string();
        let recovery = async {
            fault.make(installation).await?;
            let over = Instant::now();
            probe(installation, ledger, number).await?;
            Ok::<_, anyhow::Error>(over.elapsed())
        };
        let recovery = recovery.await.with_context(|| {
            format!("fault {number} ({name}), seed {}: load-tests --only faults --seed {} --faults {number}", bench.seed, bench.seed)
        })?;
        announce(&format!(
            "{number}/{}: {name}; an event ended {recovery:.1?} later",
            bench.faults
        ));
        recoveries.record(recovery);
        pause(&mut chance, bench).await;
    }
    Ok(recoveries)
}

/// Some load between faults.
async fn pause(chance: &mut StdRng, bench: &Bench) {
    let most = bench.sized(3_000, 1_000);
    tokio::time::sleep(Duration::from_millis(chance.random_range(100..most))).await;
}

/// Hands an event over, as often as it takes to have it accepted, and waits for its end.
async fn probe(installation: &mut Installation, ledger: &Ledger, number: u32) -> Result<()> {
    let deadline = Instant::now() + RECOVERY_MAX;
    let work = Work {
        number: PROBES_FROM + u64::from(number),
        ..Work::default()
    };
    let door = installation.door.clone();
    let mut sender = EventSender::several(1, &door, ledger, &(Arc::new(move |_| work) as _))?
        .pop()
        .context("a sender")?;
    loop {
        let arrival = Arrival {
            number: 0,
            due: Instant::now(),
        };
        if sender.send(arrival).await? {
            break;
        }
        ensure!(
            Instant::now() < deadline,
            "no event was accepted for a minute"
        );
        installation.must_run()?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let id = sender.last_accepted().context("an accepted event")?;
    let mut facts: Option<Facts> = None;
    while !ended(installation, &mut facts, id).await {
        ensure!(
            Instant::now() < deadline,
            "{id}, accepted after the fault, did not end within a minute"
        );
        installation.must_run()?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Whether an event has its end; while Postgres is not there, nobody knows.
async fn ended(installation: &Installation, facts: &mut Option<Facts>, id: uuid::Uuid) -> bool {
    let open = match facts.take() {
        Some(open) => Ok(open),
        None => installation.facts().await,
    };
    let Ok(open) = open else { return false };
    let ended = open.has_ended(id).await;
    if ended.is_ok() {
        *facts = Some(open);
    }
    ended.unwrap_or(false)
}

#[expect(clippy::print_stderr, reason = "for the person at the terminal")]
fn announce(line: &str) {
    eprintln!("{line}");
}
