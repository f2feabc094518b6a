//! The ledger of events: what the platform has answered for, against what it has done.
//!
//! The client's side is a file. Every 202 is appended to it, and counts only once the file is synced: a thread writes and
//! syncs whatever has come in since it last did. The platform's side is read from Postgres when all is over: every event's
//! outcomes, and the answer of each success, which proves that the function ran for this very event (see `witness`).
//!
//! The check passes if and only if every accepted id is a stored event with exactly one terminal outcome, every success
//! carries its proof, every dead event lies in the dead-letter store, and attempts follow one another without a gap. Executions
//! that were charged are counted too: as many as outcomes of runs.

mod check;
mod facts;

use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context as _, Result};
use chassis::Clock;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) use check::{Book, Checked, Totals};
pub(crate) use facts::Facts;

use crate::api::Door;
use crate::witness::Work;

/// Entries that may wait for the writer.
const WAITING_MAX: usize = 1 << 16;

/// Ids that a verdict names at most.
const EXAMPLES_MAX: usize = 5;

/// How an event shall end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Success,
    Dead,
    /// As it may: it was cancelled on the way, say.
    Either,
}

/// One accepted event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) id: Uuid,
    /// Of its work.
    pub(crate) number: u64,
    pub(crate) expected: Expected,
    /// When it was due to be sent: microseconds since 1970.
    pub(crate) due_us: i64,
}

impl Accepted {
    /// The event of `work`, sent when it was due.
    pub(crate) fn new(id: Uuid, work: Work, due: Instant) -> Self {
        let now_us = Clock::system().now().timestamp_micros();
        let ago_us = i64::try_from(due.elapsed().as_micros()).unwrap_or(i64::MAX);
        Self {
            id,
            number: work.number,
            expected: if work.fail {
                Expected::Dead
            } else {
                Expected::Success
            },
            due_us: now_us - ago_us,
        }
    }

    fn line(&self) -> String {
        let expected = match self.expected {
            Expected::Success => 's',
            Expected::Dead => 'd',
            Expected::Either => 'e',
        };
        format!("{} {} {expected} {}\n", self.id, self.number, self.due_us)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        Some(Self {
            id: words.next()?.parse().ok()?,
            number: words.next()?.parse().ok()?,
            expected: match words.next()? {
                "s" => Expected::Success,
                "d" => Expected::Dead,
                "e" => Expected::Either,
                _ => return None,
            },
            due_us: words.next()?.parse().ok()?,
        })
    }
}

/// The client's book. Cheap to clone; all clones write one file.
#[derive(Clone)]
pub(crate) struct Ledger(Arc<Inner>);

struct Inner {
    /// What it is of, for people.
    name: String,
    /// Whose events they are.
    door: Door,
    path: PathBuf,
    entries: Mutex<Option<SyncSender<Accepted>>>,
    writer: Mutex<Option<JoinHandle<std::io::Result<()>>>>,
    synced: Arc<AtomicU64>,
}

impl Ledger {
    /// A new file in `dir`, for events that go in by `door`.
    pub(crate) fn new(dir: &Path, name: &str, door: &Door) -> Result<Self> {
        let path = dir.join(format!("ledger-{}", name.replace(' ', "-")));
        let file = File::create_new(&path).with_context(|| format!("{}", path.display()))?;
        let (entries, receiver) = sync_channel(WAITING_MAX);
        let synced = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&synced);
        let writer = std::thread::spawn(move || write(file, &receiver, &counted));
        Ok(Self(Arc::new(Inner {
            name: name.to_owned(),
            door: door.clone(),
            path,
            entries: Mutex::new(Some(entries)),
            writer: Mutex::new(Some(writer)),
            synced,
        })))
    }

    /// A handle of one client.
    pub(crate) fn pen(&self) -> Result<Pen> {
        let entries = self
            .0
            .entries
            .lock()
            .ok()
            .and_then(|entries| entries.clone());
        Ok(Pen(entries.context("the ledger is closed")?))
    }

    /// How many entries are on disk.
    pub(crate) fn synced(&self) -> u64 {
        self.0.synced.load(Ordering::Acquire)
    }

    pub(crate) fn door(&self) -> &Door {
        &self.0.door
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// Closes the book and reads it back from its file. All pens must be gone.
    pub(crate) fn close(&self) -> Result<Vec<Accepted>> {
        drop(
            self.0
                .entries
                .lock()
                .ok()
                .and_then(|mut entries| entries.take()),
        );
        let writer = self
            .0
            .writer
            .lock()
            .ok()
            .and_then(|mut writer| writer.take());
        if let Some(writer) = writer {
            let ended = writer.join().ok().context("the ledger's thread died")?;
            ended.context("the ledger cannot be written")?;
        }
        let lines = BufReader::new(File::open(&self.0.path)?).lines();
        lines
            .map(|line| {
                let line = line?;
                Accepted::parse(&line).with_context(|| format!("a torn line: {line}"))
            })
            .collect()
    }
}

