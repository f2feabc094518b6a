//! Once nothing goes wrong any more, the system settles everything, in whatever order its steps come.

use queue_model::{Queue, progress, promise};
use stateright::{Checker, Model};

use crate::{listed, worlds};

fn check(queue: Queue) {
    let found = progress::explore(&queue);
    if let Some(circle) = found.circle {
        panic!("the system can go round for ever:{}", listed(&circle));
    }
    let checker = queue.checker().symmetry().spawn_dfs().join();
    assert_eq!(
        found.states,
        checker.unique_state_count(),
        "the checker saw other states"
    );
    if let Some(path) = checker.discovery(promise::ENDS_SETTLED) {
        panic!(
            "it ends with something unsettled:{}",
            listed(&path.into_actions())
        );
    }
    eprintln!(
        "{} states, at most {} steps to an end",
        found.states, found.longest
    );
}

#[test]
fn takeovers_come_to_an_end() {
    check(worlds::takeovers(1));
}

#[test]
fn losses_come_to_an_end() {
    check(worlds::losses(1));
}

#[test]
fn zombies_come_to_an_end() {
    check(worlds::zombie(0));
}

#[test]
fn cancels_come_to_an_end() {
    check(worlds::cancels(0));
}

#[test]
fn two_events_come_to_an_end() {
    check(worlds::two_events_and_a_zombie(0));
}
