//! Every promise holds in every state, and the situations that it is about do come up.

use queue_model::Queue;
use queue_model::promise::PROMISES;
use queue_model::situation;
use stateright::{Checker, Model};

use crate::{listed, worlds};

/// Explores all of it.
fn check(queue: Queue, situations: &[&str]) {
    let checker = queue.checker().symmetry().spawn_dfs().join();
    let states = checker.unique_state_count();
    eprintln!(
        "{states} states, {} steps, longest way {}",
        checker.state_count(),
        checker.max_depth()
    );
    let mut found = checker.discoveries();
    for (promise, _) in PROMISES {
        if let Some(path) = found.remove(promise) {
            panic!("not true that {promise}:{}", listed(&path.into_actions()));
        }
    }
    let missing: Vec<_> = situations
        .iter()
        .filter(|name| !found.contains_key(*name))
        .collect();
    assert!(
        missing.is_empty(),
        "never seen, so not checked: {missing:#?}"
    );
}

#[test]
fn takeovers_and_wipes() {
    check(
        worlds::takeovers(2),
        &[
            situation::ALL_ATTEMPTS_USED,
            situation::ZOMBIE_REFUSED,
            situation::RUN_ADOPTED,
            situation::HINT_TOO_LATE,
        ],
    );
}

#[test]
fn lost_executors() {
    check(
        worlds::losses(2),
        &[
            situation::ALL_ATTEMPTS_USED,
            situation::RUNNING_REFUSED,
            situation::RUN_ADOPTED,
            situation::RUN_TOO_LATE,
            situation::POISON_GUARD_ACTED,
        ],
    );
}

#[test]
fn a_zombie_among_lost_executors() {
    check(
        worlds::zombie(1),
        &[
            situation::ZOMBIE_REFUSED,
            situation::RUNNING_REFUSED,
            situation::RUN_ADOPTED,
            situation::RUN_TOO_LATE,
            situation::POISON_GUARD_ACTED,
        ],
    );
}

#[test]
fn cancels_and_ages() {
    check(
        worlds::cancels(1),
        &[
            situation::ZOMBIE_REFUSED,
            situation::CANCELLED_WHILE_RUNNING,
            situation::KILLED_FOR_USER,
        ],
    );
}

#[test]
fn two_events_and_a_zombie() {
    check(
        worlds::two_events_and_a_zombie(1),
        &[
            situation::ALL_ATTEMPTS_USED,
            situation::ZOMBIE_REFUSED,
            situation::RUN_ADOPTED,
            situation::HINT_TOO_LATE,
        ],
    );
}

#[test]
fn two_events_and_deaths() {
    check(
        worlds::two_events_and_deaths(),
        &[
            situation::ALL_ATTEMPTS_USED,
            situation::RUN_ADOPTED,
            situation::HINT_TOO_LATE,
        ],
    );
}
