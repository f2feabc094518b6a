//! What comes from outside: time, users, faults.

use crate::action::Action;
use crate::bounds::EVENTS;
use crate::state::{
    Cause, Due, EventId, Executor, ExecutorId, Hint, Job, Kind, Knowledge, Link, Outcome, OwnerId,
    Phase, Request, State, Verdict,
};
use crate::{Queue, executor, knowledge, owner};

pub(crate) fn offer_time(state: &State, actions: &mut Vec<Action>) {
    for event in EventId::all() {
        let facts = &state.postgres.events[event];
        if facts.accepted && !facts.aged {
            actions.push(Action::Age(event));
        }
    }
    let lease = state.postgres.lease;
    if !lease.expired && lease.holder.is_some_and(|holder| !state.owns(holder)) {
        actions.push(Action::LeaseEnds);
    }
}

pub(crate) fn offer_interference(queue: &Queue, state: &State, actions: &mut Vec<Action>) {
    let left = state.left;
    for event in EventId::all() {
        let request = state.requests[event];
        if left.gateway_deaths > 0
            && matches!(
                request,
                Request::New | Request::Committed | Request::Answered
            )
        {
            actions.push(Action::GatewayDies(event));
        }
        if left.cancels > 0 {
            for attempt in 1..=queue.bounds.attempts {
                let facts = &state.postgres.events[event];
                if !facts.is_terminal() && queue.would_insert(facts, attempt) {
                    actions.push(Action::Cancel(event, attempt));
                }
            }
        }
    }
    if left.wipes > 0 && state.redis.iter().any(|hint| *hint != Hint::Absent) {
        actions.push(Action::Wipe);
    }
    for id in OwnerId::all() {
        offer_owner(state, id, actions);
    }
    for id in ExecutorId::all() {
        let executor = &state.executors[id];
        if left.executor_deaths > 0 && *executor != Executor::default() {
            actions.push(Action::ExecutorDies(id));
        }
        let running = |job: &&Job| job.phase == Phase::Running;
        if left.unsure_commits > 0 {
            let ended = executor
                .jobs
                .iter()
                .filter(|job| matches!(job.phase, Phase::Ended(_)));
            actions.extend(ended.map(|job| Action::SettleUnsure(id, *job)));
        }
        if left.cancels > 0 {
            let cancels = executor
                .jobs
                .iter()
                .filter(running)
                .map(|job| Action::CancelRun(id, *job));
            actions.extend(cancels);
        }
    }
}

fn offer_owner(state: &State, id: OwnerId, actions: &mut Vec<Action>) {
    let left = state.left;
    let owner = &state.owners[id];
    if owner.epoch.is_none() {
        return;
    }
    if left.owner_deaths > 0 {
        actions.push(Action::OwnerDies(id));
    }
    if left.pauses > 0 && state.owns(id) && !state.postgres.lease.expired {
        actions.push(Action::Pause);
    }
    for executor in ExecutorId::all() {
        if left.breaks > 0 {
            match owner.links[executor] {
                Link::Up => actions.push(Action::Break(id, executor)),
                Link::Awaited => actions.push(Action::Skip(id, executor)),
                Link::Down => {}
            }
        }
    }
    if left.expiries > 0 {
        for event in EventId::all() {
            if matches!(owner.memory[event], Knowledge::Ready(_)) {
                actions.push(Action::Expire(id, event));
            }
        }
    }
}

pub(crate) fn step(queue: &Queue, state: &mut State, action: Action) {
    match action {
        Action::Age(event) => state.postgres.events[event].aged = true,
        Action::LeaseEnds => state.postgres.lease.expired = true,
        Action::Pause => {
            state.left.pauses -= 1;
            state.postgres.lease.expired = true;
        }
        Action::Cancel(event, attempt) => {
            state.left.cancels -= 1;
            let outcome = Outcome {
                attempt,
                kind: Kind::Dead,
                cause: Cause::Cancelled,
            };
            queue.settle(&mut state.postgres.events[event], event, outcome);
        }
        Action::CancelRun(id, job) => {
            state.left.cancels -= 1;
            executor::end(state, id, job, Verdict::Cancelled);
        }
        Action::Expire(id, event) => {
            state.left.expiries -= 1;
            expire(queue, state, id, event);
        }
        Action::GatewayDies(event) => {
            state.left.gateway_deaths -= 1;
            state.requests[event] = Request::Broken;
        }
        Action::Wipe => {
            state.left.wipes -= 1;
            state.redis = [Hint::Absent; EVENTS];
        }
        Action::OwnerDies(id) => {
            state.left.owner_deaths -= 1;
            owner::leave(state, id);
        }
        Action::ExecutorDies(id) => {
            state.left.executor_deaths -= 1;
            executor_dies(queue, state, id);
        }
        Action::SettleUnsure(_, job) => {
            state.left.unsure_commits -= 1;
            executor::commit(queue, state, job);
        }
        Action::Break(id, executor) => {
            state.left.breaks -= 1;
            state.runs = Default::default();
            owner::disconnect(state, id, executor);
            owner::lose(queue, state, id, executor);
        }
        Action::Skip(id, executor) => {
            state.left.breaks -= 1;
            state.runs = Default::default();
            state.owners[id].links[executor] = Link::Down;
        }
        _ => unreachable!("{action:?} is a step of the system"),
    }
}

/// The owner's transaction; the event is asked for again before anything else happens to it.
fn expire(queue: &Queue, state: &mut State, id: OwnerId, event: EventId) {
    if let Knowledge::Ready(Due { attempt, .. }) = state.owners[id].memory[event] {
        let outcome = Outcome {
            attempt,
            kind: Kind::Dead,
            cause: Cause::Expired,
        };
        queue.settle(&mut state.postgres.events[event], event, outcome);
        knowledge::know(queue, state, id, event, Knowledge::Found { attempt });
    }
}

/// A process of the same place comes back with a memory of nothing, the epochs included. Owners see their connections
/// break.
fn executor_dies(queue: &Queue, state: &mut State, id: ExecutorId) {
    state.runs = Default::default();
    state.executors[id] = Executor::default();
    for owner in OwnerId::all() {
        if state.owners[owner].links[id] == Link::Up {
            owner::lose(queue, state, owner, id);
        }
    }
}
