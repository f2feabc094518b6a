//! The check itself: the client's book against the platform's.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use uuid::Uuid;

use super::facts::{Facts, Kind, Outcome, Source};
use super::{Accepted, Expected, Faults, Ledger, Verdict};
use crate::figures::Latencies;
use crate::witness::Witness;

/// A verdict, and what the same records say of times.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) verdict: Verdict,
    /// From when an event was due to when its handler began, by the function's own clock.
    pub(crate) start_delays: Latencies,
    /// When handlers began, of events that succeeded: microseconds since 1970, sorted.
    pub(crate) started_us: Vec<i64>,
    /// When events ended, sorted likewise.
    pub(crate) ended_us: Vec<i64>,
}

/// What the totals of an installation are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Totals {
    /// Nothing: other loads ran besides.
    None,
    /// The one load that ran.
    Alone,
    /// Likewise, and each of its ends was handed on to a second function.
    HandedOn,
}

/// What Postgres says, read once for all ledgers of an installation.
#[derive(Debug)]
pub(crate) struct Book {
    stored: HashMap<Uuid, Source>,
    outcomes: HashMap<Uuid, Vec<Outcome>>,
    dead_letters: HashSet<Uuid>,
    guarded: HashSet<Uuid>,
    charged: u64,
    runs_logged: HashMap<Uuid, u64>,
}

impl Book {
    /// Waits until every stored event has an end, or `time_max` has passed; then reads.
    pub(crate) async fn read(facts: &Facts, time_max: Duration) -> Result<Self> {
        wait_for_ends(facts, time_max).await?;
        let mut outcomes: HashMap<Uuid, Vec<Outcome>> = HashMap::new();
        for outcome in facts.outcomes().await? {
            outcomes.entry(outcome.id).or_default().push(outcome);
        }
        Ok(Self {
            stored: facts.events().await?,
            outcomes,
            dead_letters: facts.dead_letters().await?.into_iter().collect(),
            guarded: facts.guarded().await?.into_iter().collect(),
            charged: facts.charged().await?,
            runs_logged: facts.runs_logged().await?,
        })
    }

    #[cfg(test)]
    pub(super) fn of(stored: &[Uuid], outcomes: Vec<Outcome>, dead_letters: &[Uuid]) -> Self {
        let charged = outcomes.iter().filter(|outcome| outcome.ran).count() as u64;
        let mut by_id: HashMap<Uuid, Vec<Outcome>> = HashMap::new();
        for outcome in outcomes {
            by_id.entry(outcome.id).or_default().push(outcome);
        }
        Self {
            stored: stored.iter().map(|id| (*id, Source::Caller)).collect(),
            outcomes: by_id,
            dead_letters: dead_letters.iter().copied().collect(),
            guarded: HashSet::new(),
            charged,
            runs_logged: HashMap::new(),
        }
    }

    /// Whether the status that the API told of an event is the end that is stored.
    pub(crate) fn agrees(&self, id: Uuid, told: Option<&str>) -> bool {
        match self.end(id) {
            Some(Kind::Success) => told == Some("succeeded"),
            Some(Kind::Dead) => matches!(told, Some("dead" | "cancelled")),
            _ => !matches!(told, Some("succeeded" | "dead" | "cancelled")),
        }
    }

    /// Checks one ledger.
    pub(crate) fn check(
        &self,
        ledger: &Ledger,
        witness: &Witness,
        totals: Totals,
    ) -> Result<Checked> {
        let entries = ledger.close()?;
        Ok(self.compare(ledger.name(), &entries, witness, totals))
    }

    pub(super) fn compare(
        &self,
        load: &str,
        entries: &[Accepted],
        witness: &Witness,
        totals: Totals,
    ) -> Checked {
        let mut checked = Checked::default();
        load.clone_into(&mut checked.verdict.load);
        let mut seen = HashSet::with_capacity(entries.len());
        for entry in entries {
            checked.verdict.accepted += 1;
            let faults = checked.verdict.faults;
            if seen.insert(entry.id) {
                self.compare_one(entry, witness, &mut checked);
            } else {
                checked.verdict.faults.accepted_twice += 1;
            }
            let verdict = &mut checked.verdict;
            if verdict.faults != faults {
                verdict.show(entry.id.to_string());
            }
        }
        checked.started_us.sort_unstable();
        checked.ended_us.sort_unstable();
        if totals != Totals::None {
            self.compare_totals(&seen, &mut checked.verdict);
        }
        if totals == Totals::HandedOn {
            checked.verdict.faults.handed_on_otherwise = self.handed_on_otherwise();
        }
        checked
    }

