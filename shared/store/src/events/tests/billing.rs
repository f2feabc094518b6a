//! What attempts of events cost: charged with their outcome, once.

use std::collections::BTreeMap;

use domain::Architecture;
use domain::event::{Condition, Verdict};
use domain::price::Sku;
use domain::usage::{Batch, BatchId, Counts, Sums};
use sqlx::PgPool;
use uuid::Uuid;

use super::{HOUR_S, MEMORY_MB, Services, alice, cut, ran, retry};
use crate::events::Settlement;
use crate::samples::at;
use crate::usage::Ingested;

const MB_MS: i128 = 5 * MEMORY_MB as i128;

async fn usage(services: &Services) -> BTreeMap<Sku, i128> {
    let rows = services
        .owner
        .usage_by_function(alice(), None, at(0), at(24 * HOUR_S));
    let rows = rows.await.unwrap().into_iter();
    rows.map(|row| (row.sku, row.quantity)).collect()
}

fn booked(requests: i128, mb_ms: i128) -> BTreeMap<Sku, i128> {
    BTreeMap::from([
        (Sku::Requests, requests),
        (Sku::Duration(Architecture::X86_64), mb_ms),
    ])
}

/// A batch of one synchronous execution and `events` attempts of events, all of them ended.
fn batch(of: &Settlement, events: i64) -> Batch {
    let usage = of.usage.as_ref().unwrap();
    let mut sums = Sums::default();
    sums.add(&usage.execution, usage.billed_ms, at(9));
    Batch {
        id: BatchId {
            executor: Uuid::from_u128(1),
            boot_epoch: 1,
            batch_seq: 1,
        },
        first_event: 1,
        last_event: 2 + 2 * events,
        covers_until: at(9),
        sha256: [7; 32],
        closes_epoch: true,
        counts: Counts {
            started: 1 + events,
            ended: 1 + events,
            settled_apart: events,
            ..Counts::default()
        },
        sums,
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn both_sides_of_the_balance_agree_over_batches_and_settlements(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    let (one, two) = (services.event(f, 1).await, services.event(f, 2).await);
    let ends = [
        ran(&one, 1, Verdict::Success),
        ran(&two, 1, retry(60)),
        cut(
            &services.event(f, 3).await,
            1,
            Verdict::Dead(Condition::Cancelled),
        ),
    ];
    assert_eq!(services.settle_as(1, &ends).await, [true; 3]);
    assert_eq!(usage(&services).await, booked(2, 2 * MB_MS));
    assert!(services.owner.usage_balance().await.unwrap().holds());
    // The batch that tells of the same attempts comes later, with an execution of somebody who waited.
    let ingested = services.executor.ingest_usage(&batch(&ends[0], 2)).await;
    assert_eq!(ingested.unwrap(), Ingested::Counted);
    assert_eq!(usage(&services).await, booked(3, 3 * MB_MS));
    let balance = services.owner.usage_balance().await.unwrap();
    assert_eq!((balance.ended, balance.mb_ms), (3, 3 * MB_MS));
    assert!(balance.holds());
    let epochs = services.owner.usage_epochs(Uuid::from_u128(1)).await;
    assert_eq!(epochs.unwrap()[0].counts.settled_apart, 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_second_run_is_counted_and_not_charged(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    let event = services.event(f, 1).await;
    for executor in [1, 2, 2] {
        let end = ran(&event, 1, Verdict::Success);
        assert_eq!(services.settle_as(executor, &[end]).await, [executor == 1]);
    }
    assert_eq!(usage(&services).await, booked(1, MB_MS));
    assert!(services.owner.usage_balance().await.unwrap().holds());
    let row: (i64, String, i64, String) = sqlx::query_as(
        "SELECT sum(attempts)::bigint, sum(mb_ms)::text, sum(duplicates)::bigint, sum(duplicate_mb_ms)::text
         FROM billing.usage_settlement",
    )
    .fetch_one(&services.owner.pool)
    .await
    .unwrap();
    assert_eq!(row, (1, MB_MS.to_string(), 2, (2 * MB_MS).to_string()));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_large_event_is_several_requests(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    let event = services.event(f, 1).await;
    let mut end = ran(&event, 1, Verdict::Success);
    if let Some(usage) = &mut end.usage {
        usage.requests = 4;
    }
    assert!(services.settle(end).await);
    assert_eq!(usage(&services).await, booked(4, MB_MS));
    let balance = services.owner.usage_balance().await.unwrap();
    assert_eq!((balance.ended, balance.holds()), (4, true));
}
