//! What an executor is told at its start.

use std::path::PathBuf;
use std::time::Duration;

use chassis::{Clock, Ids};
use package::Blobs;
use redis::aio::ConnectionManager;
use secrecy::SecretString;
use store::Store;

use crate::gateway::GatewayUrl;
use crate::sandbox::{Egress, Isolation};

/// Idle environments end after so long, unless configured otherwise.
pub const IDLE_TTL: Duration = Duration::from_mins(5);

/// Runtimes kept started ahead of each kind, unless configured otherwise.
pub const PARKED_RUNTIMES: usize = 1;

/// An executor's part in a cluster.
#[derive(Clone)]
pub struct Cluster {
    /// Where gateways reach its gRPC service: `host:port`.
    pub advertise: String,
    /// What they prove themselves with.
    pub secret: SecretString,
    /// Where it announces itself.
    pub redis: ConnectionManager,
}

/// Options of one executor.
#[derive(Clone)]
pub struct Options {
    /// The `tollgate` binary, which the sandbox spawner is started from.
    pub program: PathBuf,
    /// Spool, code cache, runtimes and sandboxes live below it. One executor at a time.
    pub data_dir: PathBuf,
    /// How functions are kept apart.
    pub isolation: Isolation,
    /// Sum of the memory sizes of all environments alive at once, in MB. `None` = 80 % of the host's memory.
    pub memory_mb_max: Option<u64>,
    /// An environment that was idle so long ends.
    pub idle_ttl: Duration,
    /// Interpreters to use besides those that are found.
    pub interpreters: Vec<PathBuf>,
    /// How many of each runtime wait, started, for a function.
    pub parked_runtimes: usize,
    /// Where functions are led that call the platform; `None` = nowhere.
    pub gateway: Option<GatewayUrl>,
    /// Whether functions get out to the internet that ask for it.
    pub egress: Egress,
    /// How other machines find and reach this executor; `None` where it only serves its own process.
    pub cluster: Option<Cluster>,
    pub store: Store,
    pub blobs: Blobs,
    pub clock: Clock,
    /// Never moved: what functions compare with their own clock.
    pub host_clock: Clock,
    pub ids: Ids,
}

/// 80 % of the host's memory, in MB.
pub(crate) fn default_memory_mb() -> u64 {
    let total_kib = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| total_kib(&text))
        .unwrap_or(2 * 1024 * 1024);
    total_kib / 1024 * 8 / 10
}

fn total_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_meminfo() {
        assert_eq!(
            total_kib("MemTotal:       24689412 kB\nMemFree: 1 kB\n"),
            Some(24_689_412)
        );
        assert_eq!(total_kib("MemFree: 1 kB\n"), None);
    }
}
