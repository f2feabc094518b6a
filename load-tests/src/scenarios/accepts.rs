//! How fast events are accepted for good, against what the disk and Postgres give and what other queues accept.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::bench::Bench;
use crate::events::{EventSender, Until, accept};
use crate::figures::{Figures, median};
use crate::floors;
use crate::installation::Part;
use crate::ledger::Ledger;
use crate::open_loop::{self, Schedule};
use crate::peers::Peers;
use crate::report::{Measured, Row};
use crate::rig::{CONNECTIONS, ENVIRONMENTS, MEMORY_MB, Rig};
use crate::witness::Work;

const SUBJECT: &str = "durable accepts, 64 connections, 256 B";

/// What one round measured, each in jobs (or rows) a second.
#[derive(Debug, Default)]
struct Round {
    ours: f64,
    unnest: f64,
    bullmq: f64,
    bullmq_bulk: f64,
    graphile: f64,
    celery: f64,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let (seconds, rounds) = bench.sized((8, 3), (1, 1));
    let time = Duration::from_secs(seconds);
    let mut measured = Measured::default();
    let mut rig = Rig::start(bench, None, MEMORY_MB, Some(ENVIRONMENTS)).await?;
    let ledger = rig.ledger("accepts")?;
    rig.executor(4).await?;
    rig.installation.add(Part::Queue(0)).await?;
    rig.installation.settled().await;
    measured.rows.push(idle(bench, &rig, &ledger, time).await?);
    // Other queues' rates of accepting are taken without a worker, too.
    rig.installation.stop(Part::Queue(0))?;
    rig.installation.stop(Part::Executor(0))?;
    let peers = if bench.peers {
        Peers::start(bench).await.map_or_else(
            |error| {
                measured.missing.push(format!("peers: {error:#}"));
                None
            },
            Some,
        )
    } else {
        None
    };
    let mut all = Vec::new();
    for _ in 0..rounds {
        all.push(round(bench, &rig, &ledger, peers.as_ref(), time).await?);
    }
    measured.rows.extend(rows(&all, peers.is_some()));
    drop(peers);
    rig.installation.start_service(Part::Executor(0)).await?;
    rig.installation.start_service(Part::Queue(0)).await?;
    for checked in rig.check(&[ledger], Duration::from_mins(10)).await? {
        measured.ledgers.push(checked.verdict);
    }
    Ok(measured)
}

/// Fifty events a second on one connection, each long after the one before has ended.
async fn idle(bench: &Bench, rig: &Rig, ledger: &Ledger, time: Duration) -> Result<Row> {
    let floor = floors::fdatasync(rig.installation.dir(), time / 4)?;
    let works = Arc::new(|_| Work::default());
    let senders = EventSender::several(1, &rig.installation.door, ledger, &(works as _))?;
    let schedule = Schedule {
        per_second: 50.0,
        time: time * 2,
    };
    let load = open_loop::run(schedule, bench.chance("idle"), senders, Arc::default()).await?;
    let ours = load.latencies.figures(schedule.time);
    Ok(Row::at_most(
        "durable accept, idle, 256 B",
        "p50 / fdatasync's p50",
        ours.p50_ms / floor.p50_ms,
        15.0,
        format!(
            "p50 {:.2} ms, p99 {:.2} ms / fdatasync p50 {:.3} ms, {:.0}/s; n = {}",
            ours.p50_ms, ours.p99_ms, floor.p50_ms, floor.per_second, ours.count
        ),
    ))
}

/// Floor, product and peers in turn.
async fn round(
    bench: &Bench,
    rig: &Rig,
    ledger: &Ledger,
    peers: Option<&Peers>,
    time: Duration,
) -> Result<Round> {
    let mut round = Round {
        unnest: floors::unnest(&rig.installation.postgres, time / 2).await?,
        ..Round::default()
    };
    let door = &rig.installation.door;
    let ours: Figures = accept(
        door,
        ledger,
        CONNECTIONS,
        Until::Time(time),
        Work::default(),
    )
    .await?;
    round.ours = ours.per_second;
    if let Some(peers) = peers {
        let (many, few) = bench.sized((50_000, 8_000), (4_000, 800));
        round.bullmq = peers.bullmq_add(many, 64).await?;
        round.bullmq_bulk = peers.bullmq_bulk(many).await?;
        round.graphile = peers.graphile_add(few, 64).await?;
        round.celery = peers.celery_send(few, 16).await?;
    }
    Ok(round)
}

fn rows(rounds: &[Round], peers: bool) -> Vec<Row> {
    let ratio = |of: fn(&Round) -> f64| median(rounds.iter().map(|round| round.ours / of(round)));
    let beside = |name: &str, of: fn(&Round) -> f64| {
        let ours = median(rounds.iter().map(|round| round.ours));
        let theirs = median(rounds.iter().map(of));
        format!("Tollgate {ours:.0}/s, {name} {theirs:.0}/s")
    };
    let row = |measure: &str, name: &str, of: fn(&Round) -> f64, goal: Option<f64>| match goal {
        Some(goal) => Row::at_least(SUBJECT, measure, ratio(of), goal, beside(name, of)),
        None => Row::noted(SUBJECT, measure, ratio(of), beside(name, of)),
    };
    let mut rows = vec![row(
        "rate / Postgres' rate of 1 KB rows, 100 a statement, 4 connections",
        "Postgres",
        |round| round.unnest,
        Some(0.15),
    )];
    if peers {
        rows.push(row(
            "rate / BullMQ's add, 64 at a time",
            "BullMQ",
            |round| round.bullmq,
            Some(1.0),
        ));
        rows.push(row(
            "rate / BullMQ's addBulk, 100 a call",
            "BullMQ",
            |round| round.bullmq_bulk,
            None,
        ));
        rows.push(row(
            "rate / Celery's delay, 16 threads",
            "Celery",
            |round| round.celery,
            Some(10.0),
        ));
        rows.push(row(
            "rate / graphile-worker's addJob, 64 at a time",
            "graphile-worker",
            |round| round.graphile,
            None,
        ));
    }
    rows
}
