//! Version 1: a hierarchy per controller.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use super::group::{CPU_PERIOD_US, put};
use crate::sandbox::sys;

pub(super) fn limit_memory(dir: &Path, bytes: u64) -> io::Result<()> {
    let memory = || put(dir, "memory.limit_in_bytes", bytes);
    let with_swap = || match put(dir, "memory.memsw.limit_in_bytes", bytes) {
        // A kernel without swap accounting has no such file, and this group no way to keep out of swap but the next line.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    put(dir, "memory.swappiness", 0)?;
    // The limit with swap is never below the one without, so which goes first depends on the direction.
    let Err(error) = memory() else {
        return with_swap();
    };
    // Where this does not help, the first error is the one to report: more is in use than the limit would allow.
    with_swap().and_then(|()| memory()).map_err(|_| error)
}

pub(super) fn limit_cpu(dir: &Path, quota_us: u64) -> io::Result<()> {
    put(dir, "cpu.cfs_period_us", CPU_PERIOD_US)?;
    put(dir, "cpu.cfs_quota_us", quota_us)
}

pub(super) fn memory_peak(dir: &Path) -> io::Result<File> {
    File::open(dir.join("memory.max_usage_in_bytes"))
}

pub(super) fn out_of_memory_event(dir: &Path) -> io::Result<OwnedFd> {
    let counter = sys::event_counter()?;
    let source = File::open(dir.join("memory.oom_control"))?;
    let registration = format!("{} {}", sys::number(&counter), sys::number(&source));
    put(dir, "cgroup.event_control", registration)?;
    Ok(counter)
}
