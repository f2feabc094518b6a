//! What can happen next.

use crate::state::{EventId, ExecutorId, Job, OwnerId, State, Verdict};
use crate::{Queue, executor, gateway, knowledge, owner, world};

/// One step. Each is atomic in the product too: a transaction, a message's arrival, or a change of one process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    // The gateway.
    /// The group commit that holds the event's row.
    Commit(EventId),
    /// 202.
    Answer(EventId),
    /// XADD.
    Hint(EventId),

    // Time.
    /// The event is old enough for the sweep.
    Age(EventId),
    /// The lease of a dead owner ends.
    LeaseEnds,

    // Owners.
    /// Takes the shard's ended lease, with the next epoch.
    Take(OwnerId),
    /// Sees that the lease is no longer its own, and forgets everything.
    Notice(OwnerId),
    /// Connects to an executor, and is told what runs there.
    Hear(OwnerId, ExecutorId),
    /// XREADGROUP delivers a new entry.
    ReadHint(OwnerId, EventId),
    /// The sweep, or the feeder, reads Postgres: the anti-join of invocations against outcomes.
    Sweep(OwnerId, EventId),
    /// What it has read reaches the owner's memory.
    Swept(OwnerId, EventId),
    /// Asks the outcomes of an event before dispatching it again.
    Check(OwnerId, EventId),
    /// Sends the attempt off.
    Dispatch(OwnerId, EventId, ExecutorId),

    // Executors.
    /// The dispatch arrives: the handler is started, or the dispatch is refused.
    Start(ExecutorId, Job),
    /// The handler ends.
    End(ExecutorId, Job, Verdict),
    /// The transaction.
    Settle(ExecutorId, Job),
    /// Only without [`crate::Guard::OneTransaction`]: a second transaction.
    Deliver(ExecutorId, Job),
    /// The answer arrives at the owner.
    Tell(ExecutorId, Job),
    /// The sandbox of a cancelled event is killed.
    Abort(ExecutorId, Job),

    // What nobody has to do.
    /// A user cancels the event: an outcome for this attempt.
    Cancel(EventId, u8),
    /// A user's cancel reaches the executor first: it kills the run, and settles it.
    CancelRun(ExecutorId, Job),
    /// The owner gives the event up.
    Expire(OwnerId, EventId),
    /// `kill -9`.
    GatewayDies(EventId),
    /// FLUSHALL.
    Wipe,
    /// `kill -9`, and a restart.
    OwnerDies(OwnerId),
    /// The lease's holder stands still until it has ended.
    Pause,
    /// `kill -9`, and a restart.
    ExecutorDies(ExecutorId),
    /// The settling transaction is committed, and its executor does not know.
    SettleUnsure(ExecutorId, Job),
    /// Owner and executor lose their connection.
    Break(OwnerId, ExecutorId),
    /// A takeover goes on without having heard from the executor.
    Skip(OwnerId, ExecutorId),
}

impl Queue {
    /// What the system does by itself. Each of these happens sooner or later while it is possible.
    pub fn work(&self, state: &State, actions: &mut Vec<Action>) {
        for event in EventId::all() {
            gateway::offer(self, state, event, actions);
        }
        for owner in OwnerId::all() {
            owner::offer(self, state, owner, actions);
        }
        for executor in ExecutorId::all() {
            executor::offer(state, executor, actions);
        }
        world::offer_time(state, actions);
    }

    /// Faults, and what users or an event's age may ask for. None of these has to happen.
    pub fn interference(&self, state: &State, actions: &mut Vec<Action>) {
        world::offer_interference(self, state, actions);
    }

    /// Does it. The action was offered in this state.
    pub fn step(&self, state: &mut State, action: Action) {
        match action {
            Action::Commit(event) | Action::Answer(event) | Action::Hint(event) => {
                gateway::step(state, action, event);
            }
            Action::Take(id) => owner::take(self, state, id),
            Action::Notice(id) => owner::leave(state, id),
            Action::Hear(id, executor) => owner::hear(self, state, id, executor),
            Action::ReadHint(id, event) => knowledge::read_hint(self, state, id, event),
            Action::Sweep(id, event) => knowledge::sweep(self, state, id, event),
            Action::Swept(id, event) => knowledge::swept(self, state, id, event),
            Action::Check(id, event) => knowledge::check(self, state, id, event),
            Action::Dispatch(id, event, executor) => {
                owner::dispatch(self, state, id, event, executor);
            }
            Action::Start(id, job) => executor::start(self, state, id, job),
            Action::End(id, job, verdict) => executor::end(state, id, job, verdict),
            Action::Settle(id, job) => executor::settle(self, state, id, job),
            Action::Deliver(id, job) => executor::deliver(state, id, job),
            Action::Tell(id, job) => executor::tell(self, state, id, job),
            Action::Abort(id, job) => executor::abort(state, id, job),
            _ => world::step(self, state, action),
        }
    }
}