    fn compare_one(&self, entry: &Accepted, witness: &Witness, checked: &mut Checked) {
        let Faults {
            lost,
            without_end,
            ended_twice,
            unproven,
            ended_otherwise,
            not_kept,
            attempts_torn,
            ..
        } = &mut checked.verdict.faults;
        if !self.stored.contains_key(&entry.id) {
            *lost += 1;
            return;
        }
        let none = Vec::new();
        let outcomes = self.outcomes.get(&entry.id).unwrap_or(&none);
        let ends: Vec<&Outcome> = outcomes
            .iter()
            .filter(|outcome| outcome.kind != Kind::Retry)
            .collect();
        let [end] = ends.as_slice() else {
            *(if ends.is_empty() {
                without_end
            } else {
                ended_twice
            }) += 1;
            return;
        };
        let mut attempts: Vec<i16> = outcomes.iter().map(|outcome| outcome.attempt).collect();
        attempts.sort_unstable();
        let whole = attempts
            .iter()
            .zip(1..)
            .all(|(attempt, place)| *attempt == place);
        if !whole || attempts.last() != Some(&end.attempt) {
            *attempts_torn += 1;
        }
        checked.ended_us.push(end.ended_us);
        if end.kind == Kind::Success {
            checked.verdict.succeeded += 1;
            *ended_otherwise += u64::from(entry.expected == Expected::Dead);
            let Some(answer) = witness.verify(entry.id, entry.number, &end.response) else {
                *unproven += 1;
                return;
            };
            let delay_us = u64::try_from(answer.started_us - entry.due_us).unwrap_or(0);
            checked.start_delays.record(Duration::from_micros(delay_us));
            checked.started_us.push(answer.started_us);
        } else {
            checked.verdict.dead += 1;
            if entry.expected == Expected::Success {
                let guarded = self.guarded.contains(&entry.id);
                *ended_otherwise += u64::from(!guarded);
                checked.verdict.guarded += u64::from(guarded);
            }
            *not_kept += u64::from(!self.dead_letters.contains(&entry.id));
        }
    }

    fn from(&self, source: Source) -> impl Iterator<Item = &Uuid> {
        let stored = self.stored.iter();
        stored
            .filter(move |(_, of)| **of == source)
            .map(|(id, _)| id)
    }

    /// Ends of callers' events that were not handed on, or more than once.
    fn handed_on_otherwise(&self) -> u64 {
        let ended = self
            .from(Source::Caller)
            .filter(|id| self.end(**id).is_some())
            .count();
        let made = self.from(Source::Destination).count();
        ended.abs_diff(made) as u64
    }

    fn end(&self, id: Uuid) -> Option<Kind> {
        let outcomes = self.outcomes.get(&id).into_iter().flatten();
        let mut ends = outcomes.filter(|outcome| outcome.kind != Kind::Retry);
        ends.next().map(|end| end.kind)
    }

    fn compare_totals(&self, seen: &HashSet<Uuid>, verdict: &mut Verdict) {
        let callers = self.from(Source::Caller);
        let unanswered = callers.filter(|id| !seen.contains(id));
        verdict.unanswered = unanswered.count() as u64;
        let (mut charged, mut logged, mut repeated) = (0, 0, 0);
        for (id, outcomes) in &self.outcomes {
            let ran = outcomes.iter().filter(|outcome| outcome.ran).count() as u64;
            let runs = self.runs_logged.get(id).copied().unwrap_or_default();
            charged += ran;
            logged += runs;
            repeated += runs.saturating_sub(ran);
        }
        verdict.faults.charged_otherwise = self.charged.abs_diff(charged);
        (verdict.runs_logged, verdict.runs_repeated) = (Some(logged), repeated);
    }
}

async fn wait_for_ends(facts: &Facts, time_max: Duration) -> Result<()> {
    let deadline = Instant::now() + time_max;
    while facts.ended().await? < facts.stored().await? && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
