//! What must be able to happen for the promises to mean anything: the situations that the guards are for. A model in
//! which they never came up would prove nothing.

use crate::promise::Condition;
use crate::state::{Cause, EventId, Hint, Job, Knowledge, Link, Phase, Request, State, Verdict};
use crate::{Guard, Queue};

/// The last attempt that is allowed was needed.
pub const ALL_ATTEMPTS_USED: &str = "all is settled, the last attempt was used";
/// A dispatch of an older epoch than the executor knows.
pub const ZOMBIE_REFUSED: &str = "a zombie's dispatch is about to be refused";
/// A dispatch that outlived its connection meets the one that followed it.
pub const RUNNING_REFUSED: &str = "a second dispatch of a running attempt is about to be refused";
/// A new owner hears of what its predecessor dispatched.
pub const RUN_ADOPTED: &str = "a run is adopted during a takeover";
/// An executor that was thought lost has something to settle.
pub const RUN_TOO_LATE: &str = "a run is about to lose against another run";
/// The cancel came first.
pub const CANCELLED_WHILE_RUNNING: &str = "a run is about to lose against a cancel";
/// The run's end came first.
pub const KILLED_FOR_USER: &str = "a run that was killed for its user is about to be settled";
/// The sweep was faster.
pub const HINT_TOO_LATE: &str = "a hint finds its event settled";
/// An outcome after too many losses.
pub const POISON_GUARD_ACTED: &str = "the poison guard has acted";

/// All of them. Which come up depends on what may go wrong.
pub const SITUATIONS: [(&str, Condition); 9] = [
    (ALL_ATTEMPTS_USED, all_attempts_used),
    (ZOMBIE_REFUSED, zombie_refused),
    (RUNNING_REFUSED, running_refused),
    (RUN_ADOPTED, run_adopted),
    (RUN_TOO_LATE, |_, state| about_to_lose(state, Cause::Run)),
    (CANCELLED_WHILE_RUNNING, |_, state| {
        about_to_lose(state, Cause::Cancelled)
    }),
    (KILLED_FOR_USER, killed_for_user),
    (HINT_TOO_LATE, hint_too_late),
    (POISON_GUARD_ACTED, poison_guard_acted),
];

fn all_attempts_used(queue: &Queue, state: &State) -> bool {
    EventId::all().all(|event| {
        let facts = &state.postgres.events[event];
        let last = facts.is_terminal() && facts.has_outcome(queue.bounds.attempts);
        match state.requests[event] {
            Request::Done => last,
            request => request == Request::Never,
        }
    })
}

fn zombie_refused(_: &Queue, state: &State) -> bool {
    state.executors.iter().any(|executor| {
        let older = |phase| matches!(phase, Phase::Sent { epoch } if epoch < executor.epoch);
        executor
            .jobs
            .iter()
            .any(|job| older(job.phase) && job.owner.is_some())
    })
}

fn running_refused(_: &Queue, state: &State) -> bool {
    state.executors.iter().any(|executor| {
        let current = Phase::Sent {
            epoch: executor.epoch,
        };
        let runs = |sent: &Job| {
            let mut jobs = executor.jobs.iter();
            jobs.any(|job| job.is_started() && job.is_of(sent.event, sent.attempt))
        };
        executor
            .jobs
            .iter()
            .any(|job| job.phase == current && runs(job))
    })
}

fn run_adopted(_: &Queue, state: &State) -> bool {
    state.owners.iter().any(|owner| {
        let runs = |known: &Knowledge| matches!(known, Knowledge::Running { .. });
        owner.links.contains(&Link::Awaited) && owner.memory.iter().any(runs)
    })
}

/// A run has ended whose attempt has an outcome of this cause.
fn about_to_lose(state: &State, cause: Cause) -> bool {
    state.jobs().any(|job| {
        let mut outcomes = state.postgres.events[job.event].outcomes.iter();
        matches!(job.phase, Phase::Ended(_))
            && outcomes.any(|outcome| outcome.attempt == job.attempt && outcome.cause == cause)
    })
}

fn killed_for_user(_: &Queue, state: &State) -> bool {
    state.jobs().any(|job| {
        let settled = state.postgres.events[job.event].has_outcome(job.attempt);
        job.phase == Phase::Ended(Verdict::Cancelled) && !settled
    })
}

fn hint_too_late(_: &Queue, state: &State) -> bool {
    let over = |event: EventId| state.postgres.events[event].is_terminal();
    EventId::all().any(|event| state.redis[event] == Hint::New && over(event))
}

fn poison_guard_acted(queue: &Queue, state: &State) -> bool {
    let mut outcomes = state
        .postgres
        .events
        .iter()
        .flat_map(|facts| &facts.outcomes);
    queue.has(Guard::LossKeepsAttempt) && outcomes.any(|outcome| outcome.cause == Cause::Lost)
}
