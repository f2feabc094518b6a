//! `kill -9` of an executor in the middle of its work: how soon all of it runs again elsewhere.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chassis::Clock;
use uuid::Uuid;

use crate::bench::Bench;
use crate::events::{Until, accept};
use crate::figures::per;
use crate::installation::Part;
use crate::ledger::Facts;
use crate::report::{Measured, Row};
use crate::rig::Rig;
use crate::witness::Work;

const MEMORY_MB: u32 = 128;
const WAIT_MAX: Duration = Duration::from_mins(1);

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let running = bench.sized(200, 20);
    let work = Work {
        // Longer than the start of another executor, the kill, and all that follows it.
        ms: 40_000,
        say: true,
        ..Work::default()
    };
    let mut rig = Rig::start(bench, None, MEMORY_MB, None).await?;
    rig.executor(1).await?;
    rig.installation.add(Part::Queue(0)).await?;
    let ledger = rig.ledger("running on an executor that is killed")?;
    let door = rig.installation.door.clone();
    accept(&door, &ledger, 16, Until::Count(running), work).await?;
    let facts = rig.installation.facts().await?;
    begun(&facts, running, 1).await.context("all run")?;
    rig.installation.add(Part::Executor(1)).await?;
    ensure!(facts.ended().await? == 0, "some ended before the kill");
    let killed_us = Clock::system().now().timestamp_micros();
    rig.installation.kill(Part::Executor(0))?;
    let again = begun(&facts, running, 2).await.context("all run again")?;
    let mut delays: Vec<i64> = again.iter().map(|at| at - killed_us).collect();
    delays.sort_unstable();
    let seconds = |us: i64| per(us.unsigned_abs(), 1e6);
    let (first, last) = (delays.first(), delays.last());
    let (first, last) = (first.context("a run")?, last.context("a run")?);
    let mut measured = Measured::default();
    measured.rows.push(Row::at_most(
        &format!("kill -9 of an executor with {running} running"),
        "until all run again, s",
        seconds(*last),
        8.0,
        format!("the first after {:.2} s", seconds(*first)),
    ));
    for checked in rig.check(&[ledger], Duration::from_mins(3)).await? {
        measured.ledgers.push(checked.verdict);
    }
    Ok(measured)
}

/// Waits until `count` events have begun `times` times, as their functions say; answers when each did for the last time.
async fn begun(facts: &Facts, count: u64, times: usize) -> Result<Vec<i64>> {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let mut by_id: HashMap<Uuid, Vec<i64>> = HashMap::new();
        for (id, at) in facts.began().await? {
            by_id.entry(id).or_default().push(at);
        }
        let there: Vec<i64> = by_id
            .values()
            .filter(|begun| begun.len() >= times)
            .filter_map(|begun| begun.iter().max().copied())
            .collect();
        if there.len() as u64 >= count {
            return Ok(there);
        }
        ensure!(
            Instant::now() < deadline,
            "{} of {count} after {WAIT_MAX:?}",
            there.len()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
