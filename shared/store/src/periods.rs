//! Billing periods: a customer's calendar months, from open over closing to closed; and who still has to report for them.

use chrono::{DateTime, NaiveDate, Utc};
use domain::AccountId;
use domain::bill::Month;
use domain::bill::close::{Reporter, Reporters};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::accounts::account_id;
use crate::billing_terms::Terms;
use crate::{Error, Store};

/// What a month's charges are rated by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Basis {
    pub(crate) terms: Terms,
    /// Of the latest price there was.
    pub(crate) price_stamp: i64,
}

/// A customer's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) id: i64,
    pub(crate) month: Month,
    pub(crate) closed: bool,
    /// Charges of the hours before this are kept.
    pub(crate) accrued_until: DateTime<Utc>,
    /// What they were rated by.
    pub(crate) basis: Option<Basis>,
}

/// A month of a customer that is not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenMonth {
    pub month: Month,
    pub account: AccountId,
}

struct Row {
    period_id: i64,
    month: NaiveDate,
    state: String,
    accrued_until: DateTime<Utc>,
    book: Option<String>,
    free_tier: Option<bool>,
    price_stamp: Option<i64>,
}

impl TryFrom<Row> for Period {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let basis = match (row.book, row.free_tier, row.price_stamp) {
            (Some(book), Some(free_tier), Some(price_stamp)) => Some(Basis {
                terms: Terms { book, free_tier },
                price_stamp,
            }),
            _ => None,
        };
        Ok(Self {
            id: row.period_id,
            closed: row.state == "closed",
            month: Month::starting(row.month).ok_or(Error::Inconsistent("period.month"))?,
            accrued_until: row.accrued_until,
            basis,
        })
    }
}

impl Store {
    /// Makes the periods that are missing up to `now`: of all months from a customer's first usage on.
    pub async fn ensure_periods(&self, now: DateTime<Utc>) -> Result<(), Error> {
        sqlx::query!(
            "INSERT INTO billing.period (account_id, month, accrued_until)
             SELECT account.id, first.month::date, first.month AT TIME ZONE 'UTC'
             FROM account
             CROSS JOIN LATERAL (
                 SELECT least((SELECT min(hour) FROM billing.usage_hour WHERE account_id = account.id),
                              (SELECT min(month) AT TIME ZONE 'UTC' FROM billing.period WHERE account_id = account.id)) AS hour
             ) AS begun
             -- Without a time zone, so that nobody's setting moves the months.
             CROSS JOIN LATERAL generate_series(date_trunc('month', begun.hour AT TIME ZONE 'UTC'), $1 AT TIME ZONE 'UTC',
                 interval '1 month') AS first (month)
             ORDER BY account.id, first.month
             ON CONFLICT (account_id, month) DO NOTHING",
            now,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Months up to `last` that are not closed, the earliest first.
    pub async fn open_months(&self, last: Month) -> Result<Vec<OpenMonth>, Error> {
        let rows = sqlx::query!(
            "SELECT month, account_id FROM billing.period WHERE state <> 'closed' AND month <= $1 ORDER BY month, account_id",
            last.first_day(),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(OpenMonth {
                    month: Month::starting(row.month).ok_or(Error::Inconsistent("period.month"))?,
                    account: account_id(row.account_id, "period.account_id")?,
                })
            })
            .collect()
    }

    /// Executors that may still report, and up to when they have; with those that were declared lost.
    pub async fn reporters(&self) -> Result<Reporters, Error> {
        reporters(&mut *self.pool.acquire().await?).await
    }

    /// Declares an executor lost, with all starts of it that have not said that they are over. False where there is none.
    pub async fn declare_lost(
        &self,
        executor: Uuid,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let open = self.reporters().await?.0;
        let mut declared = false;
        for one in open.iter().filter(|one| one.executor == executor) {
            sqlx::query!(
                "INSERT INTO billing.lost_executor (executor_id, boot_epoch, declared_at, reason) VALUES ($1, $2, $3, $4)
                 ON CONFLICT DO NOTHING",
                executor,
                one.boot_epoch,
                now,
                reason,
            )
            .execute(&self.pool)
            .await?;
            declared = true;
        }
        Ok(declared)
    }
}

pub(crate) async fn reporters(connection: &mut PgConnection) -> Result<Reporters, Error> {
    let rows = sqlx::query!(
        r#"WITH RECURSIVE epoch AS (
             (SELECT executor_id, boot_epoch FROM billing.usage_batch ORDER BY executor_id, boot_epoch LIMIT 1)
             UNION ALL
             -- From one start of an executor to the next by the primary key: batches are many, starts are few.
             SELECT next.executor_id, next.boot_epoch FROM epoch CROSS JOIN LATERAL (
                 SELECT b.executor_id, b.boot_epoch FROM billing.usage_batch AS b
                 WHERE (b.executor_id, b.boot_epoch) > (epoch.executor_id, epoch.boot_epoch)
                 ORDER BY b.executor_id, b.boot_epoch LIMIT 1
             ) AS next
           )
           SELECT epoch.executor_id AS "executor!", epoch.boot_epoch AS "boot_epoch!", last.covers_until,
               lost.declared_at AS "lost_at?", greatest(coalesce(seen.event, 0) - last.last_event, 0) AS "unreported!"
           FROM epoch
           CROSS JOIN LATERAL (
               SELECT b.covers_until, b.closes_epoch, b.last_event FROM billing.usage_batch AS b
               WHERE b.executor_id = epoch.executor_id AND b.boot_epoch = epoch.boot_epoch
               ORDER BY b.batch_seq DESC LIMIT 1
           ) AS last
           LEFT JOIN billing.lost_executor AS lost
               ON lost.executor_id = epoch.executor_id AND lost.boot_epoch = epoch.boot_epoch
           LEFT JOIN billing.usage_witness AS seen
               ON seen.executor_id = epoch.executor_id AND seen.boot_epoch = epoch.boot_epoch
           WHERE NOT last.closes_epoch
           ORDER BY 1, 2"#
    )
    .fetch_all(connection)
    .await?;
    let reporters = rows.into_iter().map(|row| Reporter {
        executor: row.executor,
        boot_epoch: row.boot_epoch,
        covers_until: row.covers_until,
        lost_at: row.lost_at,
        unreported: row.unreported.max(0).cast_unsigned(),
    });
    Ok(Reporters(reporters.collect()))
}

