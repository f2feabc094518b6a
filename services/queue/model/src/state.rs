//! The state of the whole system: what is durable, what Redis hints at, and what each process holds in memory.

use crate::bounds::{ATTEMPTS, EVENTS, EXECUTORS, Faults, OWNERS};
pub use crate::id::{EventId, ExecutorId, OwnerId};

/// Everything that decides what can happen next, and what of the past the promises are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// One request per event, in the gateway that serves it.
    pub requests: [Request; EVENTS],
    pub postgres: Postgres,
    /// Redis: the entry of an event in its shard's stream.
    pub redis: [Hint; EVENTS],
    pub owners: [Owner; OWNERS],
    pub executors: [Executor; EXECUTORS],
    /// What may still go wrong.
    pub left: Faults,
    /// Seen by the model only: how often each attempt was started, counted up to 2, and only until an executor is lost to
    /// an owner for the first time. From then on a second run is allowed.
    pub runs: [[u8; ATTEMPTS]; EVENTS],
}

/// How far a gateway is with `Invoke` of type `Event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// Not committed.
    New,
    /// The row is committed, the client does not know it yet.
    Committed,
    /// 202 is sent, the hint is not.
    Answered,
    /// Served. The client got its 202.
    Done,
    /// The gateway died; the client saw its connection break.
    Broken,
    /// No such request: outside of the bounds.
    Never,
}

/// The facts, of one shard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Postgres {
    pub lease: Lease,
    pub events: [Facts; EVENTS],
}

/// The shard's row in `shard_lease`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    /// Who took it last.
    pub holder: Option<OwnerId>,
    /// Counts the takings.
    pub epoch: u8,
    /// `expires_at` has passed.
    pub expired: bool,
}

/// All rows that concern one event.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Facts {
    /// Its row in the invocation ring.
    pub accepted: bool,
    /// Its id is old enough for the sweep to take it: the moment in which its hint is on the way has passed.
    pub aged: bool,
    /// Its rows in the outcome ring, in the order of their commits.
    pub outcomes: Vec<Outcome>,
    /// Executions that were charged.
    pub charges: u8,
    /// Destination events.
    pub deliveries: u8,
    /// Losses of an executor while it ran the attempt: `attempt_loss`.
    pub losses: [u8; ATTEMPTS],
}

/// A row in the outcome ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outcome {
    /// From 1.
    pub attempt: u8,
    pub kind: Kind,
    pub cause: Cause,
}

/// What an outcome means for its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Ok,
    /// The next attempt may start.
    Retry,
    Dead,
}

/// Where an outcome comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// An executor, about its own run. The only one that is charged.
    Run,
    /// A user's cancel of an event.
    Cancelled,
    /// The owner: too old, or nothing may run.
    Expired,
    /// The owner: the attempt lost its executor too often.
    Lost,
}

/// An event's entry in the shard's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hint {
    Absent,
    /// Added, and not delivered to any owner.
    New,
    /// Delivered to the group's one consumer and not acknowledged. A new owner finds it in its "own" history.
    Pending,
}

/// The memory of a replica of the queue service. A dead one that comes back is one that remembers nothing, so death and
/// restart are one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The epoch in which it believes to own the shard, rightly or not.
    pub epoch: Option<u8>,
    pub links: [Link; EXECUTORS],
    pub memory: [Knowledge; EVENTS],
    /// What a sweep has found due and has not brought yet: the query is under way.
    pub swept: [Option<Due>; EVENTS],
}

/// An attempt that a query found due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Due {
    pub attempt: u8,
    pub seen: Seen,
}

/// An owner's connection to an executor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// None, and the takeover does not wait for it.
    #[default]
    Down,
    /// None yet: the takeover waits for the executor's running set.
    Awaited,
    /// There is one, and the executor has said over it what it runs.
    Up,
}

/// What an owner knows of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Knowledge {
    /// Nothing, or no longer anything.
    #[default]
    Unknown,
    /// It may be due, at this attempt as far as is known, and the outcomes must be asked first.
    Found { attempt: u8 },
    /// The attempt is to be dispatched. A retry waits here for its time.
    Ready(Due),
    /// Dispatched to, or announced by, the executor.
    Running { executor: ExecutorId, attempt: u8 },
}

/// Seen by the model only: what Postgres held when an owner that rightly owned the shard decided to dispatch an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seen {
    /// Nothing against it.
    Open,
    /// An outcome of this attempt, or a terminal one.
    Settled,
    /// As many losses as the poison guard allows.
    Poisoned,
}

/// The memory of an executor. As with owners, death and restart are one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Executor {
    /// The highest epoch it has heard of.
    pub epoch: u8,
    /// Sorted.
    pub jobs: Vec<Job>,
}

/// An attempt at an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Job {
    pub event: EventId,
    pub attempt: u8,
    pub phase: Phase,
    /// Who gets the answer. Nobody once the connection is broken.
    pub owner: Option<OwnerId>,
    /// Seen by the model only: what held when it was decided.
    pub seen: Seen,
    /// Seen by the model only: it was started although the shard's owner, of a later epoch, had been here.
    pub usurped: bool,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The dispatch is on its way or in a buffer, and may outlive its connection there.
    Sent { epoch: u8 },
    /// The handler runs: from here on it has effects.
    Running,
    /// The handler has ended, nothing is committed.
    Ended(Verdict),
    /// Reached only without [`crate::Guard::OneTransaction`]: the outcome is committed, its destination event is not.
    Owing(Told),
    /// Committed, the answer is on its way.
    Settled(Told),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    Ok,
    /// A function error, a timeout included.
    Error,
    /// Killed at a user's request.
    Cancelled,
}

/// What an executor answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Told {
    /// The outcome that it wrote.
    Wrote(Kind),
    /// Another outcome was there first.
    Superseded,
}

impl State {
    /// Nothing has happened.
    pub fn start(events: usize, left: Faults) -> Self {
        let request = |event| {
            if event < events {
                Request::New
            } else {
                Request::Never
            }
        };
        Self {
            requests: std::array::from_fn(request),
            postgres: Postgres {
                lease: Lease {
                    holder: None,
                    epoch: 0,
                    expired: true,
                },
                events: Default::default(),
            },
            redis: [Hint::Absent; EVENTS],
            owners: Default::default(),
            executors: Default::default(),
            left,
            runs: Default::default(),
        }
    }

    /// All that is at executors.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.executors.iter().flat_map(|executor| &executor.jobs)
    }

    /// Whether this replica is who the lease's row says, and not a zombie of an earlier epoch.
    pub fn owns(&self, owner: OwnerId) -> bool {
        self.owners[owner].epoch == Some(self.postgres.lease.epoch)
    }
}

impl Owner {
    /// Every executor has said what it runs, or is not waited for.
    pub fn has_taken_over(&self) -> bool {
        self.epoch.is_some() && !self.links.contains(&Link::Awaited)
    }
}

impl Job {
    /// The executor has taken it on.
    pub fn is_started(&self) -> bool {
        !matches!(self.phase, Phase::Sent { .. })
    }

    /// It is about this attempt.
    pub fn is_of(&self, event: EventId, attempt: u8) -> bool {
        self.event == event && self.attempt == attempt
    }
}
