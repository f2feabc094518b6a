//! A month's usage of many accounts, as executors would have left it: hours, and the sealed batches that added them.
//!
//! Of a hundred accounts one is large, nineteen are passing the free tier and eighty stay within it; one in a thousand is so
//! large that it reaches the second tier. Their functions lie in several regions, on both architectures, and are used in hours
//! all over the month; some have `/tmp` beyond what is free, some accounts pay in another currency, some have no free tier.

use anyhow::{Result, ensure};
use domain::bill::Month;
use tokio_postgres::Client;

/// How many accounts there are, and how much they use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) accounts: i64,
    /// Hours in which a function is used, and how many functions: of a large account, one of the middle, a small one.
    pub(super) hours: [i64; 3],
    pub(super) functions: [i64; 3],
    /// Rows of `usage_hour` that this makes, at least.
    pub(super) rows_min: i64,
}

impl Size {
    /// Some 1,000 rows an account.
    pub(super) const FULL: Self = Self {
        accounts: 10_000,
        hours: [260, 150, 70],
        functions: [40, 8, 3],
        rows_min: 10_000_000,
    };
    /// Some 500 rows an account.
    pub(super) const QUICK: Self = Self {
        accounts: 100,
        hours: [260, 150, 35],
        functions: [20, 4, 3],
        rows_min: 50_000,
    };
}

/// Fills a database that was migrated and has no usage; answers how many rows of usage it has now.
pub(super) async fn make(client: &Client, month: Month, size: &Size, seed: u64) -> Result<i64> {
    // For the making alone: what is measured has connections of its own.
    client
        .batch_execute(
            "SET synchronous_commit = off; SET work_mem = '256MB'; SET maintenance_work_mem = '512MB'; SET timezone = 'UTC'",
        )
        .await?;
    client.batch_execute(&accounts(size)).await?;
    client.batch_execute(&functions(size, seed)).await?;
    client.batch_execute(&hours(month)).await?;
    client.batch_execute(&batches(month)).await?;
    // As autovacuum leaves tables that were filled over a month.
    for statement in [
        "DROP TABLE made_function",
        "VACUUM (ANALYZE) billing.usage_hour",
        "VACUUM (ANALYZE) billing.usage_batch",
        "VACUUM (ANALYZE) account",
        "CHECKPOINT",
    ] {
        client.batch_execute(statement).await?;
    }
    let row = client
        .query_one("SELECT count(*) FROM billing.usage_hour", &[])
        .await?;
    let rows: i64 = row.get(0);
    ensure!(
        rows >= size.rows_min,
        "{rows} rows of usage are too few: {}",
        size.rows_min
    );
    Ok(rows)
}

/// The rows that `tollgate accounts create` makes, but for access keys, which nothing of the bill reads. A tenth have taxes.
fn accounts(size: &Size) -> String {
    let accounts = size.accounts;
    format!(
        "CREATE TEMP TABLE made_account AS
             SELECT number, (number * 387420489001 + 1) % 999999999989 AS id
             FROM generate_series(0::bigint, {accounts} - 1) AS number;
         INSERT INTO account (id, name, created_at) SELECT id, 'Customer ' || number, '2020-12-01Z' FROM made_account;
         INSERT INTO billing.customer (account_id, name, address, country, tax_id, email, bill_all_late, changed_at)
             SELECT id, 'Customer ' || number || ' GmbH', ARRAY['Nordring ' || number, 'Berlin'], 'DE', 'DE' || number, '', false,
                 '2020-12-01Z' FROM made_account WHERE number % 10 = 3;
         INSERT INTO billing.customer_tax (account_id, position, name, percent_e4)
             SELECT id, 1, 'VAT', 190000 FROM made_account WHERE number % 10 = 3;
         INSERT INTO billing.account_terms (account_id, book, free_tier, changed_at)
             SELECT id, 'default', false, '2020-12-01Z' FROM made_account WHERE number % 20 = 5"
    )
}

