use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use domain::execution::{Execution, Outcome};
use domain::price::Sku;
use domain::usage::{Batch, BatchId, Counts, Sums};
use domain::{AccountId, Architecture};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use super::Ingested;
use crate::{Store, Vault};

/// A store with the executor's role: whatever it needs is granted, or these tests fail.
async fn executor(pool: &PgPool) -> Store {
    let options = (*pool.connect_options()).clone();
    let pool = PgPoolOptions::new()
        .max_connections(4)
        .connect_with(options.options([("role", "tollgate_executor")]))
        .await
        .unwrap();
    store(pool)
}

fn store(pool: PgPool) -> Store {
    Store::of(pool, Vault::new(&[1; 32]))
}

fn hour(n: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 9, 18, n, 0, 0).unwrap()
}

fn account(n: u64) -> AccountId {
    AccountId::new(n).unwrap()
}

fn execution(owner: u64, function: &str, memory_mb: u32, at: DateTime<Utc>) -> Execution {
    Execution {
        request_id: Uuid::nil(),
        attempt: 1,
        account: account(owner),
        region: "eu-west-1".parse().unwrap(),
        function_arn: format!("arn:aws:lambda:eu-west-1:{owner:012}:function:{function}"),
        version: "$LATEST".to_owned(),
        architecture: Architecture::Arm64,
        memory_mb,
        ephemeral_mb: 1_024,
        init_ns: 0,
        invoke_ns: 3_000_000,
        request_bytes: 0,
        response_bytes: 0,
        outcome: Outcome::Success,
        started_at: at,
        ended_at: at,
    }
}

/// A batch that starts and ends these executions.
fn batch(executor: u128, batch_seq: i64, first_event: i64, executions: &[Execution]) -> Batch {
    let mut sums = Sums::default();
    for execution in executions {
        sums.add(execution, execution.billed_ms(1), execution.ended_at);
    }
    let count = i64::try_from(executions.len()).unwrap();
    let mut sha256 = [0; 32];
    sha256[..8].copy_from_slice(&batch_seq.to_le_bytes());
    Batch {
        id: BatchId {
            executor: Uuid::from_u128(executor),
            boot_epoch: 1,
            batch_seq,
        },
        first_event,
        last_event: first_event + 2 * count - 1,
        covers_until: hour(12),
        sha256,
        closes_epoch: false,
        counts: Counts {
            started: count,
            ended: count,
            ..Counts::default()
        },
        sums,
    }
}

