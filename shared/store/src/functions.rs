//! Functions: created and deleted as a whole, and resolved to what an Invoke runs.

mod resolve;

use std::collections::BTreeMap;

use domain::{
    AccountId, AsyncSettings, FunctionArn, FunctionSpec, FunctionVersion, Qualifier, Region, Stamp,
};

use crate::catalog::touch_catalog;
use crate::version_row::number;
use crate::{Error, Store};

pub use domain::State;

/// The constraint that refuses a second function of one name.
pub const FUNCTION_EXISTS: &str = "function_pkey";

/// What a name means, or which part of it means nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved<T = Target> {
    NoFunction,
    /// The function exists, but no such version or alias of it.
    NoQualifier,
    Found(T),
}

/// What an Invoke of a function and qualifier runs, and under which limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// One version, or the two of a weighted alias; the weights add up to 1.
    pub versions: Vec<(FunctionSpec, f64)>,
    /// Of the first version.
    pub state: State,
    /// Concurrent executions kept for this function alone, and its limit.
    pub reserved_concurrency: Option<u32>,
    /// Concurrent executions over all functions of the account in this region.
    pub account_concurrency: u32,
    /// What the account's functions without a reservation share.
    pub unreserved: u32,
    /// What decides about its asynchronous invocations.
    pub async_settings: AsyncSettings,
}

/// What functions of an account in a region take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub functions: u64,
    /// Bytes of all versions' zips, each version counted.
    pub code_bytes: u64,
    /// Concurrent executions over all functions.
    pub concurrency_limit: u32,
    /// Of these, not reserved by a function.
    pub unreserved: u32,
}

impl Store {
    /// The account's functions in all regions, or those with a tag.
    pub async fn function_arns(
        &self,
        account: AccountId,
        tag: Option<(&str, &str)>,
    ) -> Result<Vec<FunctionArn>, Error> {
        let rows = sqlx::query!(
            "SELECT region, name FROM function
             WHERE account_id = $1 AND ($2::text IS NULL OR EXISTS (SELECT FROM function_tag AS tag
                 WHERE tag.account_id = $1 AND tag.region = function.region AND tag.function_name = function.name
                     AND tag.key = $2 AND tag.value = $3))
             ORDER BY region, name",
            account.number(),
            tag.map(|(key, _)| key),
            tag.map(|(_, value)| value),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(FunctionArn {
                    region: row
                        .region
                        .parse()
                        .map_err(|_| Error::Inconsistent("function.region"))?,
                    account,
                    name: row
                        .name
                        .parse()
                        .map_err(|_| Error::Inconsistent("function.name"))?,
                    qualifier: None,
                })
            })
            .collect()
    }

    /// Creates a function with its `$LATEST` and tags; answers that, or the version that `publish` made of it.
    ///
    /// The error's constraint is [`FUNCTION_EXISTS`] where the name is taken. The code must be in the blob store already.
    pub async fn create_function(
        &self,
        latest: FunctionVersion,
        tags: &BTreeMap<String, String>,
        publish: bool,
        stamp: Stamp,
    ) -> Result<FunctionVersion, Error> {
        let arn = latest.arn.clone();
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "INSERT INTO function (account_id, region, name, created_at) VALUES ($1, $2, $3, $4)",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            stamp.at,
        )
        .execute(&mut *tx)
        .await?;
        self.insert_version(&mut tx, &latest).await?;
        crate::tags::put(&mut tx, &arn, tags).await?;
        let answer = if publish {
            self.publish_from(&mut tx, latest, None, stamp).await?
        } else {
            latest
        };
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Deletes a function with all that belongs to it; `false` where there is none. Its code stays in the blob store until
    /// nothing has asked for it for a while: other functions may share it.
    pub async fn delete_function(&self, arn: &FunctionArn) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        let deleted = sqlx::query!(
            "DELETE FROM function WHERE account_id = $1 AND region = $2 AND name = $3",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Whether the function exists.
    pub async fn function_exists(&self, arn: &FunctionArn) -> Result<bool, Error> {
        let row = sqlx::query!(
            "SELECT 1 AS one FROM function WHERE account_id = $1 AND region = $2 AND name = $3",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.is_some())
    }

    /// Whether the function exists, and the version or alias that the ARN names.
    pub async fn qualifier_exists(&self, arn: &FunctionArn) -> Result<bool, Error> {
        let (version, alias) = match &arn.qualifier {
            None => (None, None),
            Some(Qualifier::Version(version)) => (Some(number(*version)), None),
            Some(Qualifier::Alias(alias)) => (None, Some(alias.as_str())),
        };
        let row = sqlx::query!(
            "SELECT 1 AS one FROM function
             WHERE account_id = $1 AND region = $2 AND name = $3
                 AND ($4::integer IS NULL OR EXISTS (
                     SELECT 1 FROM function_version
                     WHERE account_id = $1 AND region = $2 AND function_name = $3 AND number = $4))
                 AND ($5::text IS NULL OR EXISTS (
                     SELECT 1 FROM alias
                     WHERE account_id = $1 AND region = $2 AND function_name = $3 AND name = $5))",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            version,
            alias,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.is_some())
    }

    /// What the account's functions in this region take up; `None` for an unknown account.
    pub async fn function_usage(
        &self,
        account: AccountId,
        region: &Region,
    ) -> Result<Option<Usage>, Error> {
        let row = sqlx::query!(
            r#"
            SELECT account.concurrency_limit,
                (SELECT count(*) FROM function WHERE account_id = $1 AND region = $2) AS "functions!",
                coalesce((
                    SELECT sum(code_size)::bigint FROM function_version WHERE account_id = $1 AND region = $2
                ), 0) AS "code_bytes!",
                coalesce((
                    SELECT sum(reserved_concurrency) FROM function WHERE account_id = $1 AND region = $2
                ), 0) AS "reserved!"
            FROM account
            WHERE id = $1
            "#,
            account.number(),
            region.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| {
            let concurrency_limit = row.concurrency_limit.cast_unsigned();
            Usage {
                functions: row.functions.cast_unsigned(),
                code_bytes: row.code_bytes.cast_unsigned(),
                concurrency_limit,
                unreserved: concurrency_limit
                    .saturating_sub(u32::try_from(row.reserved).unwrap_or(0)),
            }
        }))
    }
}

#[cfg(test)]
mod tests;
