//! What an idle platform costs: processor and resident memory, without Postgres and Redis.

use std::time::Duration;

use anyhow::Result;

use crate::platform::Platform;
use crate::processes;
use crate::report::Row;

/// Watches the platform's processes for `time`. What functions' own environments hold is not the platform's.
pub(crate) async fn measure(platform: &Platform, time: Duration) -> Result<Vec<Row>> {
    // A first start installs runtime clients in the background.
    processes::settled(&[platform.pid()], 90).await;
    let before = snapshot(platform.pid());
    tokio::time::sleep(time).await;
    let after = snapshot(platform.pid());
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let spent = ticks(&after).saturating_sub(ticks(&before)) as f64 / ticks_per_second();
    let percent = spent / time.as_secs_f64() * 100.0;
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let resident = after
        .iter()
        .map(|process| process.resident_kib)
        .sum::<u64>() as f64
        / 1024.0;
    let named = after
        .iter()
        .map(|process| format!("{} {} MB", process.name, process.resident_kib / 1024))
        .collect::<Vec<_>>()
        .join(", ");
    Ok(vec![
        Row::at_most(
            "idle platform",
            "processor, % of one core",
            percent,
            1.0,
            format!("over {time:?}"),
        ),
        Row::at_most("idle platform", "resident, MB", resident, 150.0, named),
    ])
}

fn ticks(processes: &[Process]) -> u64 {
    processes.iter().map(|process| process.ticks).sum()
}

struct Process {
    name: String,
    ticks: u64,
    resident_kib: u64,
}

/// The platform's process and its descendants, without the two databases.
fn snapshot(root: u32) -> Vec<Process> {
    let databases = ["postgres", "redis", "valkey"];
    let named = processes::tree(root).into_iter().map(|pid| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        (pid, name.trim().to_owned())
    });
    named
        .filter(|(_, name)| !databases.iter().any(|database| name.starts_with(database)))
        .map(|(pid, name)| Process {
            name,
            ticks: processes::ticks(pid),
            resident_kib: processes::resident_kib(pid),
        })
        .collect()
}

fn ticks_per_second() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "100 on Linux")]
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
        .ok()
        .flatten()
        .unwrap_or(100) as f64;
    ticks
}
