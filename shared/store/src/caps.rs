//! Spend caps: what they are, what is drawn from them, and what was spent.
//!
//! `held + settled <= limit_amt` is a check of the database: whatever happens to those who draw, their sum never exceeds the limit. A lease
//! is what one process holds of one cap's month; a process that was not seen for a while loses it, as spent.

use chrono::{DateTime, NaiveDate, Utc};
use domain::bill::Month;
use domain::bill::cap::{Action, Scope};
use domain::price::Currency;
use domain::{AccountId, FunctionName, Region};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::catalog::touch_catalog;
use crate::{Error, Store};

/// Digits of a cap's amounts.
const DIGITS: u32 = 10;

/// A lease that nobody renewed for so long is forfeited, in milliseconds.
pub const FORFEIT_AFTER_MS: u32 = 30_000;

/// A chunk is such a part of the limit, and of what is left at most such a part.
pub const CHUNKS: i64 = 1_024;
const CHUNKS_LEFT: i64 = 16;

/// A cap as somebody set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    pub id: Uuid,
    pub scope: Scope,
    pub limit_e10: i64,
    pub currency: Currency,
    pub action: Action,
}

/// A cap's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapMonth {
    pub cap: Cap,
    /// With processes that run functions.
    pub held_e10: i64,
    pub settled_e10: i64,
    /// Of what is settled, what was lost with its holder.
    pub forfeited_e10: i64,
    /// Spent beyond the limit, where the cap does not stop.
    pub beyond_e10: i64,
    pub reached_at: Option<DateTime<Utc>>,
}

/// A process's part of a cap's month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseKey {
    pub cap: Uuid,
    pub month: Month,
    pub holder: Uuid,
}

/// What drawing from a cap gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// At least what was asked for.
    Got(i64),
    /// Less is left than was asked for.
    Dry,
    /// The holder's lease was forfeited: it needs another id.
    Fenced,
    /// There is no such cap any more.
    Gone,
}

/// What settling with a cap gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The lease goes on. A chunk is so much now: little, when little is left.
    Kept { chunk_e10: i64 },
    /// The lease was forfeited, or will be, with all that was in it.
    Forfeited,
}

struct CapRow {
    id: Uuid,
    scope: String,
    limit_amt: Decimal,
    currency: String,
    action: String,
}

impl TryFrom<CapRow> for Cap {
    type Error = Error;

    fn try_from(row: CapRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            scope: row
                .scope
                .parse()
                .map_err(|_| Error::Inconsistent("cap.scope"))?,
            limit_e10: e10(row.limit_amt)?,
            currency: row
                .currency
                .parse()
                .map_err(|_| Error::Inconsistent("cap.currency"))?,
            action: row
                .action
                .parse()
                .map_err(|_| Error::Inconsistent("cap.action"))?,
        })
    }
}

fn e10(amount: Decimal) -> Result<i64, Error> {
    let scaled = amount.checked_mul(Decimal::from(10_i64.pow(DIGITS)));
    let scaled = scaled.and_then(|amount| i64::try_from(amount).ok());
    scaled.ok_or(Error::Inconsistent("spend_cap"))
}

fn amount(e10: i64) -> Decimal {
    Decimal::new(e10, DIGITS)
}

/// What is drawn at once, and what a process keeps that it does not need.
fn chunk_e10(limit_e10: i64, left_e10: i64) -> i64 {
    (limit_e10 / CHUNKS).min(left_e10 / CHUNKS_LEFT)
}

fn first_day(month: Month) -> NaiveDate {
    month.start().date_naive()
}

impl Store {
    /// The caps that a function is under.
    pub async fn caps_of_function(
        &self,
        account: AccountId,
        region: &Region,
        name: &FunctionName,
    ) -> Result<Vec<Cap>, Error> {
        let rows = sqlx::query_as!(
            CapRow,
            "SELECT id, scope, limit_amt, currency, action FROM billing.cap
             WHERE account_id = $1 AND (scope = 'account' OR scope = 'function:' || $2 || ':' || $3
                 OR scope IN (SELECT 'tag:' || key || '=' || value FROM function_tag
                     WHERE account_id = $1 AND region = $2 AND function_name = $3))
             ORDER BY id",
            account.number(),
            region.as_str(),
            name.as_str(),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Cap::try_from).collect()
    }

