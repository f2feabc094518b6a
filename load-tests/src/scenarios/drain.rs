//! How fast waiting events are worked off, beside other queues' workers with an equal job that does nothing.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::bench::Bench;
use crate::figures::per;
use crate::installation::Part;
use crate::ledger::Checked;
use crate::peers::Peers;
use crate::report::{Measured, Row};
use crate::rig::{ENVIRONMENTS, MEMORY_MB, Rig};

const SUBJECT: &str = "drain of waiting events, a warm Rust function that does nothing";

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let (count, some, few) = bench.sized((200_000, 50_000, 20_000), (5_000, 2_000, 500));
    let mut measured = Measured::default();
    let ours = {
        let mut rig = Rig::start(bench, None, MEMORY_MB, Some(ENVIRONMENTS)).await?;
        let (rate, checked) = drain(&mut rig, count).await?;
        measured.ledgers.push(checked.verdict);
        rate
    };
    let beside = format!("Tollgate {ours:.0}/s of {count} in {ENVIRONMENTS} environments");
    measured
        .rows
        .push(Row::noted(SUBJECT, "events a second", ours, beside));
    if !bench.peers {
        return Ok(measured);
    }
    let peers = match Peers::start(bench).await {
        Ok(peers) => peers,
        Err(error) => {
            measured.missing.push(format!("peers: {error:#}"));
            return Ok(measured);
        }
    };
    let mut row = |name: &str, theirs: Result<f64>, jobs: u64, goal: Option<f64>| {
        let theirs = match theirs {
            Ok(theirs) => theirs,
            Err(error) => return measured.missing.push(format!("{name}: {error:#}")),
        };
        let beside = format!("Tollgate {ours:.0}/s, {name} {theirs:.0}/s of {jobs}");
        let (measure, ratio) = (format!("rate / {name}'s"), ours / theirs);
        measured.rows.push(match goal {
            Some(goal) => Row::at_least(SUBJECT, &measure, ratio, goal, beside),
            None => Row::noted(SUBJECT, &measure, ratio, beside),
        });
    };
    let process = peers.bullmq_drain(count, 4, "process").await;
    row(
        "BullMQ (processor in 4 processes)",
        process,
        count,
        Some(1.0),
    );
    row(
        "Celery (prefork, a process a core)",
        peers.celery_drain(few).await,
        few,
        Some(2.0),
    );
    let inline = peers.bullmq_drain(some, 50, "inline").await;
    row(
        "BullMQ (function in the worker's process)",
        inline,
        some,
        None,
    );
    let graphile = peers.graphile_drain(some, 24).await;
    row(
        "graphile-worker (function in the worker's process)",
        graphile,
        some,
        None,
    );
    Ok(measured)
}

/// Hands over `count` events while no queue runs, warms the environments, starts a queue, and answers how many events it worked
/// off a second: from the first handler's begin to the last outcome.
pub(crate) async fn drain(rig: &mut Rig, count: u64) -> Result<(f64, Checked)> {
    let ledger = rig.ledger("drain")?;
    rig.preload(&ledger, count).await?;
    rig.executor(ENVIRONMENTS as usize).await?;
    rig.installation.add(Part::Queue(0)).await?;
    let mut all = rig.check(&[ledger], Duration::from_mins(10)).await?;
    let checked = all.pop().context("a ledger")?;
    Ok((rate(&checked).context("events that ended")?, checked))
}

/// Events a second between the first begin and the last end.
fn rate(checked: &Checked) -> Option<f64> {
    let (first, last) = (checked.started_us.first()?, checked.ended_us.last()?);
    let seconds = per(u64::try_from(last - first).ok()?, 1e6);
    Some(per(checked.verdict.succeeded, seconds))
}
