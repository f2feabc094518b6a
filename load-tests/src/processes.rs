//! What `/proc` says of processes.

use std::collections::HashMap;

/// A process and its descendants, itself first.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let (mut pending, mut found) = (vec![root], Vec::new());
    while let Some(pid) = pending.pop() {
        pending.extend(children.get(&pid).into_iter().flatten());
        found.push(pid);
    }
    found
}

/// Fields of `/proc/PID/stat` after the name: state, parent, ...
pub(crate) fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// Clock ticks of processor time that a process has used.
pub(crate) fn ticks(pid: u32) -> u64 {
    let fields = stat(pid).unwrap_or_default();
    let field = |index: usize| {
        fields
            .get(index)
            .and_then(|field| field.parse::<u64>().ok())
    };
    field(11).unwrap_or(0) + field(12).unwrap_or(0)
}

/// Waits until a tree of processes has next to nothing to do, at most `seconds_max`: what is measured then is not a start.
pub(crate) async fn settled(roots: &[u32], seconds_max: u32) {
    let used = || -> u64 {
        let all = roots.iter().flat_map(|root| tree(*root));
        all.map(ticks).sum()
    };
    for _ in 0..seconds_max {
        let before = used();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        if used().saturating_sub(before) <= 2 {
            return;
        }
    }
}

/// Resident memory of a process in KiB: its proportional share, so that pages which forked processes share are counted once.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// The most that a process has ever had resident, in KiB.
pub(crate) fn resident_max_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
