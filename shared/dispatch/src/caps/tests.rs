use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{TimeDelta, TimeZone as _};
use domain::bill::cap::counted_e10;
use domain::{Architecture, Egress, Version};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use rpc::executor::InvokeReply;
use store::caps::CapMonth;
use tokio::task::JoinSet;

use super::*;
use crate::Ended;

const CENT: i64 = 100_000_000;
/// 128 MB for 100 ms, and its request.
const COST: i64 = 2_084 + 2_000;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 5, 12, 0, 0).unwrap()
}

fn account() -> AccountId {
    AccountId::new(7).unwrap()
}

fn spec() -> FunctionSpec {
    FunctionSpec {
        spec_id: "s".to_owned(),
        account: account(),
        region: "us-east-1".parse().unwrap(),
        name: "f".parse().unwrap(),
        version: Version::Latest,
        runtime: "python3.11".to_owned(),
        handler: String::new(),
        architecture: Architecture::X86_64,
        memory_mb: 128,
        timeout_s: 3,
        ephemeral_mb: 512,
        egress: Egress::default(),
        environment: BTreeMap::new(),
        code_sha256: String::new(),
        code_size: 0,
    }
}

/// A Redis that is not asked for anything here, but by a throttled run: that one goes on without it.
fn nobody() -> ConnectionManager {
    let client = redis::Client::open("redis://127.0.0.1:1/").unwrap();
    ConnectionManager::new_lazy_with_config(client, ConnectionManagerConfig::new()).unwrap()
}

/// A process that runs functions.
fn process(store: &Store, clock: &Clock) -> Caps {
    Caps::new(
        store.clone(),
        Admission::new(nobody(), "test"),
        clock.clone(),
        Ids,
    )
}

async fn store_with(limit_e10: i64, action: &str) -> Store {
    let store = store::testing::store().await.unwrap();
    store
        .create_account(account(), "seven", now())
        .await
        .unwrap();
    store.seed_prices().await.unwrap();
    let cap = Cap {
        id: Ids.random(),
        scope: Scope::Account,
        limit_e10,
        currency: "USD".parse().unwrap(),
        action: action.parse().unwrap(),
    };
    store.set_cap(account(), &cap, 0, now()).await.unwrap();
    store
}

async fn capped(caps: &Caps) -> Capped {
    let spec = spec();
    caps.of(account(), &spec.region, &spec.name).await.unwrap()
}

async fn month(store: &Store, at: DateTime<Utc>) -> CapMonth {
    let mut months = store.cap_months(None, Month::of(at)).await.unwrap();
    months.remove(0).1
}

fn ran(cost_e10: i64) -> Ended {
    Ended::Ran(Box::new(InvokeReply {
        cost_e10: Some(cost_e10),
        ..InvokeReply::default()
    }))
}

#[tokio::test]
async fn a_run_holds_its_most_and_leaves_its_cost() {
    let (store, clock) = (store_with(CENT, "stop").await, Clock::frozen(now()));
    let caps = process(&store, &clock);
    let capped = capped(&caps).await;
    let mut hold = caps.hold(&capped, &spec(), 1).await.unwrap();
    hold.start();
    assert!(month(&store, now()).await.held_e10 >= 272_857);
    hold.settle(&ran(COST));
    // One that nobody took costs nothing; one that was lost costs all it could.
    let mut hold = caps.hold(&capped, &spec(), 1).await.unwrap();
    hold.start();
    hold.settle(&Ended::NoRoom);
    let mut hold = caps.hold(&capped, &spec(), 1).await.unwrap();
    hold.start();
    drop(hold);
    // One that never started costs nothing either.
    drop(caps.hold(&capped, &spec(), 1).await.unwrap());
    caps.leave().await;
    assert!(caps.is_empty());
    let after = month(&store, now()).await;
    assert_eq!(
        (after.held_e10, after.settled_e10),
        (0, counted_e10(COST) + 272_857)
    );
}

