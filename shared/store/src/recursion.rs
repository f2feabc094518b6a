//! What becomes of events that would run a function again in a chain of its own making.

use domain::{FunctionArn, RecursiveLoop};

use crate::catalog::touch_catalog;
use crate::{Error, Store};

impl Store {
    /// `false` where there is no such function.
    pub async fn put_recursive_loop(
        &self,
        arn: &FunctionArn,
        setting: RecursiveLoop,
    ) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        let updated = sqlx::query!(
            "UPDATE function SET recursive_loop = $4 WHERE account_id = $1 AND region = $2 AND name = $3",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            setting.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// `None` where there is no such function.
    pub async fn recursive_loop(&self, arn: &FunctionArn) -> Result<Option<RecursiveLoop>, Error> {
        let setting = sqlx::query_scalar!(
            "SELECT recursive_loop FROM function WHERE account_id = $1 AND region = $2 AND name = $3",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        setting
            .map(|text| text.parse())
            .transpose()
            .map_err(|_| Error::Inconsistent("function.recursive_loop"))
    }
}

#[cfg(test)]
mod tests;