async fn totals(store: &Store, owner: u64) -> BTreeMap<Sku, i128> {
    let rows = store
        .usage_by_function(account(owner), None, hour(0), hour(23))
        .await
        .unwrap();
    let mut totals = BTreeMap::new();
    for row in rows {
        *totals.entry(row.sku).or_default() += row.quantity;
    }
    totals
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_batch_counts_once_however_often_it_is_sent(pool: PgPool) {
    let (writer, reader) = (executor(&pool).await, store(pool));
    let first = batch(
        7,
        1,
        1,
        &[
            execution(1, "a", 128, hour(8)),
            execution(1, "b", 256, hour(8)),
        ],
    );
    assert_eq!(
        writer.ingest_usage(&first).await.unwrap(),
        Ingested::Counted
    );
    let want = BTreeMap::from([
        (Sku::Requests, 2),
        (Sku::Duration(Architecture::Arm64), 384 * 3),
        (Sku::EphemeralStorage, 2 * 512 * 3),
    ]);
    let balance = reader.usage_balance().await.unwrap();
    assert_eq!((balance.ended, balance.mb_ms), (2, 384 * 3 + 2 * 512 * 3));
    assert!(balance.holds());
    // The check sees what it is for: an hour that moved without a batch.
    let tampered = sqlx::query(
        "UPDATE billing.usage_hour SET qty = qty + 1 WHERE sku = 'requests' AND qty = 1",
    )
    .execute(&reader.pool);
    tampered.await.unwrap();
    assert!(!reader.usage_balance().await.unwrap().holds());
    let restored =
        sqlx::query("UPDATE billing.usage_hour SET qty = qty - 1 WHERE sku = 'requests'")
            .execute(&reader.pool);
    restored.await.unwrap();
    assert_eq!(totals(&reader, 1).await, want);

    assert_eq!(writer.ingest_usage(&first).await.unwrap(), Ingested::Known);
    let mut other = batch(
        7,
        1,
        1,
        &[
            execution(1, "a", 10_240, hour(8)),
            execution(1, "b", 256, hour(8)),
        ],
    );
    other.sha256 = [9; 32];
    assert_eq!(
        writer.ingest_usage(&other).await.unwrap(),
        Ingested::Equivocation
    );
    assert_eq!(totals(&reader, 1).await, want);
    assert_eq!(totals(&reader, 2).await, BTreeMap::new());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_batch_that_is_not_the_next_one_is_held(pool: PgPool) {
    let (writer, reader) = (executor(&pool).await, store(pool));
    let one = [execution(1, "a", 128, hour(8))];
    let gap = |next_batch, next_event| Ingested::Gap {
        next_batch,
        next_event,
    };
    let ingest = async |batch: Batch| writer.ingest_usage(&batch).await.unwrap();
    assert_eq!(ingest(batch(7, 2, 3, &one)).await, gap(1, 1));
    assert_eq!(ingest(batch(7, 1, 2, &one)).await, gap(1, 1));
    assert_eq!(ingest(batch(7, 1, 1, &one)).await, Ingested::Counted);
    assert_eq!(ingest(batch(7, 3, 3, &one)).await, gap(2, 3));
    assert_eq!(ingest(batch(7, 2, 4, &one)).await, gap(2, 3));
    // An empty batch is a sign of life and takes a number.
    assert_eq!(ingest(batch(7, 2, 3, &[])).await, Ingested::Counted);
    let mut last = batch(7, 3, 3, &one);
    last.closes_epoch = true;
    assert_eq!(ingest(last).await, Ingested::Counted);
    assert_eq!(ingest(batch(7, 4, 5, &one)).await, gap(4, 5));
    // Another executor has its own numbers.
    assert_eq!(ingest(batch(8, 1, 1, &one)).await, Ingested::Counted);

    let epochs = reader.usage_epochs(Uuid::from_u128(7)).await.unwrap();
    assert_eq!(epochs.len(), 1);
    assert_eq!(
        (epochs[0].batches, epochs[0].last_event, epochs[0].closed),
        (3, 4, true)
    );
    assert_eq!((epochs[0].counts.started, epochs[0].counts.ended), (2, 2));
    assert_eq!(totals(&reader, 1).await[&Sku::Requests], 3);
}

/// Several senders push the same batches, and several executors add to the same hours: nothing is lost, doubled or stuck.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn senders_race_and_the_sum_is_exact(pool: PgPool) {
    let reader = store(pool.clone());
    let hours = [hour(7), hour(8), hour(9)];
    let mut senders = Vec::new();
    for executor_id in [7_u128, 7, 23, 8] {
        let writer = executor(&pool).await;
        senders.push(async move {
            for seq in 1..=20_i64 {
                let executions: Vec<_> = (0..12_usize)
                    .map(|n| execution(n as u64 % 2 + 1, ["a", "b", "c"][n % 3], 128, hours[n % 3]))
                    .collect();
                let batch = batch(executor_id, seq, (seq - 1) * 24 + 1, &executions);
                // The other sender of this executor may be behind by one: then ours is held and tried again.
                while let Ingested::Gap { .. } = writer.ingest_usage(&batch).await.unwrap() {
                    // The next turn asks the database again.
                }
            }
        });
    }
    futures::future::join_all(senders).await;
    let balance = reader.usage_balance().await.unwrap();
    assert!(
        balance.holds() && balance.ended == 3 * 20 * 12,
        "{balance:?}"
    );
    // Three executors of 20 batches, half of 12 executions for each account; executors 7 and 23 share a shard.
    for owner in [1, 2] {
        let totals = totals(&reader, owner).await;
        assert_eq!(totals[&Sku::Requests], 3 * 20 * 6);
        assert_eq!(
            totals[&Sku::Duration(Architecture::Arm64)],
            3 * 20 * 6 * 128 * 3
        );
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn usage_is_found_by_region_and_hour(pool: PgPool) {
    let store = store(pool.clone());
    let mut elsewhere = execution(1, "a", 128, hour(9));
    elsewhere.region = "us-east-1".parse().unwrap();
    let late = execution(1, "a", 128, hour(10) + TimeDelta::minutes(59));
    let batch = batch(7, 1, 1, &[execution(1, "a", 128, hour(8)), elsewhere, late]);
    store.ingest_usage(&batch).await.unwrap();
    let region = "eu-west-1".parse().unwrap();
    let hours = async |from, to| {
        let mut connection = pool.acquire().await.unwrap();
        let rows = crate::charges::usage(&mut connection, account(1), hour(from), hour(to)).await;
        let requests = rows.unwrap().into_iter();
        let mut hours: Vec<_> = requests
            .filter(|row| row.sku == Sku::Requests)
            .map(|row| row.hour)
            .collect();
        hours.sort();
        hours
    };
    assert_eq!(hours(0, 23).await, [hour(8), hour(9), hour(10)]);
    // From is inside, to is not.
    assert_eq!(hours(9, 10).await, [hour(9)]);
    let count = async |region, from, to| {
        let rows = store.usage_by_function(account(1), region, hour(from), hour(to));
        let rows = rows.await.unwrap().into_iter();
        rows.filter(|row| row.sku == Sku::Requests)
            .map(|row| row.quantity)
            .sum::<i128>()
    };
    assert_eq!(count(None, 0, 23).await, 3);
    assert_eq!(count(Some(&region), 0, 23).await, 2);
    assert_eq!(count(None, 9, 10).await, 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_counted_cannot_be_changed(pool: PgPool) {
    let store = store(pool.clone());
    let batch = batch(7, 1, 1, &[execution(1, "a", 128, hour(8))]);
    store.ingest_usage(&batch).await.unwrap();
    store.seed_prices().await.unwrap();
    for statement in [
        "UPDATE billing.usage_batch SET started = 2, ended = 0",
        "DELETE FROM billing.usage_batch",
        "TRUNCATE billing.usage_batch",
        "UPDATE billing.price_version SET valid_from = valid_from + interval '1 hour'",
        "DELETE FROM billing.price_tier",
        "TRUNCATE billing.price_tier",
        "TRUNCATE billing.price_version CASCADE",
    ] {
        let error = sqlx::query(statement).execute(&pool).await.unwrap_err();
        assert!(
            error.to_string().contains("append-only"),
            "{statement}: {error}"
        );
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_executor_may_add_and_nothing_else(pool: PgPool) {
    let mut connection = pool.acquire().await.unwrap();
    sqlx::query("SET ROLE tollgate_executor")
        .execute(&mut *connection)
        .await
        .unwrap();
    for statement in [
        "DELETE FROM billing.usage_hour",
        "UPDATE billing.usage_hour SET account_id = 1",
        "TRUNCATE billing.usage_hour",
        "UPDATE billing.usage_batch SET started = 0",
        "DELETE FROM billing.usage_batch",
        "INSERT INTO billing.price_version (book, region, sku, currency, valid_from, price_per, source, source_version)
         VALUES ('default', 'r', 'requests', 'USD', '2020-01-01Z', 1, 's', 'v')",
    ] {
        let error = sqlx::query(statement).execute(&mut *connection).await.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{statement}: {error}");
    }
}
