//! What Redis holds while a million events wait.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::figures::per;
use crate::installation::{Part, limit};
use crate::report::{Measured, Row};
use crate::rig::{ENVIRONMENTS, MEMORY_MB, Rig};

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let queued: u64 = bench.sized(1_000_000, 20_000);
    // One environment: the queue runs, and works off far less than arrives.
    let mut rig = Rig::start(bench, None, MEMORY_MB, Some(1)).await?;
    rig.executor(1).await?;
    rig.installation.add(Part::Queue(0)).await?;
    let ledger = rig.ledger("a million waiting")?;
    let facts = rig.installation.facts().await?;
    let (mut waiting, mut most) = (0, 0);
    for _ in 0..20 {
        // What is worked off meanwhile is handed over again.
        rig.preload(&ledger, (queued - waiting).max(queued / 50))
            .await?;
        most = most.max(rig.installation.redis.memory_bytes().await?);
        waiting = facts.stored().await? - facts.ended().await?;
        if waiting >= queued {
            break;
        }
    }
    ensure!(waiting >= queued, "only {waiting} events wait");
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        most = most.max(rig.installation.redis.memory_bytes().await?);
    }
    limit(&rig.installation.door, ENVIRONMENTS).await?;
    let mut measured = Measured::default();
    let checked = rig.check(&[ledger], Duration::from_mins(15)).await?;
    measured.rows.push(Row::at_most(
        &format!("Redis with {queued} events queued"),
        "its used memory at most, MB",
        per(most, 1024.0 * 1024.0),
        64.0,
        format!("{waiting} waited"),
    ));
    for checked in checked {
        measured.ledgers.push(checked.verdict);
    }
    Ok(measured)
}
