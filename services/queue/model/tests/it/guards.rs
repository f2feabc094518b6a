//! Each guard is needed: without it, and with the fewest faults that make it matter, what it protects breaks.

use queue_model::promise::{COMES_TO_AN_END, PROMISES};
use queue_model::{Action, Faults, Guard, Queue, progress};
use stateright::{Checker, HasDiscoveries, Model};

use crate::listed;
use crate::worlds::guarded;

/// What has to go wrong for the guard to matter. Several guards are needed when nothing at all goes wrong.
fn faults(guard: Guard) -> Faults {
    let none = Faults::NONE;
    match guard {
        Guard::AnswerAfterCommit
        | Guard::OneTransaction
        | Guard::CheckLateHints
        | Guard::DropOvertakenSweeps => none,
        Guard::Sweep => Faults { wipes: 1, ..none },
        Guard::OutcomeAfterRetry => Faults { cancels: 1, ..none },
        Guard::ChargeWithOutcome => Faults {
            unsure_commits: 1,
            ..none
        },
        Guard::AnswerWhatWasWritten
        | Guard::OutcomePrimaryKey
        | Guard::DestinationWithOutcome
        | Guard::CheckBeforeRedispatch
        | Guard::RefuseRunning => Faults { breaks: 1, ..none },
        Guard::RefuseOlderEpoch | Guard::LeaveWhenRefused | Guard::AnnounceBeforeCheck => {
            Faults { pauses: 1, ..none }
        }
        Guard::AnnounceAtTakeover => Faults {
            owner_deaths: 1,
            ..none
        },
        Guard::LossKeepsAttempt => Faults {
            executor_deaths: 1,
            ..none
        },
        Guard::CountOwnersLosses => Faults {
            pauses: 1,
            executor_deaths: 1,
            ..none
        },
        Guard::PoisonGuard => Faults {
            executor_deaths: 2,
            ..none
        },
    }
}

/// A short way to break the promise.
fn counterexample(queue: &Queue, promise: &'static str) -> Option<Vec<Action>> {
    if promise == COMES_TO_AN_END {
        return progress::explore(queue).circle;
    }
    let until = || HasDiscoveries::AnyOf([promise].into());
    // In these worlds no way without a circle is longer.
    (1..60).find_map(|depth| {
        let checker = queue.clone().checker().symmetry().finish_when(until());
        let checker = checker.target_max_depth(depth).spawn_dfs().join();
        checker
            .discovery(promise)
            .map(stateright::Path::into_actions)
    })
}

#[test]
fn without_a_guard_what_it_protects_breaks() {
    for guard in Guard::ALL {
        let queue = Queue {
            without: Some(guard),
            ..guarded(1, 2, faults(guard))
        };
        for promise in guard.protects() {
            let Some(actions) = counterexample(&queue, promise) else {
                panic!("without {guard:?} it is still true that {promise}")
            };
            eprintln!(
                "without {guard:?} it is not true that {promise}:{}",
                listed(&actions)
            );
        }
    }
}

#[test]
fn with_all_guards_the_same_breaks_nothing() {
    for guard in Guard::ALL {
        let queue = guarded(1, 2, faults(guard));
        let circle = progress::explore(&queue).circle;
        assert_eq!(circle, None, "what could go wrong without {guard:?} did");
        let found = queue.checker().symmetry().spawn_dfs().join().discoveries();
        let broken = PROMISES
            .map(|(promise, _)| promise)
            .into_iter()
            .find(|promise| found.contains_key(promise));
        assert_eq!(broken, None, "what could go wrong without {guard:?} did");
    }
}