#[tokio::test]
async fn at_the_end_of_a_month_a_run_is_held_in_both() {
    let store = store_with(CENT, "stop").await;
    let border = Utc.with_ymd_and_hms(2026, 12, 1, 0, 0, 0).unwrap();
    let clock = Clock::frozen(border - TimeDelta::seconds(12));
    let caps = process(&store, &clock);
    let capped = capped(&caps).await;
    let mut hold = caps.hold(&capped, &spec(), 1).await.unwrap();
    hold.start();
    hold.settle(&ran(COST));
    let late = process(&store, &Clock::frozen(border - TimeDelta::seconds(2)));
    let mut hold = late.hold(&capped, &spec(), 1).await.unwrap();
    hold.start();
    hold.settle(&ran(COST));
    caps.leave().await;
    late.leave().await;
    // Nobody knows on which side of midnight the second one ended: it is counted on both.
    assert_eq!(
        month(&store, now()).await.settled_e10,
        2 * counted_e10(COST)
    );
    assert_eq!(month(&store, border).await.settled_e10, counted_e10(COST));
}

#[tokio::test]
async fn caps_that_do_not_stop_count_what_goes_beyond() {
    for (action, at_once) in [("alert", 2), ("throttle:1", 1)] {
        let (store, clock) = (store_with(1, action).await, Clock::frozen(now()));
        let caps = process(&store, &clock);
        let capped = capped(&caps).await;
        let mut first = caps.hold(&capped, &spec(), 1).await.unwrap();
        first.start();
        let second = caps.hold(&capped, &spec(), 1).await;
        assert_eq!(1 + usize::from(second.is_ok()), at_once, "{action}");
        first.settle(&ran(COST));
        drop(second);
        let mut third = caps.hold(&capped, &spec(), 1).await.unwrap();
        third.start();
        third.settle(&ran(COST));
        caps.leave().await;
        let after = month(&store, now()).await;
        assert_eq!(
            (after.settled_e10, after.beyond_e10),
            (0, 2 * counted_e10(COST)),
            "{action}"
        );
        assert_eq!(after.reached_at, Some(now()));
    }
}

/// Processes work at once, some die with all they hold; others come. What ran never costs more than the limit, and nearly all of
/// the limit can be used.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_with_deaths_never_overruns_and_uses_nearly_all() {
    let limit = 10 * CENT;
    let (store, clock) = (store_with(limit, "stop").await, Clock::frozen(now()));
    let spent = Arc::new(AtomicI64::new(0));
    let mut lives = JoinSet::new();
    for life in 0..6_u32 {
        let (store, clock, spent) = (store.clone(), clock.clone(), Arc::clone(&spent));
        lives.spawn(async move {
            let caps = process(&store, &clock);
            let capped = capped(&caps).await;
            let mut workers = JoinSet::new();
            for worker in 0..4 {
                let (caps, capped, spent) = (caps.clone(), capped.clone(), Arc::clone(&spent));
                workers.spawn(async move {
                    let mut runs = 0_u32;
                    while let Ok(mut hold) = caps.hold(&capped, &spec(), 1).await {
                        hold.start();
                        // It ran and is billed, whether or not its process lives to hear of it.
                        spent.fetch_add(COST, Ordering::Relaxed);
                        runs += 1;
                        if life % 3 == 2 && runs == 2_000 {
                            std::mem::forget(hold);
                            return;
                        }
                        if runs % 64 == worker {
                            tokio::task::yield_now().await;
                        }
                        hold.settle(&ran(COST));
                    }
                });
            }
            workers.join_all().await;
            if life % 3 != 2 {
                caps.leave().await;
            }
        });
    }
    lives.join_all().await;
    let after = month(&store, now()).await;
    assert!(after.held_e10 + after.settled_e10 <= limit);
    store.forfeit_leases(0).await.unwrap();
    // Whoever comes last finds what the others gave back.
    let caps = process(&store, &clock);
    let capped = capped(&caps).await;
    while let Ok(mut hold) = caps.hold(&capped, &spec(), 1).await {
        hold.start();
        spent.fetch_add(COST, Ordering::Relaxed);
        hold.settle(&ran(COST));
    }
    caps.leave().await;
    let (after, spent) = (month(&store, now()).await, spent.load(Ordering::Relaxed));
    assert!(
        spent <= after.settled_e10 && after.settled_e10 <= limit,
        "{spent} {after:?}"
    );
    assert!(spent * 100 >= limit * 98, "{spent} {after:?}");
}
