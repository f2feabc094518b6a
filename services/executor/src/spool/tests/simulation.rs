//! "Exactly once", in a simulated world: seeded schedules of crashes against the spool's own code.
//!
//! A schedule has three machines with an executor each, a network and a database. The spool's code runs as it is, on real
//! files (in memory): journal, recovery, reading batches back, acknowledging. Its background is what is simulated, and the world:
//! the schedule decides when a machine syncs, seals, rolls to another segment, sends and starts again. All chance comes from
//! the schedule's seed.
//!
//! ```text
//! callers ──start, end──► machine: Journal ──batches──► network ──────────────► database
//!    │                      │  kill -9 within any        lost, twice,             crashes before and after its commit,
//!    │                      │  write, power failure,     in another order,        is away; its rule is `store::usage`'s
//!    ▼                      ▼  full disk, clock jumps    answers lost               ▼
//!  truth: what was answered, and what the files kept of the rest ═══ must equal ═══ sums by account, hour, SKU, function
//! ```
//!
//! When all is sent at last:
//! - A kill takes nothing that was answered. Counted are the answered executions, and those whose end was written when
//!   the kill fell between the write and the answer: the schedule knows which, for it decides what each kill leaves of a file.
//! - A power failure takes ends from behind the last sync alone, and only from the log's end.
//! - Both sides are equal to the request and the MB·ms in every hour, and every bill that is made of them to the cent.
//! - Every closed epoch has as many starts as ends and losses, none missing, and no segment was set aside.
//!
//! A world may be flawed, one [`Flaw`] at a time: each must be found, or the simulation would not be worth its time.
//!
//! `TOLLGATE_SIMULATED_SCHEDULES`, `TOLLGATE_SIMULATED_EXECUTIONS` and `TOLLGATE_SIMULATED_SEED` say how much to run; `make simulate`
//! runs all of it. A failure names the seed of its schedule, which runs alone as the first of that seed.

mod chance;
mod database;
mod disk;
mod machine;
mod schedule;
mod truth;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chance::Chance;
use schedule::{Knobs, Schedule};
use truth::{Difference, Truth};

use super::super::record::StartRecord;

/// Schedules between two words about how far it is.
const TOLD_EVERY: u64 = 20;

/// What a world may do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// The database adds the sums of a batch that it knows again.
    CountsAgain,
    /// The database takes whatever batch is beyond those it has, and answers for the ones before as if it had them.
    TakesEarly,
    /// The database commits a batch before its sums.
    CommitsApart,
    /// The database answers before it has committed.
    AnswersBeforeCommit,
    /// Callers are answered before the end is written.
    AnswersBeforeEnd,
    /// Batches are sent that no sync was waited for.
    SendsUnsynced,
    /// Recovery does not sync what it found before that is sent.
    RecoversUnsynced,
}

/// All of a schedule but machines, network and database: what these take chance from and report to.
struct World {
    chance: Chance,
    knobs: Knobs,
    flaw: Flaw,
    functions: Vec<StartRecord>,
    truth: Truth,
    seen: Seen,
    /// Nothing crashes any more.
    calm: bool,
}

impl World {
    /// Whether a crash falls here; where it seldom comes by, it is `weight` times as likely.
    fn fault(&mut self, weight: u64) -> bool {
        let one_in = (self.knobs.crash_every / weight).max(6);
        !self.calm && self.chance.one_in(one_in)
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    schedules: u64,
    executions: u64,
    answered: u64,
    /// Written, and killed before the answer.
    cut_off: u64,
    /// Ran when the executor was killed, or lost their sandbox.
    lost: u64,
    /// Answered, and taken by a power failure.
    taken: u64,
    refused: u64,
    kills: u64,
    power_failures: u64,
    rolls: u64,
    /// Batches that the database counted, knew already, and held back.
    counted: u64,
    known: u64,
    held: u64,
    /// Batches and answers that got lost.
    dropped: u64,
    jumps: u64,
    requests: i128,
    mb_ms: i128,
    cents: i128,
    difference: Difference,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.executions += other.executions;
        self.answered += other.answered;
        self.cut_off += other.cut_off;
        self.lost += other.lost;
        self.taken += other.taken;
        self.refused += other.refused;
        self.kills += other.kills;
        self.power_failures += other.power_failures;
        self.rolls += other.rolls;
        self.counted += other.counted;
        self.known += other.known;
        self.held += other.held;
        self.dropped += other.dropped;
        self.jumps += other.jumps;
        self.requests += other.requests;
        self.mb_ms += other.mb_ms;
        self.cents += other.cents;
        self.difference.requests += other.difference.requests;
        self.difference.mb_ms += other.difference.mb_ms;
        self.difference.cents += other.difference.cents;
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            schedules,
            executions,
            answered,
            cut_off,
            lost,
            taken,
            refused,
            kills,
            power_failures,
            rolls,
            counted,
            known,
            held,
            dropped,
            jumps,
            requests,
            mb_ms,
            cents,
            difference,
        } = self;
        writeln!(f, "{schedules} schedules, {executions} executions:")?;
        writeln!(
            f,
            "  {answered} answered, {cut_off} written and killed before the answer, {lost} lost, {refused} more refused"
        )?;
        writeln!(
            f,
            "  {kills} kills, {power_failures} power failures (which took {taken} answered executions), {jumps} clock jumps, {rolls} rolls"
        )?;
        writeln!(
            f,
            "  {counted} batches counted, {known} sent again, {held} held back, {dropped} batches and answers lost"
        )?;
        writeln!(
            f,
            "  {requests} requests and {mb_ms} MB·ms in the hours, {}.{:02} USD on the bills",
            cents / 100,
            cents % 100
        )?;
        write!(
            f,
            "  difference: {} requests, {} MB·ms, {} cents",
            difference.requests, difference.mb_ms, difference.cents
        )
    }
}

