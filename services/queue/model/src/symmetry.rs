//! Owners are alike, and so are executors: of states that differ only in who is who, one is explored.

use stateright::Representative;

use crate::bounds::{EVENTS, EXECUTORS, OWNERS};
use crate::state::{Executor, ExecutorId, Knowledge, Link, OwnerId, State};

// Two of each: to exchange them is all that can be done.
const _: () = assert!(OWNERS == 2 && EXECUTORS == 2);

impl Representative for State {
    /// Owners in the order of their epochs, executors in that of what they hold and of what the owners think of them.
    fn representative(&self) -> Self {
        let mut state = self.clone();
        // Two that believe nothing are the same, and which of them held the lease makes no difference.
        let [first, second] = state.owners.map(|owner| owner.epoch);
        let lapsed =
            (first, second) == (None, None) && state.postgres.lease.holder == Some(OwnerId(1));
        if first > second || lapsed {
            state.exchange_owners();
        }
        if state.sort_key(0) > state.sort_key(1) {
            state.exchange_executors();
        }
        state
    }
}

/// An executor, and every owner's link to it and attempts that run on it.
type SortKey<'a> = (&'a Executor, [(Link, [u8; EVENTS]); OWNERS]);

impl State {
    fn sort_key(&self, executor: u8) -> SortKey<'_> {
        let at = usize::from(executor);
        let runs = |known: Knowledge| match known {
            Knowledge::Running {
                executor: ExecutorId(id),
                attempt,
            } if id == executor => attempt,
            _ => 0,
        };
        let views = self
            .owners
            .map(|owner| (owner.links[at], owner.memory.map(runs)));
        (&self.executors[at], views)
    }

    fn exchange_owners(&mut self) {
        let other = |id: OwnerId| OwnerId(1 - id.0);
        self.owners.swap(0, 1);
        self.postgres.lease.holder = self.postgres.lease.holder.map(other);
        for executor in &mut self.executors {
            for job in &mut executor.jobs {
                job.owner = job.owner.map(other);
            }
            executor.tidy();
        }
    }

    fn exchange_executors(&mut self) {
        self.executors.swap(0, 1);
        for owner in &mut self.owners {
            owner.links.swap(0, 1);
            for known in &mut owner.memory {
                if let Knowledge::Running { executor, .. } = known {
                    *executor = ExecutorId(1 - executor.0);
                }
            }
        }
    }
}
