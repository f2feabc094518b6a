//! The queue as a model that a checker explores: every order in which its steps can happen, with everything that may go
//! wrong in between.
//!
//! The model is of the protocol between gateway, queue, executor, Postgres and Redis: who may decide what, on what
//! grounds, and what is one transaction. A change of the protocol is tried here first, and a guard that looks superfluous
//! in the code is looked up in [`Guard`].
//!
//! # What stands for what
//!
//! | here | in the product |
//! |---|---|
//! | [`state::Request`], `gateway.rs` | an `Event` invocation in its gateway: group commit, 202, XADD, in this order |
//! | [`state::Postgres`] | one shard's row in `shard_lease` and, per event, [`state::Facts`] |
//! | [`state::Facts::outcomes`] | rows of the event in the outcome ring, primary key (id, attempt) |
//! | `Queue::settle` in `postgres.rs` | the settling transaction: outcome, destination event, usage |
//! | [`state::Facts::losses`] | `attempt_loss` |
//! | [`State::redis`] | entries of the shard's stream; [`state::Hint::Pending`]: in the group's list of pending ones |
//! | [`state::Owner`], `owner.rs`, `knowledge.rs` | a queue replica: lease, takeover, ready and running events, retries that wait |
//! | [`state::Owner::swept`] | a query of the sweep or the feeder that is under way |
//! | [`state::Link`] | a connection to an executor, and whether the executor has said over it what it runs |
//! | [`state::Executor`], `executor.rs` | an executor's asynchronous runs, and the epochs that it has heard of |
//! | [`state::Phase::Sent`] | a dispatch in a socket's buffer, which may outlive its connection |
//! | `world.rs` | time, users, and what goes wrong: [`Faults`] |
//!
//! A step ([`Action`]) is what is atomic in the product: a transaction, a message's arrival, a change in one process's
//! memory. Between any two steps any other can happen, so a slow process is one whose step comes late. A zombie is an
//! owner whose [`Action::Notice`] comes late; it goes on reading hints, sweeping and dispatching until then.
//!
//! What an attempt's kinds of waiting have in common is that they end: a retry's delay, a throttle's backoff, a lack of
//! slots and fair queuing are an event that stays [`state::Knowledge::Ready`] for a while. So the model has no clock,
//! except that an event becomes old enough for the sweep ([`Action::Age`]) and that a lease ends.
//!
//! # What is shown
//!
//! [`promise`] lists what holds in every state. That nothing accepted is lost is shown in two parts, without an assumption
//! of fairness: [`progress`] finds no circle in what the system does by itself, so that it comes to where nothing is left
//! to do, however its steps are ordered; and there all that was accepted is settled ([`promise::ENDS_SETTLED`]). (The
//! checker's own `eventually` is not used: it takes no notice of circles.) A wipe of Redis changes none of it: no promise
//! reads [`State::redis`], and the wipe is among the faults.
//!
//! [`situation`] lists what has to come up on the way for that to mean something, and [`Guard`] what breaks without each
//! guard.
//!
//! # What is left out
//!
//! Shards other than one (they share nothing), credits and fairness, concurrency limits, payloads, the reuse of ring
//! tables, redrives (new events), idempotency keys (an answer without a new event), the registry of executors in Redis
//! (to lose sight of an executor is [`Action::Break`]), and the spool: an executor that dies before its commit has not run
//! as far as the model knows. Postgres keeps what it has committed.

mod action;
pub mod bounds;
mod executor;
mod gateway;
mod guards;
mod id;
mod knowledge;
mod owner;
mod postgres;
pub mod progress;
pub mod promise;
pub mod situation;
pub mod state;
mod symmetry;
mod world;

use stateright::{Model, Property};

pub use action::Action;
pub use bounds::{Bounds, Faults};
pub use guards::Guard;
pub use state::State;

/// The queue, in a world of some size, with all its guards or without one.
#[derive(Clone, Debug)]
pub struct Queue {
    pub bounds: Bounds,
    /// The guard that is taken away.
    pub without: Option<Guard>,
}

impl Queue {
    pub(crate) fn has(&self, guard: Guard) -> bool {
        self.without != Some(guard)
    }

    /// How often an owner has lost an executor so far.
    pub(crate) fn losses(&self, state: &State) -> u8 {
        let lost = |faults: Faults| faults.executor_deaths + faults.breaks;
        lost(self.bounds.faults) - lost(state.left)
    }

    pub(crate) fn has_lost_nothing(&self, state: &State) -> bool {
        self.losses(state) == 0
    }
}

impl Model for Queue {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::start(self.bounds.events, self.bounds.faults)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.work(state, actions);
        self.interference(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        self.step(&mut next, action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let always = |(name, holds)| Property::always(name, holds);
        let sometimes = |(name, holds)| Property::sometimes(name, holds);
        let situations = situation::SITUATIONS.map(sometimes);
        promise::PROMISES
            .map(always)
            .into_iter()
            .chain(situations)
            .collect()
    }
}