/// How much to run.
#[derive(Debug, Clone, Copy)]
struct Size {
    schedules: u64,
    executions: u64,
    seed: u64,
}

impl Size {
    fn of_environment() -> Self {
        let number = |name: &str, default| match std::env::var(name) {
            Ok(text) => text.parse().unwrap(),
            Err(_) => default,
        };
        Self {
            schedules: number("TOLLGATE_SIMULATED_SCHEDULES", 30),
            executions: number("TOLLGATE_SIMULATED_EXECUTIONS", 2_000),
            seed: number("TOLLGATE_SIMULATED_SEED", 1),
        }
    }
}

/// Runs one schedule; an error says what was wrong.
fn run(seed: u64, executions: u64, flaw: Flaw) -> Result<Seen, String> {
    let schedule = AssertUnwindSafe(|| Schedule::new(seed, executions, flaw).run());
    std::panic::catch_unwind(schedule).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.unwrap_or_else(|| "it panicked".to_owned()))
    })
}

/// Runs schedules on all processors, until one fails.
fn run_all(size: Size) -> Result<Seen, String> {
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let results = Mutex::new((Seen::default(), Vec::new()));
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= size.schedules {
                return;
            }
            let seed = size.seed + index;
            let result = run(seed, size.executions, Flaw::None);
            let mut results = results.lock().unwrap();
            match result {
                Ok(ran) => {
                    results.0.add(&ran);
                    if results.0.schedules.is_multiple_of(TOLD_EVERY) {
                        println!("{} of {} schedules", results.0.schedules, size.schedules);
                    }
                }
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    let again = format!(
                        "TOLLGATE_SIMULATED_SEED={seed} TOLLGATE_SIMULATED_SCHEDULES=1 TOLLGATE_SIMULATED_EXECUTIONS={}",
                        size.executions
                    );
                    results.1.push(format!(
                        "schedule of seed {seed}: {error}; again with {again}"
                    ));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (seen, errors) = results.into_inner().unwrap();
    if errors.is_empty() {
        Ok(seen)
    } else {
        Err(errors.join("\n"))
    }
}

#[test]
fn whatever_crashes_every_execution_is_counted_once_and_billed_to_the_cent() {
    let size = Size::of_environment();
    let seen = run_all(size).unwrap_or_else(|error| panic!("{error}"));
    println!("{seen}");
    assert_eq!(seen.schedules, size.schedules);
    assert!(seen.executions >= size.schedules * size.executions);
    assert_eq!(seen.difference, Difference::default());
    if size.schedules < 10 {
        return;
    }
    // A world in which nothing happens proves nothing.
    for (what, count) in [
        ("kills", seen.kills),
        ("power failures", seen.power_failures),
        ("executions cut off from their answer", seen.cut_off),
        ("executions lost", seen.lost),
        ("answered executions taken by a power failure", seen.taken),
        ("calls refused", seen.refused),
        ("rolls", seen.rolls),
        ("batches sent again", seen.known),
        ("batches held back", seen.held),
        ("batches or answers lost", seen.dropped),
        ("clock jumps", seen.jumps),
    ] {
        assert!(count > 0, "no {what} in {seen}");
    }
}

/// Or a failure could not be looked into.
#[test]
fn a_seed_runs_the_same_again() {
    for seed in 1..=3 {
        let seen = || run(seed, 2_000, Flaw::None).unwrap();
        assert_eq!(seen(), seen());
    }
}

#[test]
fn every_flaw_of_a_world_is_found() {
    let check = |flaw: Flaw, words: &str| {
        let found = (1..=60).find_map(|seed| run(seed, 2_000, flaw).err());
        let found = found.unwrap_or_else(|| panic!("{flaw:?} is not found in 60 schedules"));
        println!("{flaw:?} is found: {found}");
        assert!(found.contains(words), "{flaw:?} is found as: {found}");
    };
    check(Flaw::CountsAgain, "MB·ms");
    check(Flaw::TakesEarly, "by their numbers");
    check(Flaw::CommitsApart, "MB·ms");
    check(Flaw::AnswersBeforeCommit, "that are counted");
    check(Flaw::AnswersBeforeEnd, "that are counted");
    check(Flaw::SendsUnsynced, "that are counted");
    check(Flaw::RecoversUnsynced, "other content");
}
