//! The service on a real database and a clock that the test moves.

use chassis::{Clock, Lifecycle};
use chrono::{DateTime, TimeDelta, Utc};
use domain::AccountId;
use domain::price::Sku;
use domain::usage::{Batch, BatchId, Counts, Place, Sums};
use std::time::Duration;
use store::Store;
use store::invoices::{Invoice, InvoiceFilter};
use store::parties::Issuer;
use uuid::Uuid;

use crate::{Handle, Options, start};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn account() -> AccountId {
    AccountId::new(7).unwrap()
}

async fn prepared() -> Store {
    let store = store::testing::store().await.unwrap();
    store.seed_prices().await.unwrap();
    let made = store.create_account(account(), "Ada", at("2026-09-01T00:00:00Z"));
    made.await.unwrap().unwrap();
    store
}

/// An executor's batch: `requests` in an hour, all up to `covers_until` reported.
async fn report(
    store: &Store,
    batch_seq: i64,
    first_event: i64,
    hour: &str,
    requests: i64,
    covers_until: &str,
) {
    report_of(
        store,
        account(),
        (batch_seq, first_event),
        hour,
        requests,
        covers_until,
    )
    .await;
}

/// As [`report`], of whichever account.
async fn report_of(
    store: &Store,
    account: AccountId,
    (batch_seq, first_event): (i64, i64),
    hour: &str,
    requests: i64,
    covers_until: &str,
) {
    let mut sums = Sums::default();
    let place = Place {
        account,
        hour: at(hour),
        region: "us-east-1".parse().unwrap(),
        sku: Sku::Requests,
        resource: "arn:aws:lambda:us-east-1:000000000007:function:f".to_owned(),
    };
    sums.add_quantity(place, requests.into());
    let batch = Batch {
        id: BatchId {
            executor: Uuid::from_u128(1),
            boot_epoch: 1,
            batch_seq,
        },
        first_event,
        last_event: first_event + 2 * requests - 1,
        covers_until: at(covers_until),
        sha256: [batch_seq.to_le_bytes()[0]; 32],
        closes_epoch: false,
        counts: Counts {
            started: requests,
            ended: requests,
            ..Counts::default()
        },
        sums,
    };
    store.ingest_usage(&batch).await.unwrap();
}

async fn started(store: &Store, clock: &Clock, life: &Lifecycle) -> Handle {
    let options = Options {
        store: store.clone(),
        clock: clock.clone(),
        issuer: Issuer {
            number_prefix: "T-".to_owned(),
            ..Issuer::default()
        },
        settling: Duration::ZERO,
    };
    start(options, life).await.unwrap()
}

/// Lets a little time pass, look by look, until a sentence of `/health` says this.
async fn says(handle: &Handle, clock: &Clock, what: &str) {
    let mut status = handle.status();
    let said = async {
        while status.borrow_and_update().to_string() != what {
            clock.advance(TimeDelta::seconds(5));
            // The loop may have begun to wait only after the clock was moved: then the next turn moves it again.
            let _ = tokio::time::timeout(Duration::from_millis(50), status.changed()).await;
        }
    };
    let said = tokio::time::timeout(Duration::from_secs(30), said).await;
    assert!(
        said.is_ok(),
        "{what:?} was not said, but {:?}",
        handle.describe()
    );
}

async fn invoices(store: &Store) -> Vec<Invoice> {
    store.invoices(InvoiceFilter::default()).await.unwrap()
}

