//! The times of a range, fired now.

use chrono::{DateTime, Utc};
use domain::schedule::{FireResult, Occasion};

use super::fires::{commit, due};
use super::input::{Input, Nothing};
use super::next_times::times;
use super::refusal::Refusal;
use super::schedules::{find, missing};
use super::types::{Backfill, ScheduleKey, StartBackfill};
use crate::call::Call;

/// Times of one request.
const COUNT_MAX: usize = 10_000;
/// Times of one transaction.
const STEP: usize = 500;
/// Inputs of one transaction, in bytes.
const STEP_BYTES: usize = 4 << 20;

/// In order, a bounded number in each transaction. A request that ends early can be made again: on one day no time is backfilled
/// twice.
pub(super) async fn start(
    cx: Call,
    input: Input<ScheduleKey, Nothing, StartBackfill>,
) -> Result<Backfill, Refusal> {
    let StartBackfill { from, to, dry_run } = input.body;
    if from >= to {
        return Err(Refusal::invalid("from must be before to."));
    }
    if to > cx.app.clock.now() {
        return Err(Refusal::invalid(
            "to must not be in the future: those times fire when they come.",
        ));
    }
    let schedule = find(&cx, &input.path).await?;
    let range = times(&schedule.timetable, from).take_while(|at| *at < to);
    let range: Vec<DateTime<Utc>> = range.take(COUNT_MAX + 1).collect();
    if let Some(end) = range.get(COUNT_MAX) {
        return Err(Refusal::invalid(format!(
            "The range has more than {COUNT_MAX} times, and one request fires no more: ask for it in parts, the first one to {}.",
            end.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
        )));
    }
    let mut done = Backfill {
        dry_run,
        count: range.len() as u64,
        first_at: range.first().copied(),
        last_at: range.last().copied(),
        fired: 0,
        known: 0,
        dead: 0,
    };
    if dry_run {
        return Ok(done);
    }
    for step in range.chunks(step(schedule.input_bytes)) {
        let now = cx.app.clock.now();
        let due = due(&cx, schedule.id, step, Occasion::Backfill, now);
        let fired = commit(&cx, &due, now).await?;
        if !fired.stale.is_empty() {
            return Err(missing(&input.path));
        }
        let dead = |result: &&FireResult| **result == FireResult::Dead;
        done.fired += fired.events.len() as u64;
        done.known += fired.known as u64;
        done.dead += fired.others.iter().filter(dead).count() as u64;
    }
    Ok(done)
}

/// How many times go into a transaction, by the size of the input.
fn step(input_bytes: usize) -> usize {
    (STEP_BYTES / input_bytes.max(1)).clamp(1, STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_inputs_go_in_small_steps() {
        let check = |bytes: usize, count: usize| assert_eq!(step(bytes), count, "{bytes}");
        check(0, 500);
        check(8_000, 500);
        check(256 << 10, 16);
        check(5 << 20, 1);
    }
}
