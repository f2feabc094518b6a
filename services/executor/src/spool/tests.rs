//! The spool without a database ([`codec`], [`recovery`], [`room`]), with one ([`sending`]), killed ([`crash`]), and broken a
//! thousand times in a simulated world ([`simulation`]).

mod codec;
mod crash;
mod recovery;
mod room;
mod sending;
mod simulation;

use std::path::Path;

use chassis::Ids;
use chrono::{DateTime, TimeZone, Utc};
use domain::execution::{Execution, Outcome};
use domain::price::Sku;
use domain::usage::Batch;
use domain::{AccountId, Architecture};
use tempfile::TempDir;
use uuid::Uuid;

use super::directory::Directory;
use super::journal::Journal;
use super::options::Options;
use super::record::StartRecord;
use super::{batch, recovery as recover};

pub(super) fn account() -> AccountId {
    AccountId::new(42).unwrap()
}

pub(super) fn at(second: i64) -> DateTime<Utc> {
    Utc.timestamp_opt(1_790_000_000 + second, 0).unwrap()
}

pub(super) fn start_of(function: &str, memory_mb: u32) -> StartRecord {
    StartRecord {
        request_id: Uuid::from_u128(7),
        attempt: 1,
        account: account(),
        region: "us-east-1".parse().unwrap(),
        function_arn: format!("arn:aws:lambda:us-east-1:000000000042:function:{function}"),
        version: "$LATEST".to_owned(),
        architecture: Architecture::X86_64,
        memory_mb,
        ephemeral_mb: 512,
        started_at: at(0),
    }
}

/// An execution of this start that took `invoke_ms`.
pub(super) fn end_of(start: &StartRecord, invoke_ms: u64, ended_at: DateTime<Utc>) -> Execution {
    Execution {
        outcome: Outcome::Success,
        invoke_ns: invoke_ms * 1_000_000,
        response_bytes: 3,
        ..start.clone().lost(ended_at)
    }
}

/// A journal in a directory, as [`super::Spool::open`] makes it, without the background.
pub(super) struct Boot {
    pub(super) journal: Journal,
    _directory: Directory,
}

impl Boot {
    pub(super) fn of(options: &Options) -> Self {
        let directory = Directory::take(&options.dir, Ids).unwrap();
        let (executor, epoch) = (directory.executor, directory.epoch);
        let dir = directory.segments.clone();
        let legacy = recover::recover(&dir, executor, epoch, at(100)).unwrap();
        let journal = Journal::begin(options, (executor, epoch, dir), legacy, at(100)).unwrap();
        Self {
            journal,
            _directory: directory,
        }
    }

    /// Starts and ends an execution.
    pub(super) fn run(&mut self, function: &str, memory_mb: u32, invoke_ms: u64) {
        let start = start_of(function, memory_mb);
        let (event, _) = self.journal.start(&start, at(100)).unwrap();
        self.journal
            .end(event, &end_of(&start, invoke_ms, at(100)), invoke_ms)
            .unwrap();
    }

    /// Everything that waits, in the order in which it would be sent. Nothing is acknowledged.
    pub(super) fn batches(&mut self) -> Vec<Batch> {
        let waiting = self.journal.all_pending();
        waiting
            .iter()
            .map(|pending| batch::load(pending).unwrap().batch)
            .collect()
    }

    /// Acknowledges everything that waits, as if it had been synced and sent.
    pub(super) fn acknowledge_all(&mut self) {
        drop(self.journal.take_unsynced());
        for pending in self.journal.all_pending() {
            for segment in self.journal.acknowledge(pending.id) {
                segment.retire().unwrap();
            }
        }
    }
}

/// A directory in memory where there is one: tests that boot a thousand times must not sync a disk each time.
pub(super) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// What batches add up to: requests and MB·ms.
pub(super) fn sums(batches: &[Batch]) -> (i128, i128) {
    let of = |sku| -> i128 {
        let lines = batches.iter().flat_map(|batch| batch.sums.iter());
        lines
            .filter(|(place, _)| place.sku == sku)
            .map(|(_, quantity)| quantity)
            .sum()
    };
    (of(Sku::Requests), of(Sku::Duration(Architecture::X86_64)))
}

/// Counts of batches of one epoch: started, ended, lost, missing.
pub(super) fn counts(batches: &[Batch], epoch: i64) -> (i64, i64, i64, i64) {
    let mut total = (0, 0, 0, 0);
    for batch in batches.iter().filter(|batch| batch.id.boot_epoch == epoch) {
        let counts = batch.counts;
        total.0 += counts.started;
        total.1 += counts.ended;
        total.2 += counts.platform_lost;
        total.3 += counts.missing;
    }
    total
}

pub(super) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_dir(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// The segment files below a spool's directory, oldest first.
pub(super) fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().unwrap() != "quarantine" {
            found.extend(segments(&path));
        } else if path.extension().is_some_and(|extension| extension == "seg") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Segments that were set aside.
pub(super) fn quarantined(dir: &Path) -> usize {
    let executor = std::fs::read_to_string(dir.join("executor")).unwrap();
    let (id, _) = executor.split_once(' ').unwrap();
    std::fs::read_dir(dir.join(id).join("quarantine"))
        .unwrap()
        .count()
}
