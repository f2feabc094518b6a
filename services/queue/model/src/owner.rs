//! The queue service: the shard's lease, its takeover, and the connections to executors. What an owner does about an
//! event is in `knowledge.rs`.

use crate::action::Action;
use crate::bounds::EXECUTORS;
use crate::guards::Guard;
use crate::state::{
    Due, EventId, ExecutorId, Hint, Job, Knowledge, Link, Owner, OwnerId, Phase, State,
};
use crate::{Queue, knowledge};

pub(crate) fn offer(queue: &Queue, state: &State, id: OwnerId, actions: &mut Vec<Action>) {
    let lease = state.postgres.lease;
    let owner = &state.owners[id];
    if owner.epoch.is_none() {
        if lease.expired {
            actions.push(Action::Take(id));
        }
        return;
    }
    if lease.expired || !state.owns(id) {
        actions.push(Action::Notice(id));
    }
    for executor in ExecutorId::all() {
        if owner.links[executor] != Link::Up {
            actions.push(Action::Hear(id, executor));
        }
    }
    for event in EventId::all() {
        knowledge::offer(queue, state, id, event, actions);
    }
}

/// Takes the lease, and reads the history of the stream's one consumer: what was delivered and not acknowledged.
pub(crate) fn take(queue: &Queue, state: &mut State, id: OwnerId) {
    let lease = &mut state.postgres.lease;
    lease.holder = Some(id);
    lease.epoch += 1;
    lease.expired = false;
    let link = if queue.has(Guard::AnnounceAtTakeover) {
        Link::Awaited
    } else {
        Link::Up
    };
    state.owners[id] = Owner {
        epoch: Some(lease.epoch),
        links: [link; EXECUTORS],
        ..Owner::default()
    };
    for event in EventId::all().filter(|event| state.redis[*event] == Hint::Pending) {
        state.owners[id].memory[event] = Knowledge::Found { attempt: 1 };
    }
}

/// Forgets everything and closes its connections, at its death or because the lease is another's.
pub(crate) fn leave(state: &mut State, id: OwnerId) {
    state.owners[id] = Owner::default();
    for executor in ExecutorId::all() {
        disconnect(state, id, executor);
    }
}

/// Nobody waits for these answers any longer. What was settled is over with that.
pub(crate) fn disconnect(state: &mut State, id: OwnerId, executor: ExecutorId) {
    let executor = &mut state.executors[executor];
    for job in &mut executor.jobs {
        if job.owner == Some(id) {
            job.owner = None;
        }
    }
    executor.tidy();
}

/// Connects, and adopts what runs there. The executor remembers the epoch, and turns away an owner of an older one.
pub(crate) fn hear(queue: &Queue, state: &mut State, id: OwnerId, executor: ExecutorId) {
    let Some(epoch) = state.owners[id].epoch else {
        return;
    };
    if epoch < state.executors[executor].epoch {
        leave(state, id);
        return;
    }
    state.owners[id].links[executor] = Link::Up;
    state.executors[executor].epoch = epoch;
    for event in EventId::all() {
        let jobs = &mut state.executors[executor].jobs;
        // They are sorted: the last is of the latest attempt.
        let Some(job) = jobs
            .iter_mut()
            .rfind(|job| job.event == event && job.is_started())
        else {
            continue;
        };
        let adopts = match state.owners[id].memory[event] {
            Knowledge::Unknown | Knowledge::Found { .. } => true,
            Knowledge::Ready(due) => due.attempt <= job.attempt,
            Knowledge::Running { .. } => false,
        };
        if adopts {
            let known = Knowledge::Running {
                executor,
                attempt: job.attempt,
            };
            job.owner = Some(id);
            knowledge::know(queue, state, id, event, known);
        }
    }
    state.executors[executor].tidy();
}

pub(crate) fn dispatch(
    queue: &Queue,
    state: &mut State,
    id: OwnerId,
    event: EventId,
    executor: ExecutorId,
) {
    let owner = &state.owners[id];
    let (Knowledge::Ready(Due { attempt, seen }), Some(epoch)) = (owner.memory[event], owner.epoch)
    else {
        return;
    };
    knowledge::know(
        queue,
        state,
        id,
        event,
        Knowledge::Running { executor, attempt },
    );
    let executor = &mut state.executors[executor];
    let phase = Phase::Sent { epoch };
    executor.jobs.push(Job {
        event,
        attempt,
        phase,
        owner: Some(id),
        seen,
        usurped: false,
    });
    executor.tidy();
}

/// "Another has the shard": an executor has heard of a later epoch.
pub(crate) fn refused(queue: &Queue, state: &mut State, id: OwnerId, job: Job) {
    if queue.has(Guard::LeaveWhenRefused) {
        leave(state, id);
    } else {
        let found = Knowledge::Found {
            attempt: job.attempt,
        };
        knowledge::know(queue, state, id, job.event, found);
    }
}

/// The connection is gone, or the executor: what ran there is lost to this owner. A zombie's view of it is not counted:
/// the shard's owner lost the same run.
pub(crate) fn lose(queue: &Queue, state: &mut State, id: OwnerId, executor: ExecutorId) {
    let counts = state.owns(id) || !queue.has(Guard::CountOwnersLosses);
    state.owners[id].links[executor] = Link::Down;
    for event in EventId::all() {
        if let Knowledge::Running {
            executor: at,
            attempt,
        } = state.owners[id].memory[event]
            && at == executor
        {
            knowledge::know(queue, state, id, event, Knowledge::Found { attempt });
            if counts {
                queue.count_loss(&mut state.postgres.events[event], event, attempt);
            }
        }
    }
}
