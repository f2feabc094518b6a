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
/// What 128 MB and 3 s can cost at most.
const HOLD: i64 = 272_857;

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
    assert!(month(&store, now()).await.held_e10 >= HOLD);
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
        (0, counted_e10(COST) + HOLD)
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
    assert!(spent * 100 >= limit * 99, "{spent} {after:?}");
}

/// One run, held and ended.
async fn run_once(caps: &Caps, capped: &Capped) -> Result<(), Refused> {
    let mut hold = caps.hold(capped, &spec(), 1).await?;
    hold.start();
    hold.settle(&ran(COST));
    Ok(())
}

#[tokio::test]
async fn what_was_not_needed_is_given_back_but_for_a_chunk() {
    let chunk = 10_000 * CENT / store::caps::CHUNKS;
    let (store, clock) = (
        store_with(10_000 * CENT, "stop").await,
        Clock::frozen(now()),
    );
    let caps = process(&store, &clock);
    let capped = capped(&caps).await;
    let leased = async || month(&store, now()).await.held_e10;
    let crowd = async |runs: u32| {
        let mut holds = Vec::new();
        for _ in 0..runs {
            let mut hold = caps.hold(&capped, &spec(), 1).await.unwrap();
            hold.start();
            holds.push(hold);
        }
        for hold in holds {
            hold.settle(&ran(COST));
        }
    };
    // Nearly three chunks.
    crowd(10_000).await;
    let drawn = leased().await;
    assert_eq!(drawn, 3 * chunk);
    // All of it was needed within the last second.
    caps.renew(1).await;
    assert_eq!(leased().await, drawn - 10_000 * counted_e10(COST));
    crowd(1_000).await;
    caps.renew(2).await;
    assert_eq!(leased().await, 1_000 * (HOLD - counted_e10(COST)) + chunk);
    caps.renew(3).await;
    assert_eq!(leased().await, chunk);
    run_once(&caps, &capped).await.unwrap();
    caps.leave().await;
    assert_eq!(leased().await, 0);
}

/// A process that runs little does not sit on what another one has run out of.
#[tokio::test]
async fn near_the_end_of_a_limit_nobody_keeps_a_chunk() {
    let limit = 100 * CENT;
    let (store, clock) = (store_with(limit, "stop").await, Clock::frozen(now()));
    let (quiet, busy) = (process(&store, &clock), process(&store, &clock));
    let capped = capped(&quiet).await;
    run_once(&quiet, &capped).await.unwrap();
    let kept = month(&store, now()).await.held_e10;
    assert_eq!(kept, limit / store::caps::CHUNKS);
    let mut dear = spec();
    (dear.memory_mb, dear.timeout_s) = (10_240, 50);
    while let Ok(mut hold) = busy.hold(&capped, &dear, 1).await {
        hold.start();
        // Nobody hears of it again: it counts whole.
        drop(hold);
    }
    busy.leave().await;
    let rest = process(&store, &clock);
    while run_once(&rest, &capped).await.is_ok() {}
    rest.leave().await;
    assert!(month(&store, now()).await.settled_e10 > limit - kept - HOLD);
    // One settlement says that nothing is left, the next gives back.
    run_once(&quiet, &capped).await.unwrap();
    quiet.renew(1).await;
    quiet.renew(2).await;
    let last = process(&store, &clock);
    let mut runs = 0;
    while run_once(&last, &capped).await.is_ok() {
        runs += 1;
    }
    last.leave().await;
    assert!(runs > (kept - 2 * HOLD) / counted_e10(COST), "{runs}");
    let after = month(&store, now()).await;
    assert!(limit - after.settled_e10 < 2 * HOLD, "{after:?}");
}
