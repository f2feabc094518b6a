//! The executor: takes a dispatch on or refuses it, runs the handler, settles, answers.

use crate::action::Action;
use crate::guards::Guard;
use crate::state::{
    Cause, Executor, ExecutorId, Job, Kind, Knowledge, Link, Outcome, Phase, State, Told, Verdict,
};
use crate::{Queue, knowledge, owner};

pub(crate) fn offer(state: &State, id: ExecutorId, actions: &mut Vec<Action>) {
    let jobs = &state.executors[id].jobs;
    for (at, &job) in jobs.iter().enumerate() {
        // Two dispatches in a buffer may be the same: to start either is one step.
        if at > 0 && jobs[at - 1] == job {
            continue;
        }
        match job.phase {
            Phase::Sent { .. } => actions.push(Action::Start(id, job)),
            Phase::Running => {
                actions.push(Action::End(id, job, Verdict::Ok));
                actions.push(Action::End(id, job, Verdict::Error));
                if state.postgres.events[job.event].is_cancelled(job.attempt) {
                    actions.push(Action::Abort(id, job));
                }
            }
            Phase::Ended(_) => actions.push(Action::Settle(id, job)),
            Phase::Owing(_) => actions.push(Action::Deliver(id, job)),
            Phase::Settled(_) => actions.push(Action::Tell(id, job)),
        }
    }
}

impl Executor {
    /// Sorted, and without what is settled and nobody waits for.
    pub(crate) fn tidy(&mut self) {
        self.jobs
            .retain(|job| job.owner.is_some() || !matches!(job.phase, Phase::Settled(_)));
        self.jobs.sort_unstable();
    }

    fn remove(&mut self, job: Job) {
        if let Some(at) = self.jobs.iter().position(|other| *other == job) {
            self.jobs.remove(at);
        }
    }

    fn replace(&mut self, job: Job, by: Job) {
        self.remove(job);
        self.jobs.push(by);
        self.tidy();
    }
}

/// The dispatch arrives.
pub(crate) fn start(queue: &Queue, state: &mut State, id: ExecutorId, job: Job) {
    let Phase::Sent { epoch } = job.phase else {
        return;
    };
    let executor = &mut state.executors[id];
    if queue.has(Guard::RefuseOlderEpoch) && epoch < executor.epoch {
        executor.remove(job);
        if let Some(owner) = job.owner {
            owner::refused(queue, state, owner, job);
        }
        return;
    }
    executor.epoch = executor.epoch.max(epoch);
    let runs = |other: &Job| other.is_started() && other.is_of(job.event, job.attempt);
    if queue.has(Guard::RefuseRunning) && executor.jobs.iter().any(runs) {
        // "It runs here already": who sent this waits for that run's answer.
        executor.remove(job);
        if let (Some(running), Some(_)) =
            (executor.jobs.iter_mut().find(|job| runs(job)), job.owner)
        {
            running.owner = job.owner;
        }
        executor.tidy();
        return;
    }
    let usurped = state.postgres.lease.holder.is_some_and(|holder| {
        state.owns(holder)
            && epoch < state.postgres.lease.epoch
            && state.owners[holder].links[id] == Link::Up
    });
    let started = Job {
        phase: Phase::Running,
        usurped,
        ..job
    };
    state.executors[id].replace(job, started);
    if queue.has_lost_nothing(state) {
        let runs = &mut state.runs[job.event][usize::from(job.attempt) - 1];
        *runs = 2.min(*runs + 1);
    }
}

pub(crate) fn end(state: &mut State, id: ExecutorId, job: Job, verdict: Verdict) {
    let ended = Job {
        phase: Phase::Ended(verdict),
        ..job
    };
    state.executors[id].replace(job, ended);
}

pub(crate) fn settle(queue: &Queue, state: &mut State, id: ExecutorId, job: Job) {
    let Some((kind, won)) = commit(queue, state, job) else {
        return;
    };
    let told = if won || !queue.has(Guard::AnswerWhatWasWritten) {
        Told::Wrote(kind)
    } else {
        Told::Superseded
    };
    let phase = if won && !queue.has(Guard::OneTransaction) {
        Phase::Owing(told)
    } else {
        Phase::Settled(told)
    };
    state.executors[id].replace(job, Job { phase, ..job });
}

/// The settling transaction: what it says, and whether its row was inserted.
pub(crate) fn commit(queue: &Queue, state: &mut State, job: Job) -> Option<(Kind, bool)> {
    let Phase::Ended(verdict) = job.phase else {
        return None;
    };
    let kind = match verdict {
        Verdict::Ok => Kind::Ok,
        Verdict::Error => queue.after_error(job.attempt),
        Verdict::Cancelled => Kind::Dead,
    };
    let facts = &mut state.postgres.events[job.event];
    let outcome = Outcome {
        attempt: job.attempt,
        kind,
        cause: Cause::Run,
    };
    Some((kind, queue.settle(facts, job.event, outcome)))
}

pub(crate) fn deliver(state: &mut State, id: ExecutorId, job: Job) {
    let Phase::Owing(told) = job.phase else {
        return;
    };
    if let Told::Wrote(kind) = told {
        Queue::deliver(&mut state.postgres.events[job.event], job.event, kind);
    }
    state.executors[id].replace(
        job,
        Job {
            phase: Phase::Settled(told),
            ..job
        },
    );
}

pub(crate) fn tell(queue: &Queue, state: &mut State, id: ExecutorId, job: Job) {
    state.executors[id].remove(job);
    let (Phase::Settled(told), Some(owner)) = (job.phase, job.owner) else {
        return;
    };
    let waits = Knowledge::Running {
        executor: id,
        attempt: job.attempt,
    };
    if state.owners[owner].memory[job.event] == waits {
        knowledge::told(queue, state, owner, job, told);
    }
}

/// The run of a cancelled event ends without an outcome: the cancel wrote it.
pub(crate) fn abort(state: &mut State, id: ExecutorId, job: Job) {
    let aborted = Job {
        phase: Phase::Settled(Told::Superseded),
        ..job
    };
    state.executors[id].replace(job, aborted);
}
