//! What an owner knows of an event, how it learns of it, and when it asks before it acts.

use crate::Queue;
use crate::action::Action;
use crate::guards::Guard;
use crate::state::{
    Cause, Due, EventId, ExecutorId, Hint, Job, Kind, Knowledge, Link, Outcome, OwnerId, Seen,
    State, Told,
};

pub(crate) fn offer(
    queue: &Queue,
    state: &State,
    id: OwnerId,
    event: EventId,
    actions: &mut Vec<Action>,
) {
    let owner = &state.owners[id];
    let facts = &state.postgres.events[event];
    if state.redis[event] == Hint::New {
        actions.push(Action::ReadHint(id, event));
    }
    let may_ask = owner.has_taken_over() || !queue.has(Guard::AnnounceBeforeCheck);
    if owner.swept[event].is_some() {
        actions.push(Action::Swept(id, event));
    }
    match owner.memory[event] {
        Knowledge::Unknown if may_ask && owner.swept[event].is_none() => {
            let due = facts.accepted && facts.aged && !facts.is_terminal();
            if due && queue.has(Guard::Sweep) {
                actions.push(Action::Sweep(id, event));
            }
        }
        Knowledge::Found { .. } if may_ask => actions.push(Action::Check(id, event)),
        Knowledge::Ready(_) if owner.has_taken_over() => {
            let linked = |executor: &ExecutorId| owner.links[*executor] == Link::Up;
            let dispatch = |executor| Action::Dispatch(id, event, executor);
            actions.extend(ExecutorId::all().filter(linked).map(dispatch));
        }
        _ => {}
    }
}

/// All that an owner knows goes through here: what a sweep is about to bring of the event is older.
pub(crate) fn know(queue: &Queue, state: &mut State, id: OwnerId, event: EventId, now: Knowledge) {
    let owner = &mut state.owners[id];
    owner.memory[event] = now;
    if queue.has(Guard::DropOvertakenSweeps) {
        owner.swept[event] = None;
    }
}

/// A new entry of the stream. The fast path dispatches it unasked: while no sweep can have been first, and by an owner
/// whose predecessors can no longer dispatch anything.
pub(crate) fn read_hint(queue: &Queue, state: &mut State, id: OwnerId, event: EventId) {
    state.redis[event] = Hint::Pending;
    let owner = &state.owners[id];
    if owner.memory[event] != Knowledge::Unknown {
        return;
    }
    let facts = &state.postgres.events[event];
    let early = !owner.has_taken_over() && queue.has(Guard::AnnounceBeforeCheck);
    let late = facts.aged && queue.has(Guard::CheckLateHints);
    let known = if early || late {
        Knowledge::Found { attempt: 1 }
    } else if !facts.aged && facts.is_cancelled(1) {
        // An event that is cancelled in its first moment may still run once, for nothing.
        Knowledge::Ready(Due {
            attempt: 1,
            seen: Seen::Open,
        })
    } else {
        Knowledge::Ready(look(queue, state, id, event, 1))
    };
    know(queue, state, id, event, known);
}

/// The attempt, and what the facts say against it now. Of a zombie nothing is expected.
fn look(queue: &Queue, state: &State, id: OwnerId, event: EventId, attempt: u8) -> Due {
    let facts = &state.postgres.events[event];
    let seen = if state.owns(id) {
        queue.look(facts, attempt)
    } else {
        Seen::Open
    };
    Due { attempt, seen }
}

/// Asks the outcomes, or, without the guard, trusts its memory.
pub(crate) fn check(queue: &Queue, state: &mut State, id: OwnerId, event: EventId) {
    let Knowledge::Found { attempt } = state.owners[id].memory[event] else {
        return;
    };
    let due = if queue.has(Guard::CheckBeforeRedispatch) {
        decide(queue, state, id, event)
    } else {
        Some(look(queue, state, id, event, attempt))
    };
    if let Some(due) = due {
        know(queue, state, id, event, Knowledge::Ready(due));
    } else if state.postgres.events[event].is_terminal() {
        acknowledge(queue, state, id, event);
    }
}

/// The sweep's query. Its answer takes its time.
pub(crate) fn sweep(queue: &Queue, state: &mut State, id: OwnerId, event: EventId) {
    state.owners[id].swept[event] = decide(queue, state, id, event);
}

/// The sweep's answer, taken in unless the owner knows better.
pub(crate) fn swept(queue: &Queue, state: &mut State, id: OwnerId, event: EventId) {
    let owner = &mut state.owners[id];
    if let Some(due) = owner.swept[event].take()
        && owner.memory[event] == Knowledge::Unknown
    {
        know(queue, state, id, event, Knowledge::Ready(due));
    }
}

/// What the facts say: the attempt that is due. An attempt that the poison guard ends instead is not; it has an outcome
/// now, and the event is looked at again.
fn decide(queue: &Queue, state: &mut State, id: OwnerId, event: EventId) -> Option<Due> {
    let facts = &mut state.postgres.events[event];
    let attempt = facts.due()?;
    if queue.has(Guard::PoisonGuard) && queue.is_poisoned(facts, attempt) {
        let kind = queue.after_error(attempt);
        queue.settle(
            facts,
            event,
            Outcome {
                attempt,
                kind,
                cause: Cause::Lost,
            },
        );
        return None;
    }
    Some(look(queue, state, id, event, attempt))
}

/// XACK and XDEL, and no further thought of it.
fn acknowledge(queue: &Queue, state: &mut State, id: OwnerId, event: EventId) {
    state.redis[event] = Hint::Absent;
    know(queue, state, id, event, Knowledge::Unknown);
}

/// An executor's answer about a job that this owner waits for.
pub(crate) fn told(queue: &Queue, state: &mut State, id: OwnerId, job: Job, told: Told) {
    let Job { event, attempt, .. } = job;
    match told {
        Told::Wrote(Kind::Retry) => {
            acknowledge(queue, state, id, event);
            // The retry's row is what was seen, when it was written.
            let due = Due {
                attempt: attempt + 1,
                seen: Seen::Open,
            };
            know(queue, state, id, event, Knowledge::Ready(due));
        }
        Told::Wrote(Kind::Ok | Kind::Dead) => acknowledge(queue, state, id, event),
        Told::Superseded => know(queue, state, id, event, Knowledge::Found { attempt }),
    }
}
