use chrono::TimeDelta;
use domain::Architecture;
use domain::bill::Month;
use domain::price::Sku;
use sqlx::PgPool;

use super::Accrued;
use crate::samples::{self, ALICE, Meter, account, billing, hour, of_role, store, violated};
use crate::{Role, Store};

const X86: Sku = Sku::Duration(Architecture::X86_64);
const GB_S: i128 = 1_024_000;

async fn accrue(service: &Store, complete_until: &str) -> Accrued {
    samples::accrue(service, ALICE, complete_until, "2026-09-20T12").await
}

async fn keys(store: &Store) -> Vec<(String, Vec<(String, i128)>)> {
    let mut journals = store.journals(account(ALICE), 100).await.unwrap();
    journals.reverse();
    let postings = |journal: &crate::ledger::JournalRow| {
        let all = journal.postings.iter();
        all.map(|one| (one.code.clone(), one.amount_e10)).collect()
    };
    journals
        .iter()
        .map(|journal| (journal.key.clone(), postings(journal)))
        .collect()
}

fn journal(key: &str, amount_e10: i128) -> (String, Vec<(String, i128)>) {
    let postings = vec![
        ("unbilled".to_owned(), amount_e10),
        ("revenue".to_owned(), -amount_e10),
    ];
    (format!("accrual:{ALICE}:{key}"), postings)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn complete_days_are_accrued_once(pool: PgPool) {
    let (store, service) = billing(&pool).await;
    store.seed_prices().await.unwrap();
    let mut meter = Meter::new(1);
    meter
        .of_alice(&store, "2026-09-17T05", Sku::Requests, 1_500_000)
        .await;
    meter
        .of_alice(&store, "2026-09-18T05", Sku::Requests, 1_000_000)
        .await;
    // The 18th is not complete.
    let first = accrue(&service, "2026-09-18T00").await;
    assert_eq!((first.charges, first.journals), (2, 1));
    assert_eq!(accrue(&service, "2026-09-18T00").await, Accrued::default());
    let second = accrue(&service, "2026-09-19T00").await;
    assert_eq!((second.charges, second.journals), (1, 1));
    // An earlier look than the last one changes nothing.
    assert_eq!(accrue(&service, "2026-09-18T00").await, Accrued::default());
    let want = [
        journal("2026-09-17:0", 1_000_000_000),
        journal("2026-09-18:0", 2_000_000_000),
    ];
    assert_eq!(keys(&store).await, want);
    assert_eq!(violated(&store).await, Vec::<String>::new());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn two_at_once_accrue_once(pool: PgPool) {
    let store = store(pool.clone()).await;
    store.seed_prices().await.unwrap();
    let mut meter = Meter::new(1);
    for day in 1..=9 {
        let at = format!("2026-09-0{day}T05");
        meter.of_alice(&store, &at, X86, 100_000 * GB_S).await;
    }
    let services = [
        of_role(&pool, Role::Billing).await,
        of_role(&pool, Role::Billing).await,
    ];
    let both = futures::future::join(
        accrue(&services[0], "2026-09-10T00"),
        accrue(&services[1], "2026-09-10T00"),
    );
    let (one, other) = both.await;
    // Five days beyond the free tier cost something.
    assert_eq!(
        (one.journals + other.journals, one.journals * other.journals),
        (5, 0)
    );
    assert_eq!(keys(&store).await.len(), 5);
    assert_eq!(violated(&store).await, Vec::<String>::new());
}

/// Late usage of an open month takes the free tier from the days after it: those get a revision, not another content.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_late_arrival_makes_revisions(pool: PgPool) {
    let (store, service) = billing(&pool).await;
    store.seed_prices().await.unwrap();
    let mut meter = Meter::new(1);
    meter
        .of_alice(&store, "2026-09-17T05", Sku::Requests, 2_000_000)
        .await;
    accrue(&service, "2026-09-18T00").await;
    meter
        .of_alice(&store, "2026-09-16T05", Sku::Requests, 1_500_000)
        .await;
    accrue(&service, "2026-09-18T00").await;
    let want = [
        journal("2026-09-17:0", 2_000_000_000),
        journal("2026-09-16:0", 1_000_000_000),
        journal("2026-09-17:1", 2_000_000_000),
    ];
    assert_eq!(keys(&store).await, want);
    // Other terms do so, too.
    let terms = crate::billing_terms::Terms {
        free_tier: false,
        ..crate::billing_terms::Terms::default()
    };
    let now = hour("2026-09-18T05");
    store
        .set_billing_terms(account(ALICE), &terms, now)
        .await
        .unwrap();
    assert_eq!(violated(&store).await, Vec::<String>::new());
    accrue(&service, "2026-09-18T00").await;
    let last = keys(&store).await.pop().unwrap();
    assert_eq!(last, journal("2026-09-16:1", 2_000_000_000));
    assert_eq!(violated(&store).await, Vec::<String>::new());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_slowest_executor_holds_the_watermark_until_it_is_given_up(pool: PgPool) {
    let store = store(pool).await;
    let (mut one, mut other) = (Meter::new(1), Meter::new(2));
    let now = hour("2026-09-20T12");
    assert_eq!(store.reporters().await.unwrap().watermark(), None);
    one.covers(&store, hour("2026-09-20T11")).await;
    other.covers(&store, hour("2026-09-18T03")).await;
    let reporters = store.reporters().await.unwrap();
    assert_eq!(reporters.watermark(), Some(hour("2026-09-18T03")));
    assert_eq!(reporters.complete_until(now), hour("2026-09-18T00"));
    assert!(
        !store
            .declare_lost(Meter::new(9).id(), "", now)
            .await
            .unwrap()
    );
    assert!(
        store
            .declare_lost(other.id(), "its host burned", now)
            .await
            .unwrap()
    );
    let reporters = store.reporters().await.unwrap();
    assert_eq!(reporters.watermark(), Some(hour("2026-09-20T11")));
    let missing = reporters.missing("2026-09".parse().unwrap());
    assert_eq!(missing.len(), 2);
    assert!(now - missing[0].covers_until < TimeDelta::days(1));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn periods_reach_from_the_first_usage_to_now_without_a_gap(pool: PgPool) {
    let store = store(pool).await;
    let mut meter = Meter::new(1);
    let months = async |now: &str| {
        store.ensure_periods(hour(now)).await.unwrap();
        let open = store.open_months(Month::of(hour(now))).await.unwrap();
        open.iter()
            .map(|one| one.month.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(months("2026-09-20T12").await, Vec::<String>::new());
    meter
        .of_alice(&store, "2026-08-31T23", Sku::Requests, 1)
        .await;
    assert_eq!(
        months("2026-10-01T00").await,
        ["2026-08", "2026-09", "2026-10"]
    );
    // Usage of a month before that comes late.
    meter
        .of_alice(&store, "2026-06-30T23", Sku::Requests, 1)
        .await;
    assert_eq!(months("2026-10-01T00").await.len(), 5);
    assert_eq!(months("2026-10-31T23").await.len(), 5);
}
