//! Usage: sealed batches of the executors' spools, counted exactly once, and the hours they add up to.

use chrono::{DateTime, Utc};
use domain::price::Sku;
use domain::usage::{Batch, BatchId, Counts};
use domain::{AccountId, Region};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{Error, Store};

mod rows;

pub(crate) use rows::Rows;

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ingested {
    /// It is committed, and its sums with it.
    Counted,
    /// It had been counted before, with the same content: the acknowledgement was lost.
    Known,
    /// Batches before it have not arrived: this one is not taken. Says which batch and event must come next.
    Gap { next_batch: i64, next_event: i64 },
    /// Another content was counted under the same id: this one is not taken, and somebody must look.
    Equivocation,
}

/// What a function used of one SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionUsage {
    pub region: Region,
    /// The function's ARN without a qualifier.
    pub resource: String,
    pub sku: Sku,
    /// In quanta of the SKU.
    pub quantity: i128,
}

/// Invariant I2: what batches and settlements say they added, and what the hours hold. Both sides are equal, always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    pub ended: i128,
    pub mb_ms: i128,
    pub hours_requests: i128,
    pub hours_mb_ms: i128,
}

impl Balance {
    pub fn holds(&self) -> bool {
        self.ended == self.hours_requests && self.mb_ms == self.hours_mb_ms
    }
}

/// A boot epoch of an executor, as far as its batches have arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    pub boot_epoch: i64,
    pub batches: i64,
    pub last_event: i64,
    pub covers_until: DateTime<Utc>,
    /// The executor has said that nothing follows.
    pub closed: bool,
    pub counts: Counts,
}

impl Store {
    /// Counts a sealed batch: its row and its sums commit together, or neither does. Safe to repeat, and safe to call
    /// from several places at once.
    pub async fn ingest_usage(&self, batch: &Batch) -> Result<Ingested, Error> {
        if self.insert_batch(batch).await? {
            return Ok(Ingested::Counted);
        }
        let id = batch.id;
        let known = sqlx::query_scalar!(
            "SELECT payload_sha256 FROM billing.usage_batch
             WHERE executor_id = $1 AND boot_epoch = $2 AND batch_seq = $3",
            id.executor,
            id.boot_epoch,
            id.batch_seq,
        )
        .fetch_optional(&self.pool)
        .await?;
        match known {
            Some(sha256) if sha256 == batch.sha256 => Ok(Ingested::Known),
            Some(_) => Ok(Ingested::Equivocation),
            None => self.usage_gap(id).await,
        }
    }