/// Which functions there are, and what they use in an hour: `requests` runs of `mb_ms` each.
fn functions(size: &Size, seed: u64) -> String {
    let [large, middle, small] = size.functions;
    let [large_hours, middle_hours, small_hours] = size.hours;
    let seed = seed.cast_signed();
    format!(
        "CREATE TEMP TABLE made_function AS
         SELECT id AS account_id, number * 1000 + k AS place, region,
             'arn:aws:lambda:' || region || ':' || lpad(id::text, 12, '0') || ':function:'
                 || (ARRAY['api', 'thumbnails', 'orders-stream', 'nightly-report'])[1 + k % 4] || '-' || k AS resource,
             CASE WHEN k / 4 % 2 = 0 THEN 'x86_64' ELSE 'arm64' END AS arch, k % 8 = 7 AS ephemeral,
             CASE class WHEN 0 THEN {large_hours} WHEN 1 THEN {middle_hours} ELSE {small_hours} END AS hours,
             CASE WHEN number % 1000 = 0 THEN 20000000 WHEN class = 0 THEN 10000 WHEN class = 1 THEN 3000 ELSE 1000 END
                 AS requests,
             CASE WHEN number % 1000 = 0 THEN 512000 WHEN class = 2 THEN 25600 ELSE 204800 END AS mb_ms,
             (hashint8extended(number * 1000 + k, {seed}) & 15)::smallint AS shard,
             {seed}::bigint AS seed
         FROM (SELECT id, number, CASE WHEN number % 100 = 0 THEN 0 WHEN number % 100 < 20 THEN 1 ELSE 2 END AS class
               FROM made_account) AS account
         CROSS JOIN LATERAL generate_series(0, CASE class WHEN 0 THEN {large} WHEN 1 THEN {middle} ELSE {small} END - 1) AS k
         CROSS JOIN LATERAL (SELECT CASE
             WHEN number % 50 = 7 AND k = 0 THEN 'cn-north-1'
             ELSE (ARRAY['us-east-1', 'us-east-1', 'eu-west-1', 'ap-northeast-1'])[1 + (number + k) % 4] END AS region) AS lies;
         DROP TABLE made_account"
    )
}

/// Rows lie in the order in which the hours came; the primary key is built of all at once, as a REINDEX would leave it.
fn hours(month: Month) -> String {
    let (first, hours) = (month.first_day(), i64::from(month.days()) * 24);
    format!(
        "ALTER TABLE billing.usage_hour DROP CONSTRAINT usage_hour_pkey;
         INSERT INTO billing.usage_hour (account_id, hour, region, sku, resource, shard, qty)
         SELECT account_id, '{first}Z'::timestamptz + hour * interval '1 hour', region, used.sku, resource, shard, used.qty
         FROM made_function
         CROSS JOIN LATERAL generate_series(0, made_function.hours - 1) AS step
         CROSS JOIN LATERAL (SELECT hashint8extended(place * 1000 + step, seed) & 1023 AS chance) AS drawn
         CROSS JOIN LATERAL (SELECT requests * (512 + chance) / 1024 AS ran,
             ((hashint8extended(place, seed) & 1023) + step * {hours} / made_function.hours) % {hours} AS hour) AS when_and_what
         CROSS JOIN LATERAL (VALUES ('requests', ran), ('duration-' || arch, ran * mb_ms + chance),
             (CASE WHEN ephemeral THEN 'ephemeral-storage' END, ran * 3 * mb_ms)) AS used (sku, qty)
         WHERE used.sku IS NOT NULL
         ORDER BY hour;
         ALTER TABLE billing.usage_hour
             ADD CONSTRAINT usage_hour_pkey PRIMARY KEY (account_id, hour, region, sku, resource, revision, shard)"
    )
}

/// A batch of each of sixteen executors for each hour, and one at the end that says that the month is reported.
fn batches(month: Month) -> String {
    let end = month.next().first_day();
    format!(
        "INSERT INTO billing.usage_batch (executor_id, boot_epoch, batch_seq, first_event, last_event, covers_until,
             payload_sha256, started, ended, platform_lost, missing, mb_ms, closes_epoch)
         SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(shard), 12, '0'))::uuid, 1, row_number() OVER earlier,
             1 + coalesce(sum(2 * ended) OVER before, 0), coalesce(sum(2 * ended) OVER earlier, 0), covers_until,
             sha256(convert_to(shard || ' ' || covers_until, 'UTF8')), ended, ended, 0, 0, mb_ms, false
         FROM (
             SELECT shard, hour + interval '1 hour' AS covers_until,
                 coalesce(sum(qty) FILTER (WHERE sku = 'requests'), 0) AS ended,
                 coalesce(sum(qty) FILTER (WHERE sku <> 'requests'), 0) AS mb_ms
             FROM billing.usage_hour GROUP BY shard, hour
             UNION ALL
             SELECT shard, '{end}Z'::timestamptz + interval '2 hours', 0, 0 FROM generate_series(0, 15) AS shard
         ) AS reported
         WINDOW earlier AS (PARTITION BY shard ORDER BY covers_until),
             before AS (PARTITION BY shard ORDER BY covers_until ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    )
}
