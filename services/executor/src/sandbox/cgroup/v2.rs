//! Version 2: one hierarchy.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::Cgroups;
use super::detect::make;
use super::group::{CPU_PERIOD_US, put};

const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// Makes the parent group, with the controllers we need switched on for its children.
///
/// Controllers can be switched on below a group only while no process is in that group itself. Ours usually holds the executor
/// and, when started from a terminal, the user's shell. So: below our own group where that works (a unit with
/// `Delegate=yes`: the executor moves into a leaf of its own first), else below the root of the hierarchy, for which the rule
/// does not hold.
pub(super) fn prepare(own: &Path, root: &Path, instance: &str) -> Result<Cgroups, String> {
    let below = |parent: &Path| -> Result<Cgroups, String> {
        switch_on(parent)?;
        let base = parent.join(instance);
        make(&base)?;
        switch_on(&base)?;
        Ok(Cgroups::V2 { base })
    };
    if own == root {
        return below(root);
    }
    match alone_in(own).then(|| step_aside(own).and_then(|()| below(own))) {
        Some(Ok(parents)) => Ok(parents),
        _ => below(root),
    }
}

pub(super) fn limit_memory(dir: &Path, bytes: u64) -> io::Result<()> {
    // One process out of memory is the end of the whole sandbox.
    put(dir, "memory.oom.group", 1)?;
    match put(dir, "memory.swap.max", 0) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    put(dir, "memory.max", bytes)
}

pub(super) fn limit_cpu(dir: &Path, quota_us: u64) -> io::Result<()> {
    put(dir, "cpu.max", format!("{quota_us} {CPU_PERIOD_US}"))
}

pub(super) fn memory_peak(dir: &Path) -> io::Result<File> {
    // Before Linux 5.19 only the present value is known.
    File::open(dir.join("memory.peak")).or_else(|_| File::open(dir.join("memory.current")))
}

fn switch_on(dir: &Path) -> Result<(), String> {
    let offered = fs::read_to_string(dir.join("cgroup.controllers")).unwrap_or_default();
    let on = fs::read_to_string(dir.join("cgroup.subtree_control")).unwrap_or_default();
    for controller in CONTROLLERS {
        if on.split_whitespace().any(|name| name == controller) {
            continue;
        }
        if !offered.split_whitespace().any(|name| name == controller) {
            return Err(format!(
                "the controller {controller:?} of control groups version 2 is not available in {}",
                dir.display()
            ));
        }
        put(dir, "cgroup.subtree_control", format!("+{controller}")).map_err(|error| {
            format!(
                "cannot switch on the controller {controller:?} in {}: {error}",
                dir.display()
            )
        })?;
    }
    Ok(())
}

/// Whether no process but this one is in `dir`.
fn alone_in(dir: &Path) -> bool {
    let members = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    members.trim() == std::process::id().to_string()
}

fn step_aside(own: &Path) -> Result<(), String> {
    let leaf = own.join("executor");
    make(&leaf)?;
    put(&leaf, "cgroup.procs", 0).map_err(|error| error.to_string())
}