#[tokio::test]
async fn a_month_passes_and_is_billed() {
    let (store, life) = (prepared().await, Lifecycle::new());
    report(
        &store,
        1,
        1,
        "2026-09-18T05:00:00Z",
        3_000_000,
        "2026-09-18T06:00:00Z",
    )
    .await;
    let clock = Clock::frozen(at("2026-09-18T06:00:01Z"));
    let handle = started(&store, &clock, &life).await;
    says(&handle, &clock, "charged until 2026-09-18").await;
    assert_eq!(store.journals(account(), 9).await.unwrap(), []);
    // A day is over for us when the executor has reported it.
    clock.advance(TimeDelta::days(1));
    report(
        &store,
        2,
        6_000_001,
        "2026-09-19T05:00:00Z",
        0,
        "2026-09-19T06:00:00Z",
    )
    .await;
    says(&handle, &clock, "charged until 2026-09-19").await;
    assert_eq!(store.journals(account(), 9).await.unwrap().len(), 1);
    assert_eq!(invoices(&store).await, []);
    // The month ends, and the executor is silent: waited for until 72 hours after its end.
    clock.advance(at("2026-10-02T00:00:00Z") - clock.now());
    says(
        &handle,
        &clock,
        "charged until 2026-09-19, 1 months wait for executors to report",
    )
    .await;
    assert_eq!(invoices(&store).await, []);
    clock.advance(at("2026-10-04T00:00:00Z") - clock.now());
    says(&handle, &clock, "charged until 2026-09-19").await;
    let issued = invoices(&store).await;
    assert_eq!(
        (issued[0].number.as_str(), issued[0].document.total.as_str()),
        ("T-000001", "0.40")
    );
    assert_eq!(issued[0].document.notes.len(), 1);
    clock.advance(TimeDelta::minutes(10));
    life.stop(Duration::from_secs(10)).await;
    let checks = store.verify_ledger().await.unwrap();
    assert!(checks.iter().all(|check| check.holds), "{checks:?}");
}

#[tokio::test]
async fn the_second_stands_by_until_the_first_is_gone() {
    let store = prepared().await;
    let clock = Clock::frozen(at("2026-09-18T06:00:01Z"));
    let (first, second) = (Lifecycle::new(), Lifecycle::new());
    let one = started(&store, &clock, &first).await;
    says(&one, &clock, "charged until 2026-09-18").await;
    let other = started(&store, &clock, &second).await;
    says(&other, &clock, "stands by").await;
    first.stop(Duration::from_secs(10)).await;
    says(&other, &clock, "charged until 2026-09-18").await;
    second.stop(Duration::from_secs(10)).await;
}

/// However many are closed side by side, and in whatever order they are done: numbers follow the accounts' ids, month by month.
#[tokio::test]
async fn numbers_follow_the_months_and_the_accounts() {
    const HOURS: [&str; 2] = ["2026-08-20T05:00:00Z", "2026-09-20T05:00:00Z"];
    let (store, life) = (prepared().await, Lifecycle::new());
    let mut want = Vec::new();
    for number in (10..40_u64).rev() {
        let id = AccountId::new(number).unwrap();
        let made = store.create_account(id, "Ada", at("2026-08-01T00:00:00Z"));
        made.await.unwrap().unwrap();
    }
    let mut next = (1, 1);
    for hour in HOURS {
        for number in 10..40_i64 {
            let id = AccountId::new(number.unsigned_abs()).unwrap();
            // The later the account, the less there is to do.
            let requests = 1_000 * (50 - number);
            report_of(&store, id, next, hour, requests, "2026-10-01T00:00:00Z").await;
            next = (next.0 + 1, next.1 + 2 * requests);
            want.push((id, hour[..7].to_owned()));
        }
    }
    let clock = Clock::frozen(at("2026-10-02T00:00:00Z"));
    let handle = started(&store, &clock, &life).await;
    says(&handle, &clock, "charged until 2026-10-01").await;
    life.stop(Duration::from_secs(10)).await;
    let issued = invoices(&store).await;
    let numbered: Vec<_> = issued
        .iter()
        .map(|one| (one.account, one.month.to_string()))
        .collect();
    assert_eq!(numbered, want);
    let last = issued.last().map(|one| one.number.as_str());
    assert_eq!(last, Some("T-000060"));
    let checks = store.verify_ledger().await.unwrap();
    assert!(checks.iter().all(|check| check.holds), "{checks:?}");
}