    /// An account's caps, or all there are, with their month.
    pub async fn cap_months(
        &self,
        account: Option<AccountId>,
        month: Month,
    ) -> Result<Vec<(AccountId, CapMonth)>, Error> {
        let rows = sqlx::query!(
            r#"SELECT cap.account_id, cap.id, cap.scope, cap.limit_amt, cap.currency, cap.action,
                   coalesce(month.held, 0) AS "held!", coalesce(month.settled, 0) AS "settled!",
                   coalesce(month.forfeited, 0) AS "forfeited!", coalesce(month.beyond, 0) AS "beyond!", month.reached_at AS "reached_at?"
               FROM billing.cap LEFT JOIN billing.spend_cap AS month ON month.cap_id = cap.id AND month.month = $2
               WHERE $1::bigint IS NULL OR cap.account_id = $1 ORDER BY cap.account_id, cap.scope"#,
            account.map(AccountId::number),
            first_day(month),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let account = u64::try_from(row.account_id).ok().and_then(AccountId::new);
                let cap = CapRow {
                    id: row.id,
                    scope: row.scope,
                    limit_amt: row.limit_amt,
                    currency: row.currency,
                    action: row.action,
                };
                let month = CapMonth {
                    cap: cap.try_into()?,
                    held_e10: e10(row.held)?,
                    settled_e10: e10(row.settled)?,
                    forfeited_e10: e10(row.forfeited)?,
                    beyond_e10: e10(row.beyond)?,
                    reached_at: row.reached_at,
                };
                Ok((account.ok_or(Error::Inconsistent("cap.account_id"))?, month))
            })
            .collect()
    }

    /// Sets an account's cap, replacing the one of the same scope. `spent_e10`: what the month has cost before there was a cap.
    /// A limit below what is spent and held stops at once.
    pub async fn set_cap(
        &self,
        account: AccountId,
        cap: &Cap,
        spent_e10: i64,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        let id = sqlx::query_scalar!(
            "INSERT INTO billing.cap (id, account_id, scope, limit_amt, currency, action, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (account_id, scope) DO UPDATE SET limit_amt = excluded.limit_amt, currency = excluded.currency,
                 action = excluded.action, changed_at = excluded.changed_at
             RETURNING id",
            cap.id,
            account.number(),
            cap.scope.to_string(),
            amount(cap.limit_e10),
            cap.currency.as_str(),
            cap.action.to_string(),
            now,
        )
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query!(
            "INSERT INTO billing.spend_cap AS month (cap_id, month, limit_amt, settled, beyond)
             VALUES ($1, $2, $3, least($4, $3::numeric), greatest($4 - $3::numeric, 0))
             ON CONFLICT (cap_id, month) DO UPDATE SET limit_amt = greatest($3, month.held + month.settled),
                 -- What went beyond the old limit is under the new one, as far as that reaches.
                 settled = month.settled + least(month.beyond, greatest($3 - month.held - month.settled, 0)),
                 beyond = month.beyond - least(month.beyond, greatest($3 - month.held - month.settled, 0)),
                 reached_at = CASE WHEN $3 > month.held + month.settled + month.beyond THEN NULL ELSE month.reached_at END",
            id,
            first_day(Month::of(now)),
            amount(cap.limit_e10),
            amount(spent_e10),
        )
        .execute(&mut *tx)
        .await?;
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Removes an account's cap; false where there is none of this scope.
    pub async fn remove_cap(&self, account: AccountId, scope: &Scope) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        let removed = sqlx::query!(
            "DELETE FROM billing.cap WHERE account_id = $1 AND scope = $2",
            account.number(),
            scope.to_string(),
        )
        .execute(&mut *tx)
        .await?;
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(removed.rows_affected() > 0)
    }

    /// Draws from a cap's month: `least_e10` or more, as a chunk that shrinks with what is left.
    pub async fn draw(
        &self,
        key: LeaseKey,
        least_e10: i64,
        now: DateTime<Utc>,
    ) -> Result<Drawn, Error> {
        let month = first_day(key.month);
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "INSERT INTO billing.spend_cap (cap_id, month, limit_amt) SELECT id, $2, limit_amt FROM billing.cap WHERE id = $1
             ON CONFLICT DO NOTHING",
            key.cap,
            month,
        )
        .execute(&mut *tx)
        .await?;
        // Locked by a statement of its own: the ones after it see what others did until then.
        let row = sqlx::query!(
            "SELECT limit_amt, held, settled FROM billing.spend_cap WHERE cap_id = $1 AND month = $2 FOR UPDATE",
            key.cap,
            month,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else {
            return Ok(Drawn::Gone);
        };
        let limit_e10 = e10(row.limit_amt)?;
        let free_e10 = limit_e10 - e10(row.held)? - e10(row.settled)?;
        if free_e10 < least_e10 {
            sqlx::query!(
                "UPDATE billing.spend_cap SET reached_at = coalesce(reached_at, $3) WHERE cap_id = $1 AND month = $2",
                key.cap,
                month,
                now,
            )
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
            return Ok(Drawn::Dry);
        }
        let got = chunk_e10(limit_e10, free_e10).clamp(least_e10, free_e10);
        sqlx::query!(
            "UPDATE billing.spend_cap SET held = held + $3 WHERE cap_id = $1 AND month = $2",
            key.cap,
            month,
            amount(got),
        )
        .execute(&mut *tx)
        .await?;
        let leased = sqlx::query!(
            "INSERT INTO billing.cap_lease AS lease (cap_id, month, holder, amount) VALUES ($1, $2, $3, $4)
             ON CONFLICT (cap_id, month, holder) DO UPDATE SET amount = lease.amount + excluded.amount, seen_at = now()
                 WHERE lease.state = 'held'",
            key.cap,
            month,
            key.holder,
            amount(got),
        )
        .execute(&mut *tx)
        .await?;
        if leased.rows_affected() == 0 {
            // Nothing was drawn.
            return Ok(Drawn::Fenced);
        }
        tx.commit().await?;
        Ok(Drawn::Got(got))
    }

    /// Settles what was spent of a lease, gives back what is not needed, and says that the holder lives. `beyond_e10` was spent without a
    /// hold, where a cap does not stop.
    pub async fn settle_lease(
        &self,
        key: LeaseKey,
        (spent_e10, back_e10, beyond_e10): (i64, i64, i64),
    ) -> Result<Settled, Error> {
        let month = first_day(key.month);
        let mut tx = self.pool.begin().await?;
        // First the month, then the lease: the order of all who lock both.
        let row = sqlx::query!(
            "UPDATE billing.spend_cap SET beyond = beyond + $3 WHERE cap_id = $1 AND month = $2
             RETURNING limit_amt, held, settled",
            key.cap,
            month,
            amount(beyond_e10),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let kept = sqlx::query!(
            "UPDATE billing.cap_lease SET amount = amount - $4, seen_at = now()
             WHERE cap_id = $1 AND month = $2 AND holder = $3 AND state = 'held'",
            key.cap,
            month,
            key.holder,
            amount(spent_e10.saturating_add(back_e10)),
        )
        .execute(&mut *tx)
        .await;
        let held = match kept {
            Ok(kept) => kept.rows_affected() > 0,
            // More than there is: an answer was lost after its commit, so this would count twice. The lease will be forfeited.
            Err(sqlx::Error::Database(error)) if error.is_check_violation() => {
                return Ok(Settled::Forfeited);
            }
            Err(error) => return Err(error.into()),
        };
        if held {
            sqlx::query!(
                "UPDATE billing.spend_cap SET held = held - $3 - $4, settled = settled + $3 WHERE cap_id = $1 AND month = $2",
                key.cap,
                month,
                amount(spent_e10),
                amount(back_e10),
            )
            .execute(&mut *tx)
            .await?;
        }
        if tx.commit().await.is_err() {
            // Nobody knows whether it happened, and done again it could count twice, so that others draw what is spent already
            // here. So the lease is left as it is, and will count as spent.
            return Ok(Settled::Forfeited);
        }
        if !held && (spent_e10 != 0 || back_e10 != 0) {
            return Ok(Settled::Forfeited);
        }
        let chunk_e10 = match row {
            Some(row) => {
                let limit_e10 = e10(row.limit_amt)?;
                let left_e10 = limit_e10 - e10(row.held)? - e10(row.settled)? + back_e10;
                chunk_e10(limit_e10, left_e10)
            }
            None => 0,
        };
        Ok(Settled::Kept { chunk_e10 })
    }

    /// Counts as spent what is with holders that were not seen for `after_ms`: what ran under them may have cost it. Says how many leases.
    pub async fn forfeit_leases(&self, after_ms: u32) -> Result<u64, Error> {
        let mut forfeited = 0;
        let stale = sqlx::query!(
            "SELECT cap_id, month, holder FROM billing.cap_lease
             WHERE state = 'held' AND seen_at < now() - $1 * interval '1 millisecond' LIMIT 1000",
            f64::from(after_ms),
        )
        .fetch_all(&self.pool)
        .await?;
        for lease in stale {
            let mut tx = self.pool.begin().await?;
            sqlx::query!(
                "SELECT FROM billing.spend_cap WHERE cap_id = $1 AND month = $2 FOR UPDATE",
                lease.cap_id,
                lease.month,
            )
            .fetch_optional(&mut *tx)
            .await?;
            let done = sqlx::query!(
                "WITH lost AS (
                   UPDATE billing.cap_lease SET state = 'forfeited'
                   WHERE cap_id = $1 AND month = $2 AND holder = $3 AND state = 'held' AND seen_at < now() - $4 * interval '1 millisecond'
                   RETURNING amount
                 )
                 UPDATE billing.spend_cap SET held = held - amount, settled = settled + amount, forfeited = forfeited + amount
                 FROM lost WHERE cap_id = $1 AND month = $2",
                lease.cap_id,
                lease.month,
                lease.holder,
                f64::from(after_ms),
            )
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
            forfeited += done.rows_affected();
        }
        Ok(forfeited)
    }
}

#[cfg(test)]
mod tests;
