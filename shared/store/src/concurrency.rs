//! Concurrency that a function reserves out of its account's.

use domain::FunctionArn;

use crate::catalog::touch_catalog;
use crate::{Error, Store};

/// Why nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NoFunction,
    /// The account's functions without a reservation would be left with less than they must have; at most this many can
    /// be reserved now.
    TooFewLeft {
        reservable: u32,
    },
}

impl Store {
    /// Reserves `wanted` concurrent executions for the function, instead of what it had, if `unreserved_min` stay for the
    /// account's other functions in the region.
    pub async fn reserve_concurrency(
        &self,
        arn: &FunctionArn,
        wanted: u32,
        unreserved_min: u32,
    ) -> Result<Result<(), Refusal>, Error> {
        let mut tx = self.pool.begin().await?;
        // The account's row is locked: two functions must not both take what is left.
        let account = sqlx::query!(
            "SELECT concurrency_limit FROM account WHERE id = $1 FOR NO KEY UPDATE",
            arn.account.number(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(account) = account else {
            return Ok(Err(Refusal::NoFunction));
        };
        let others = sqlx::query_scalar!(
            r#"SELECT coalesce(sum(reserved_concurrency), 0) AS "reserved!" FROM function
               WHERE account_id = $1 AND region = $2 AND name <> $3"#,
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
        )
        .fetch_one(&mut *tx)
        .await?;
        let free = i64::from(account.concurrency_limit) - others;
        let reservable = u32::try_from(free)
            .unwrap_or(0)
            .saturating_sub(unreserved_min);
        if !self.set_reserved(&mut tx, arn, Some(wanted)).await? {
            return Ok(Err(Refusal::NoFunction));
        }
        // Nothing is taken from the others by 0, which stops the function.
        if wanted > reservable && wanted > 0 {
            return Ok(Err(Refusal::TooFewLeft { reservable }));
        }
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Gives back what the function has reserved; `false` where there is no such function.
    pub async fn release_concurrency(&self, arn: &FunctionArn) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        let found = self.set_reserved(&mut tx, arn, None).await?;
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// What the function has reserved; `None` where there is no such function.
    pub async fn reserved_concurrency(
        &self,
        arn: &FunctionArn,
    ) -> Result<Option<Option<u32>>, Error> {
        let row = sqlx::query!(
            "SELECT reserved_concurrency FROM function WHERE account_id = $1 AND region = $2 AND name = $3",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| row.reserved_concurrency.map(i32::cast_unsigned)))
    }

    async fn set_reserved(
        &self,
        connection: &mut sqlx::PgConnection,
        arn: &FunctionArn,
        reserved: Option<u32>,
    ) -> Result<bool, Error> {
        let updated = sqlx::query!(
            "UPDATE function SET reserved_concurrency = $4 WHERE account_id = $1 AND region = $2 AND name = $3",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            reserved.map(u32::cast_signed),
        )
        .execute(connection)
        .await?;
        Ok(updated.rows_affected() > 0)
    }
}

#[cfg(test)]
mod tests;
