//! What every scenario is given: where things are, how long to run, and what chance to take.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A run of the program.
#[derive(Debug)]
pub(crate) struct Bench {
    /// The binary to measure.
    pub(crate) tollgate: PathBuf,
    pub(crate) repository: PathBuf,
    /// Functions are built and peers installed here; kept for the next run.
    pub(crate) work: PathBuf,
    /// Short runs: to see that everything works.
    pub(crate) quick: bool,
    /// Whether to measure peers.
    pub(crate) peers: bool,
    /// All of the run's chance comes from it.
    pub(crate) seed: u64,
    /// How many faults the fault scenario makes.
    pub(crate) faults: u32,
}

impl Bench {
    pub(crate) fn new(
        (tollgate, repository, work): (&Path, &Path, &Path),
        (quick, peers): (bool, bool),
        seed: u64,
        faults: u32,
    ) -> Result<Self> {
        std::fs::create_dir_all(work)?;
        Ok(Self {
            tollgate: tollgate
                .canonicalize()
                .with_context(|| format!("{} is not built", tollgate.display()))?,
            repository: repository.canonicalize()?,
            work: work.canonicalize()?,
            quick,
            peers,
            seed,
            faults,
        })
    }

    /// One of two sizes.
    pub(crate) fn sized<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// The source of chance of one purpose: the same in each run with this seed, whatever else runs.
    pub(crate) fn chance(&self, purpose: &str) -> StdRng {
        // FNV-1a: nothing but a spread is asked of it.
        let hash = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        StdRng::seed_from_u64(self.seed ^ hash)
    }
}
