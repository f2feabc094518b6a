//! Events of the queue over time, and over what breaks. What clients see of them otherwise: `clients/async_invoke.py`.

use std::collections::BTreeMap;

use crate::apart::Apart;
use crate::bed::{Account, Bed, text_of};
use crate::faults::{usage, wait_until};

/// A platform whose clock can be moved.
fn movable() -> Bed {
    Bed::own_with(&[("TOLLGATE_DEV_CLOCK", "true")])
}

#[test]
fn events_fall_due_and_grow_old() {
    let bed = movable();
    let account = bed.account();
    for case in [
        "retries",
        "too_old_for_its_turn",
        "functions_come_and_go",
        "cancelled_while_it_waits",
        "days_go_by",
    ] {
        bed.client(&account, "events_time.py", case);
    }
}

/// Runs a case that keeps its events' ids in a file from one run to the next.
fn with_ledger(bed: &Bed, account: &Account, script: &str, case: &str, ledger: &std::path::Path) {
    let mut client = bed.command(account, script, case);
    let output = client.env("LEDGER", ledger).output().expect("python runs");
    text_of(&output, case);
}

/// Cases of events while services come and go, which keep their events' ids together.
fn cases(account: &Account) -> impl Fn(&Apart, &str) {
    move |apart, case| {
        let ledger = apart.gateway.data_dir.with_extension("events");
        with_ledger(&apart.gateway, account, "events_apart.py", case, &ledger);
    }
}

/// `kill -9` of everything, with events in every state.
#[test]
fn a_kill_loses_no_event() {
    let mut bed = movable();
    let account = bed.account();
    let ledger = bed.data_dir.with_extension("events");
    with_ledger(&bed, &account, "events_time.py", "leave_work", &ledger);
    let work = bed.kill();
    bed.start();
    with_ledger(&bed, &account, "events_time.py", "nothing_is_lost", &ledger);
    assert!(bed.stop().success());
    drop(work);
}

/// An account that sends a flood does not keep the others waiting.
#[test]
fn a_flood_is_its_senders_own() {
    let bed = Bed::own();
    let (flooding, other) = (bed.account(), bed.account());
    let mut client = bed.command(&other, "events_apart.py", "beside_a_flood");
    client
        .env("OTHER_ACCESS_KEY_ID", &flooding.access_key_id)
        .env("OTHER_SECRET_ACCESS_KEY", &flooding.secret);
    text_of(&client.output().expect("python runs"), "beside_a_flood");
}

/// Replicas share the queue out; when one is killed, the other goes on with all of it. Nor does a Redis that forgets everything
/// lose an event.
#[test]
fn replicas_of_the_queue_come_and_go() {
    let mut apart = Apart::start(1);
    let account = apart.gateway.account();
    let run = cases(&account);
    // Before there is any queue, events are accepted all the same.
    run(&apart, "send");
    let first = apart.start_queue();
    wait_until("one has all shards", || apart.shards() == [32]);
    let second = apart.start_queue();
    let shared = |apart: &Apart| {
        let shards = apart.shards();
        shards.iter().sum::<u32>() == 32 && !shards.contains(&0)
    };
    wait_until("two share them out", || shared(&apart));
    run(&apart, "send");
    apart.kill_queue(first);
    run(&apart, "all_ended");
    wait_until("the other has all shards", || apart.shards() == [32]);

    let third = apart.start_queue();
    wait_until("another takes its part", || shared(&apart));
    run(&apart, "send");
    apart.wipe_redis();
    run(&apart, "send");
    run(&apart, "all_ended");
    // Given back, shards need not lapse.
    run(&apart, "send");
    apart.stop_queue(second);
    run(&apart, "all_ended");
    wait_until("the other has all shards", || apart.shards() == [32]);
    apart.stop_queue(third);
}

/// An attempt that outlives its owner ends for nobody; the retry that follows is made in time by the next owner.
#[test]
fn a_retry_follows_whoever_owned_the_attempt() {
    let mut apart = Apart::start(1);
    let account = apart.gateway.account();
    let run = cases(&account);
    let first = apart.start_queue();
    run(&apart, "start_one_that_fails");
    apart.kill_queue(first);
    let second = apart.start_queue();
    wait_until("the other has all shards", || apart.shards() == [32]);
    run(&apart, "retried_in_time");
    apart.stop_queue(second);
}

/// What ran on an executor that dies runs again, as the same attempt; an event that takes executor after executor along is
/// given up. Neither is charged for what was lost.
#[tokio::test]
async fn executors_die_with_events() {
    let mut apart = Apart::start(1);
    let queue = apart.start_queue();
    let account = apart.gateway.account();
    let run = cases(&account);
    run(&apart, "start_one");
    apart.kill_executor(0);
    apart.start_executor(0);
    run(&apart, "ran_again");
    run(&apart, "start_a_killer");
    for _ in 0..3 {
        run(&apart, "runs");
        apart.kill_executor(0);
        apart.start_executor(0);
    }
    run(&apart, "given_up");
    apart.stop_queue(queue);
    apart.stop_executors();
    let requests = |(name, skus): (String, BTreeMap<String, i128>)| (name, skus["requests"]);
    let charged: BTreeMap<String, i128> = usage(&apart, &account)
        .await
        .into_iter()
        .map(requests)
        .collect();
    let want = [("ill", 1), ("steady", 1)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(charged, BTreeMap::from(want));
    let balance = apart.store().await.usage_balance().await;
    assert!(balance.expect("a balance").holds());
}
