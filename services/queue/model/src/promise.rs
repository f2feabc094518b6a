//! What is promised: I1 to I7 of the design, and what they rest on.

use crate::Queue;
use crate::state::{Cause, EventId, Facts, Job, Kind, Request, Seen, State};

/// I1.
pub const ACCEPTED_IS_COMMITTED: &str = "a 202 has a committed row";
/// I2.
pub const ONE_OUTCOME_PER_ATTEMPT: &str = "an attempt has at most one outcome";
/// I3.
pub const ONE_TERMINAL_OUTCOME: &str = "an event has at most one terminal outcome";
/// I4.
pub const ATTEMPT_AFTER_RETRY: &str = "an attempt starts only if the one before it asks for it";
/// I5, and that a destination event exists once: with the terminal outcome, or not at all.
pub const DELIVERED_WITH_OUTCOME: &str = "a destination event exists exactly with its outcome";
/// An execution is charged once, and a duplicate never.
pub const CHARGED_WITH_OUTCOME: &str = "an execution is charged exactly if its outcome stands";
/// A committed result with a lost answer is never run again.
pub const NOTHING_SETTLED_STARTS: &str = "nothing starts that was settled when its owner looked";
/// A zombie's dispatch starts nothing at an executor that its successor has heard from.
pub const NOTHING_STALE_STARTS: &str = "nothing of an older owner starts where the owner has been";
/// An executor does not run an attempt beside itself.
pub const RUNS_ONCE_AT_A_TIME: &str = "an executor runs an attempt once at a time";
/// Neither a takeover nor a wipe of Redis makes a duplicate, as long as executors live and are connected.
pub const RUNS_ONCE_UNLESS_LOST: &str = "an attempt runs once unless an executor is lost";
/// I7, apart from the poison guard.
pub const LOSS_USES_NO_ATTEMPT: &str = "only repeated losses use up an attempt";
/// One dead executor is one loss, whoever else believes to have lost it.
pub const LOSS_COUNTED_ONCE: &str = "a loss is counted once";
/// The poison guard.
pub const NOTHING_POISONED_STARTS: &str = "nothing starts again that lost its executor too often";
/// Nothing accepted is lost: where nothing is left to do, it is settled. [`crate::progress`] shows that it gets there.
pub const ENDS_SETTLED: &str = "when nothing is left to do, all that was accepted is settled";

/// Not a condition on states: [`crate::progress`] looks for it.
pub const COMES_TO_AN_END: &str = "what the system does by itself comes to an end";

/// Whether it holds in a state.
pub type Condition = fn(&Queue, &State) -> bool;

/// What must hold in every state.
pub const PROMISES: [(&str, Condition); 14] = [
    (ACCEPTED_IS_COMMITTED, accepted_is_committed),
    (ONE_OUTCOME_PER_ATTEMPT, one_outcome_per_attempt),
    (ONE_TERMINAL_OUTCOME, one_terminal_outcome),
    (ATTEMPT_AFTER_RETRY, |_, state| {
        none_started(state, |job, facts| !facts.is_asked_for(job.attempt))
    }),
    (DELIVERED_WITH_OUTCOME, delivered_with_outcome),
    (CHARGED_WITH_OUTCOME, charged_with_outcome),
    (NOTHING_SETTLED_STARTS, |_, state| {
        none_started(state, |job, _| job.seen == Seen::Settled)
    }),
    (NOTHING_STALE_STARTS, |_, state| {
        none_started(state, |job, _| job.usurped)
    }),
    (RUNS_ONCE_AT_A_TIME, runs_once_at_a_time),
    (RUNS_ONCE_UNLESS_LOST, |_, state| {
        state.runs.iter().flatten().all(|runs| *runs <= 1)
    }),
    (LOSS_USES_NO_ATTEMPT, loss_uses_no_attempt),
    (LOSS_COUNTED_ONCE, |queue, state| {
        each(state, |facts| {
            facts.losses.iter().sum::<u8>() <= queue.losses(state)
        })
    }),
    (NOTHING_POISONED_STARTS, |_, state| {
        none_started(state, |job, _| job.seen == Seen::Poisoned)
    }),
    (ENDS_SETTLED, ends_settled),
];

fn accepted_is_committed(_: &Queue, state: &State) -> bool {
    let answered = |request| matches!(request, Request::Answered | Request::Done);
    EventId::all()
        .all(|event| state.postgres.events[event].accepted || !answered(state.requests[event]))
}

fn one_outcome_per_attempt(_: &Queue, state: &State) -> bool {
    each(state, |facts| {
        let others = |attempt| {
            facts
                .outcomes
                .iter()
                .filter(move |other| other.attempt == attempt)
        };
        facts
            .outcomes
            .iter()
            .all(|outcome| others(outcome.attempt).count() == 1)
    })
}

fn one_terminal_outcome(_: &Queue, state: &State) -> bool {
    each(state, |facts| {
        let terminal = facts
            .outcomes
            .iter()
            .filter(|outcome| outcome.kind != Kind::Retry);
        terminal.count() <= 1
    })
}

fn delivered_with_outcome(_: &Queue, state: &State) -> bool {
    EventId::all().all(|event| {
        let facts = &state.postgres.events[event];
        facts.deliveries == u8::from(facts.is_terminal() && Queue::has_destination(event))
    })
}

fn charged_with_outcome(_: &Queue, state: &State) -> bool {
    each(state, |facts| {
        let runs = facts
            .outcomes
            .iter()
            .filter(|outcome| outcome.cause == Cause::Run);
        runs.count() == usize::from(facts.charges)
    })
}

fn runs_once_at_a_time(_: &Queue, state: &State) -> bool {
    state.executors.iter().all(|executor| {
        let runs = || executor.jobs.iter().filter(|job| job.is_started());
        runs().all(|job| {
            runs()
                .filter(|other| other.is_of(job.event, job.attempt))
                .count()
                == 1
        })
    })
}

fn loss_uses_no_attempt(queue: &Queue, state: &State) -> bool {
    each(state, |facts| {
        let mut lost = facts
            .outcomes
            .iter()
            .filter(|outcome| outcome.cause == Cause::Lost);
        lost.all(|outcome| queue.is_poisoned(facts, outcome.attempt))
    })
}

fn ends_settled(queue: &Queue, state: &State) -> bool {
    let settled = each(state, |facts| !facts.accepted || facts.is_terminal());
    let mut work = Vec::new();
    settled || {
        queue.work(state, &mut work);
        !work.is_empty()
    }
}

fn each(state: &State, holds: impl Fn(&Facts) -> bool) -> bool {
    state.postgres.events.iter().all(holds)
}

fn none_started(state: &State, wrong: impl Fn(&Job, &Facts) -> bool) -> bool {
    let mut jobs = state.jobs().filter(|job| job.is_started());
    !jobs.any(|job| wrong(job, &state.postgres.events[job.event]))
}
