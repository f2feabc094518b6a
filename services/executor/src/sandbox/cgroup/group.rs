//! The group of one sandbox.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::detect::{make, remove};
use super::{v1, v2};

/// Processes and threads in one sandbox, as Lambda has it.
const PIDS_MAX: u32 = 1024;

/// The window over which CPU time is shared out, in microseconds.
pub(super) const CPU_PERIOD_US: u64 = 100_000;

/// The memory that comes with one CPU on Lambda.
const MB_PER_CPU: u64 = 1_769;

/// Control group of one sandbox.
#[derive(Debug, Clone)]
pub(in crate::sandbox) enum Cgroup {
    V1 {
        memory: PathBuf,
        cpu: PathBuf,
        pids: PathBuf,
    },
    V2 {
        dir: PathBuf,
    },
}

impl Cgroup {
    /// Makes the group, with the limit on processes set.
    pub(in crate::sandbox) fn create(&self) -> Result<(), String> {
        for dir in self.dirs() {
            make(dir)?;
        }
        let (Self::V1 { pids: dir, .. } | Self::V2 { dir }) = self;
        put(dir, "pids.max", PIDS_MAX).map_err(|error| error.to_string())
    }

    /// Moves this process in. Slow the first time after a pause: 12 to 16 ms.
    pub(in crate::sandbox) fn join(&self) -> io::Result<()> {
        self.dirs()
            .into_iter()
            .try_for_each(|dir| put(dir, "cgroup.procs", 0))
    }

    /// Sets the memory limit. Fails when more is in use and cannot be reclaimed.
    pub(in crate::sandbox) fn limit_memory(&self, memory_mb: u32) -> io::Result<()> {
        let bytes = u64::from(memory_mb) * 1024 * 1024;
        match self {
            Self::V1 { memory, .. } => v1::limit_memory(memory, bytes),
            Self::V2 { dir } => v2::limit_memory(dir, bytes),
        }
    }

    /// Sets the share of CPU: Lambda's for `memory_mb`, but at least `at_least_us` of every 100,000.
    pub(in crate::sandbox) fn limit_cpu(&self, memory_mb: u32, at_least_us: u64) -> io::Result<()> {
        let quota_us = cpu_quota_us(memory_mb).max(at_least_us);
        match self {
            Self::V1 { cpu, .. } => v1::limit_cpu(cpu, quota_us),
            Self::V2 { dir } => v2::limit_cpu(dir, quota_us),
        }
    }

    /// The file that tells the most bytes of memory that were ever in use, for [`read_number`] at any time.
    pub(in crate::sandbox) fn memory_peak(&self) -> io::Result<File> {
        match self {
            Self::V1 { memory, .. } => v1::memory_peak(memory),
            Self::V2 { dir } => v2::memory_peak(dir),
        }
    }

    /// How many processes the kernel killed for want of memory.
    pub(in crate::sandbox) fn out_of_memory_kills(&self) -> u64 {
        match self {
            Self::V1 { memory, .. } => field(memory, "memory.oom_control", "oom_kill"),
            Self::V2 { dir } => field(dir, "memory.events", "oom_kill"),
        }
    }

    /// Becomes readable when the group runs out of memory. `None` under version 2, where the kernel itself kills the whole group.
    pub(in crate::sandbox) fn out_of_memory_event(&self) -> io::Result<Option<OwnedFd>> {
        match self {
            Self::V1 { memory, .. } => v1::out_of_memory_event(memory).map(Some),
            Self::V2 { .. } => Ok(None),
        }
    }

    /// The open directory to fork into, where the kernel can do that (version 2).
    pub(in crate::sandbox) fn fork_target(&self) -> io::Result<Option<File>> {
        match self {
            Self::V1 { .. } => Ok(None),
            Self::V2 { dir } => File::open(dir).map(Some),
        }
    }

    /// Removes the group. Fails while processes are in it.
    pub(in crate::sandbox) fn remove(&self) -> io::Result<()> {
        self.dirs().into_iter().try_for_each(remove)
    }

    fn dirs(&self) -> Vec<&Path> {
        match self {
            Self::V1 { memory, cpu, pids } => {
                let mut dirs: Vec<&Path> = vec![memory, cpu, pids];
                dirs.dedup();
                dirs
            }
            Self::V2 { dir } => vec![dir],
        }
    }
}

/// CPU time per period that goes with `memory_mb`.
fn cpu_quota_us(memory_mb: u32) -> u64 {
    // The kernel's least quota is 1 ms, less than the smallest function's 7 ms.
    (u64::from(memory_mb) * CPU_PERIOD_US / MB_PER_CPU).max(1_000)
}

/// Writes a control file in one `write`, as the kernel wants it.
pub(super) fn put(dir: &Path, file: &str, value: impl Display) -> io::Result<()> {
    File::options()
        .write(true)
        .open(dir.join(file))?
        .write_all(value.to_string().as_bytes())
}

/// The number in an open file of the kernel's; 0 if there is none. Reading again gives the number of that moment.
pub(in crate::sandbox) fn read_number(file: &File) -> u64 {
    let mut text = [0; 24];
    let length = file.read_at(&mut text, 0).unwrap_or(0);
    let text = std::str::from_utf8(&text[..length]).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// The number on the line `name NUMBER` of a file; 0 if there is none.
pub(super) fn field(dir: &Path, file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(dir.join(file)).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find_map(|(key, value)| (key == name).then(|| value.trim().parse().ok())?)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_goes_with_memory_as_on_lambda() {
        for (memory_mb, quota_us) in [(128, 7_235), (1_769, 100_000), (3_538, 200_000), (1, 1_000)]
        {
            assert_eq!(cpu_quota_us(memory_mb), quota_us, "{memory_mb} MB");
        }
    }

    #[test]
    fn counters_are_read_in_both_versions() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        fs::write(
            at.join("memory.oom_control"),
            "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
        )
        .unwrap();
        fs::write(
            at.join("memory.events"),
            "low 0\nmax 61\noom 2\noom_kill 4\noom_group_kill 1\n",
        )
        .unwrap();
        fs::write(at.join("memory.peak"), "1048576\n").unwrap();
        let v1 = Cgroup::V1 {
            memory: at.into(),
            cpu: at.into(),
            pids: at.into(),
        };
        let v2 = Cgroup::V2 { dir: at.into() };
        assert_eq!((v1.out_of_memory_kills(), v2.out_of_memory_kills()), (3, 4));
        assert!(v1.memory_peak().is_err());
        assert_eq!(read_number(&v2.memory_peak().unwrap()), 1_048_576);
    }
}
