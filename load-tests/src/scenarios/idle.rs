//! What an idle platform costs: processor and resident memory, without Postgres and Redis.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;

use crate::platform::Platform;
use crate::report::Row;

/// Watches the platform's processes for `time`. What functions' own environments hold is not the platform's.
pub(crate) async fn measure(platform: &Platform, time: Duration) -> Result<Vec<Row>> {
    settle(platform).await;
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

/// A first start installs runtime clients in the background: that is over when a second passes with next to no work.
async fn settle(platform: &Platform) {
    for _ in 0..90 {
        let before = ticks(&snapshot(platform.pid()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        if ticks(&snapshot(platform.pid())).saturating_sub(before) <= 2 {
            return;
        }
    }
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
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let (mut pending, mut found) = (vec![root], Vec::new());
    while let Some(pid) = pending.pop() {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if name.starts_with("postgres") || name.starts_with("redis") || name.starts_with("valkey") {
            continue;
        }
        pending.extend(children.get(&pid).into_iter().flatten());
        let Some(fields) = stat(pid) else { continue };
        let field = |index: usize| {
            fields
                .get(index)
                .and_then(|field| field.parse::<u64>().ok())
        };
        found.push(Process {
            name: name.trim().to_owned(),
            ticks: field(11).unwrap_or(0) + field(12).unwrap_or(0),
            resident_kib: resident_kib(pid),
        });
    }
    found
}

/// Fields of `/proc/PID/stat` after the name: state, parent, ...
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// Proportional share, so that pages which forked processes share are counted once.
fn resident_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn ticks_per_second() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "100 on Linux")]
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
        .ok()
        .flatten()
        .unwrap_or(100) as f64;
    ticks
}