/// A customer's periods, the earliest first; those that are not closed stay as they are until the transaction ends. Whoever adds
/// charges or closes a month holds them: charges are differences to what is there.
pub(crate) async fn hold(tx: &mut PgConnection, account: AccountId) -> Result<Vec<Period>, Error> {
    sqlx::query!(
        "SELECT period_id FROM billing.period WHERE account_id = $1 AND state <> 'closed' ORDER BY month FOR UPDATE",
        account.number(),
    )
    .fetch_all(&mut *tx)
    .await?;
    // Read again: while we waited, another may have closed one.
    all(tx, account).await
}

/// A customer's periods, the earliest first.
pub(crate) async fn all(
    connection: &mut PgConnection,
    account: AccountId,
) -> Result<Vec<Period>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT period_id, month, state, accrued_until, book, free_tier, price_stamp
         FROM billing.period WHERE account_id = $1 ORDER BY month",
        account.number(),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Period::try_from).collect()
}

/// A customer's period of a month, made where it is missing.
pub(crate) async fn ensure(
    tx: &mut PgConnection,
    account: AccountId,
    month: Month,
) -> Result<i64, Error> {
    sqlx::query!(
        "INSERT INTO billing.period (account_id, month, accrued_until) VALUES ($1, $2, $3)
         ON CONFLICT (account_id, month) DO NOTHING",
        account.number(),
        month.first_day(),
        month.start(),
    )
    .execute(&mut *tx)
    .await?;
    let id = sqlx::query_scalar!(
        "SELECT period_id FROM billing.period WHERE account_id = $1 AND month = $2",
        account.number(),
        month.first_day(),
    )
    .fetch_one(tx)
    .await?;
    Ok(id)
}

/// Charges of the hours before `until` are kept now, rated by `basis`.
pub(crate) async fn accrued(
    tx: &mut PgConnection,
    period: i64,
    until: DateTime<Utc>,
    basis: &Basis,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE billing.period SET accrued_until = $2, book = $3, free_tier = $4, price_stamp = $5
         WHERE period_id = $1
             AND (accrued_until, book, free_tier, price_stamp) IS DISTINCT FROM ($2::timestamptz, $3::text, $4::boolean, $5::bigint)",
        period,
        until,
        basis.terms.book,
        basis.terms.free_tier,
        basis.price_stamp,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The period takes no further charges.
pub(crate) async fn closing(tx: &mut PgConnection, period: i64) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE billing.period SET state = 'closing' WHERE period_id = $1",
        period
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The period takes nothing.
pub(crate) async fn close(
    tx: &mut PgConnection,
    period: i64,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let closed = sqlx::query!(
        "UPDATE billing.period SET state = 'closed', closed_at = $2 WHERE period_id = $1",
        period,
        now,
    )
    .execute(tx)
    .await?;
    if closed.rows_affected() != 1 {
        return Err(Error::Inconsistent("period"));
    }
    Ok(())
}