    /// One transaction. False where the batch was there already or is not the next one: then nothing is added.
    async fn insert_batch(&self, batch: &Batch) -> Result<bool, Error> {
        let counts = batch.counts;
        let mut tx = self.pool.begin().await?;
        let inserted = sqlx::query!(
            "WITH last AS (
                 SELECT batch_seq, last_event, closes_epoch FROM billing.usage_batch
                 WHERE executor_id = $1 AND boot_epoch = $2
                 ORDER BY batch_seq DESC LIMIT 1
             )
             INSERT INTO billing.usage_batch (executor_id, boot_epoch, batch_seq, first_event, last_event,
                 covers_until, payload_sha256, started, ended, platform_lost, missing, closes_epoch, mb_ms, settled_apart)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
             -- Held unless it is the very next one: a gap would otherwise never be noticed.
             WHERE coalesce((SELECT batch_seq FROM last), 0) + 1 = $3
               AND coalesce((SELECT last_event FROM last), 0) + 1 = $4
               AND NOT coalesce((SELECT closes_epoch FROM last), false)
             ON CONFLICT DO NOTHING",
            batch.id.executor,
            batch.id.boot_epoch,
            batch.id.batch_seq,
            batch.first_event,
            batch.last_event,
            batch.covers_until,
            batch.sha256.as_slice(),
            counts.started,
            counts.ended,
            counts.platform_lost,
            counts.missing,
            batch.closes_epoch,
            decimal(batch.sums.mb_ms())?,
            counts.settled_apart,
        )
        .execute(&mut *tx)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(false);
        }
        self.usage_rows
            .add(&mut tx, batch.id.executor, &batch.sums)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn usage_gap(&self, id: BatchId) -> Result<Ingested, Error> {
        let last = sqlx::query!(
            "SELECT batch_seq, last_event FROM billing.usage_batch
             WHERE executor_id = $1 AND boot_epoch = $2
             ORDER BY batch_seq DESC LIMIT 1",
            id.executor,
            id.boot_epoch,
        )
        .fetch_optional(&self.pool)
        .await?;
        let (batch, event) = last.map_or((0, 0), |last| (last.batch_seq, last.last_event));
        Ok(Ingested::Gap {
            next_batch: batch + 1,
            next_event: event + 1,
        })
    }

    /// An account's usage by function and SKU over the hours `from..to`, in all regions or in one.
    pub async fn usage_by_function(
        &self,
        account: AccountId,
        region: Option<&Region>,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<FunctionUsage>, Error> {
        let rows = sqlx::query_as!(
            UsageRow,
            r#"SELECT region, resource, sku, sum(qty)::text AS "quantity!" FROM billing.usage_hour
               WHERE account_id = $1 AND hour >= $2 AND hour < $3 AND ($4::text IS NULL OR region = $4)
               GROUP BY region, resource, sku ORDER BY region, resource, sku"#,
            account.number(),
            from,
            to,
            region.map(Region::as_str),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(FunctionUsage::try_from).collect()
    }

    /// Both sides of invariant I2 over everything that was ever ingested, in one snapshot.
    pub async fn usage_balance(&self) -> Result<Balance, Error> {
        let row = sqlx::query!(
            r#"SELECT batch.ended::text AS "ended!", batch.mb_ms::text AS "mb_ms!",
                   hours.requests::text AS "requests!", hours.mb_ms::text AS "hours_mb_ms!"
               FROM (SELECT coalesce(sum(ended), 0) AS ended, coalesce(sum(mb_ms), 0) AS mb_ms
                     FROM (SELECT ended - settled_apart AS ended, mb_ms FROM billing.usage_batch
                           UNION ALL SELECT requests, mb_ms FROM billing.usage_settlement) AS added) AS batch,
                    (SELECT coalesce(sum(qty) FILTER (WHERE sku = 'requests'), 0) AS requests,
                            coalesce(sum(qty) FILTER (WHERE sku <> 'requests'), 0) AS mb_ms
                     FROM billing.usage_hour WHERE revision = 0) AS hours"#
        )
        .fetch_one(&self.pool)
        .await?;
        let number = |text: &str| text.parse().map_err(|_| Error::Inconsistent("usage_batch"));
        Ok(Balance {
            ended: number(&row.ended)?,
            mb_ms: number(&row.mb_ms)?,
            hours_requests: number(&row.requests)?,
            hours_mb_ms: number(&row.hours_mb_ms)?,
        })
    }

    /// The boot epochs of an executor, oldest first: what the invariant "started = ended + lost" is checked on.
    pub async fn usage_epochs(&self, executor: Uuid) -> Result<Vec<Epoch>, Error> {
        let rows = sqlx::query!(
            r#"SELECT boot_epoch, count(*) AS "batches!", max(last_event) AS "last_event!",
                   max(covers_until) AS "covers_until!", bool_or(closes_epoch) AS "closed!",
                   sum(started)::bigint AS "started!", sum(ended)::bigint AS "ended!",
                   sum(platform_lost)::bigint AS "platform_lost!", sum(missing)::bigint AS "missing!",
                   sum(settled_apart)::bigint AS "settled_apart!"
               FROM billing.usage_batch WHERE executor_id = $1 GROUP BY boot_epoch ORDER BY boot_epoch"#,
            executor,
        )
        .fetch_all(&self.pool)
        .await?;
        let epochs = rows.into_iter().map(|row| Epoch {
            boot_epoch: row.boot_epoch,
            batches: row.batches,
            last_event: row.last_event,
            covers_until: row.covers_until,
            closed: row.closed,
            counts: Counts {
                started: row.started,
                ended: row.ended,
                platform_lost: row.platform_lost,
                missing: row.missing,
                settled_apart: row.settled_apart,
            },
        });
        Ok(epochs.collect())
    }
}

pub(crate) fn decimal(quantity: i128) -> Result<Decimal, Error> {
    Decimal::try_from_i128_with_scale(quantity, 0)
        .map_err(|_| Error::Inconsistent("usage_hour.qty"))
}

/// Sums come as text: a `numeric(38,0)` need not fit into what the driver decodes.
struct UsageRow {
    region: String,
    resource: String,
    sku: String,
    quantity: String,
}

impl TryFrom<UsageRow> for FunctionUsage {
    type Error = Error;

    fn try_from(row: UsageRow) -> Result<Self, Error> {
        let wrong = |column| move |_| Error::Inconsistent(column);
        Ok(Self {
            region: row.region.parse().map_err(wrong("usage_hour.region"))?,
            resource: row.resource,
            sku: row.sku.parse().map_err(wrong("usage_hour.sku"))?,
            quantity: row
                .quantity
                .parse()
                .map_err(|_| Error::Inconsistent("usage_hour.qty"))?,
        })
    }
}

#[cfg(test)]
mod tests;