/// Writes acceptances.
#[derive(Clone)]
pub(crate) struct Pen(SyncSender<Accepted>);

impl Pen {
    /// Hands an acceptance over to the file; it counts when it is synced.
    pub(crate) fn accepted(&self, entry: Accepted) -> Result<()> {
        self.0.send(entry).ok().context("the ledger's thread died")
    }
}

/// Group sync: what has come in while the last sync ran is written and synced together.
fn write(mut file: File, entries: &Receiver<Accepted>, synced: &AtomicU64) -> std::io::Result<()> {
    while let Ok(first) = entries.recv() {
        let mut text = first.line();
        let mut count = 1;
        for entry in entries.try_iter().take(WAITING_MAX) {
            text.push_str(&entry.line());
            count += 1;
        }
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        synced.fetch_add(count, Ordering::Release);
    }
    Ok(())
}

/// What a check found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Verdict {
    /// What was sent.
    pub(crate) load: String,
    /// 202 answers on disk.
    pub(crate) accepted: u64,
    pub(crate) succeeded: u64,
    pub(crate) dead: u64,
    /// Of the dead, those that had asked for success and were ended by the guard against poison: three executors were lost with the same
    /// attempt, each of which the platform has on record.
    #[serde(default)]
    pub(crate) guarded: u64,
    /// Failures of the check; each is 0 where all is well.
    pub(crate) faults: Faults,
    /// Stored events that no 202 was seen for: the client was told of an error, or nothing, after the commit.
    pub(crate) unanswered: u64,
    /// Runs that the function's log shows, and those beyond one per attempt. What an executor that was killed had not yet sent is not in it.
    /// `None`: not counted, for another load was beside it.
    pub(crate) runs_logged: Option<u64>,
    pub(crate) runs_repeated: u64,
    /// A few ids that a fault concerns.
    pub(crate) examples: Vec<String>,
}

/// What must not be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Faults {
    /// The same id was answered twice.
    pub(crate) accepted_twice: u64,
    /// Answered 202, and not stored.
    pub(crate) lost: u64,
    /// No terminal outcome in time.
    pub(crate) without_end: u64,
    /// More than one terminal outcome.
    pub(crate) ended_twice: u64,
    /// A success without its proof of a run.
    pub(crate) unproven: u64,
    /// Another end than its work asked for.
    pub(crate) ended_otherwise: u64,
    /// Dead, and not in the dead-letter store.
    pub(crate) not_kept: u64,
    /// Outcomes whose attempts have a gap, or go on after the end.
    pub(crate) attempts_torn: u64,
    /// The API says something else of it than Postgres.
    pub(crate) told_otherwise: u64,
    /// Charged executions more or fewer than outcomes of runs.
    pub(crate) charged_otherwise: u64,
    /// Ends that were not handed on to their destination, or more than once.
    pub(crate) handed_on_otherwise: u64,
}

impl Faults {
    /// Each with its name.
    fn named(self) -> [(&'static str, u64); 11] {
        [
            ("accepted twice", self.accepted_twice),
            ("lost", self.lost),
            ("without an end", self.without_end),
            ("ended twice", self.ended_twice),
            ("without proof of a run", self.unproven),
            ("ended otherwise than asked for", self.ended_otherwise),
            ("dead and not kept", self.not_kept),
            ("with torn attempts", self.attempts_torn),
            ("told otherwise by the API", self.told_otherwise),
            ("charged otherwise", self.charged_otherwise),
            ("handed on otherwise", self.handed_on_otherwise),
        ]
    }

    pub(crate) fn total(self) -> u64 {
        self.named().iter().map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = self.named().into_iter().filter(|(_, count)| *count > 0);
        let words: Vec<String> = there
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        f.write_str(&words.join(", "))
    }
}

impl Verdict {
    pub(crate) fn passed(&self) -> bool {
        self.faults == Faults::default()
    }

    /// Names an event that a fault concerns, unless enough are named.
    pub(crate) fn show(&mut self, example: String) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(example);
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.passed() {
            "passed"
        } else {
            "**FAILED**"
        };
        write!(
            f,
            "{}: {word}; {} accepted, {} succeeded, {} dead, {} stored without a 202 seen",
            self.load, self.accepted, self.succeeded, self.dead, self.unanswered
        )?;
        if self.guarded > 0 {
            write!(
                f,
                ", {} of the dead after three lost executors each",
                self.guarded
            )?;
        }
        if let Some(runs) = self.runs_logged {
            let repeated = self.runs_repeated;
            write!(f, ", {runs} runs in the logs, {repeated} of them repeated")?;
        }
        if !self.passed() {
            write!(f, "; {}; such as {}", self.faults, self.examples.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
