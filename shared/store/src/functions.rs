//! Functions: created and deleted as a whole, and resolved to what an Invoke runs.

use std::collections::BTreeMap;

use domain::{
    AccountId, Egress, FunctionArn, FunctionName, FunctionSpec, FunctionVersion, Qualifier, Region,
    Stamp,
};
use sqlx::PgConnection;

use crate::catalog::touch_catalog;
use crate::version_row::{VersionRow, number};
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
}

/// As [`Target`], with all that is known of the versions.
pub(crate) struct Found {
    pub(crate) versions: Vec<(FunctionVersion, f64)>,
    reserved: Option<u32>,
    account: u32,
    unreserved: u32,
    egress: Egress,
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
    /// What an Invoke of this function runs. Two reads of one snapshot; callers keep the answer until the catalog's stamp moves.
    pub async fn resolve(
        &self,
        account: AccountId,
        region: &Region,
        name: &FunctionName,
        qualifier: Option<&Qualifier>,
    ) -> Result<Resolved, Error> {
        Ok(
            match self
                .resolve_versions(account, region, name, qualifier)
                .await?
            {
                Resolved::NoFunction => Resolved::NoFunction,
                Resolved::NoQualifier => Resolved::NoQualifier,
                Resolved::Found(found) => Resolved::Found(Target {
                    state: found
                        .versions
                        .first()
                        .map_or(State::Failed, |(version, _)| version.state),
                    versions: found
                        .versions
                        .into_iter()
                        .map(|(version, weight)| (version.into_spec(found.egress), weight))
                        .collect(),
                    reserved_concurrency: found.reserved,
                    account_concurrency: found.account,
                    unreserved: found.unreserved,
                }),
            },
        )
    }

    /// The versions behind a name, the main one first.
    pub(crate) async fn resolve_versions(
        &self,
        account: AccountId,
        region: &Region,
        name: &FunctionName,
        qualifier: Option<&Qualifier>,
    ) -> Result<Resolved<Found>, Error> {
        // One snapshot: an alias moved between the two reads must not look like one that points nowhere.
        let mut tx = self
            .pool
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let (asked, alias) = match qualifier {
            None => (Some(0), None),
            Some(Qualifier::Version(version)) => (Some(number(*version)), None),
            Some(Qualifier::Alias(alias)) => (None, Some(alias.as_str())),
        };
        let limits = sqlx::query!(
            r#"
            SELECT function.reserved_concurrency, account.concurrency_limit,
                coalesce((
                    SELECT sum(other.reserved_concurrency) FROM function AS other
                    WHERE other.account_id = $1 AND other.region = $2
                ), 0) AS "reserved!",
                (
                    SELECT value FROM function_tag
                    WHERE account_id = $1 AND region = $2 AND function_name = $3 AND key = $6
                ) AS egress,
                coalesce($4, alias.number) AS number, alias.other_number AS "other_number?",
                alias.other_weight AS "other_weight?"
            FROM function
            JOIN account ON account.id = function.account_id
            LEFT JOIN alias ON alias.account_id = $1 AND alias.region = $2 AND alias.function_name = $3
                AND alias.name = $5
            WHERE function.account_id = $1 AND function.region = $2 AND function.name = $3
            "#,
            account.number(),
            region.as_str(),
            name.as_str(),
            asked,
            alias,
            domain::egress::TAG,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(limits) = limits else {
            return Ok(Resolved::NoFunction);
        };
        let Some(main) = limits.number else {
            return Ok(Resolved::NoQualifier);
        };
        let (other, weight) = match (limits.other_number, limits.other_weight) {
            (Some(other), Some(weight)) if weight > 0.0 => (other, weight),
            _ => (main, 0.0),
        };
        let mut versions = Vec::with_capacity(2);
        for version in self
            .versions_in(&mut tx, account, region, name, [main, other])
            .await?
        {
            let is_main = number(version.version) == main;
            versions.push((version, if is_main { 1.0 - weight } else { weight }));
        }
        versions.sort_by_key(|(version, _)| number(version.version) != main);
        tx.commit().await?;
        if versions.is_empty() {
            return Ok(Resolved::NoQualifier);
        }
        let account_limit = limits.concurrency_limit.cast_unsigned();
        Ok(Resolved::Found(Found {
            versions,
            reserved: limits.reserved_concurrency.map(i32::cast_unsigned),
            account: account_limit,
            unreserved: account_limit.saturating_sub(u32::try_from(limits.reserved).unwrap_or(0)),
            // Such a tag may be older than its meaning: then it asks for nothing.
            egress: Egress::of_tag(limits.egress.as_deref()).unwrap_or_default(),
        }))
    }

    async fn versions_in(
        &self,
        connection: &mut PgConnection,
        account: AccountId,
        region: &Region,
        name: &FunctionName,
        numbers: [i32; 2],
    ) -> Result<Vec<FunctionVersion>, Error> {
        let rows = sqlx::query_as!(
            VersionRow,
            r#"
            SELECT account_id, region, function_name, number, description, role, runtime, handler, architecture,
                memory_mb, timeout_s, ephemeral_mb, environment, tracing_mode, log_format, application_log_level,
                system_log_level, code_sha256, code_size, state, revision_id, change_id, last_modified
            FROM function_version
            WHERE account_id = $1 AND region = $2 AND function_name = $3 AND number = ANY($4)
            "#,
            account.number(),
            region.as_str(),
            name.as_str(),
            &numbers[..],
        )
        .fetch_all(connection)
        .await?;
        rows.into_iter().map(|row| row.open(&self.vault)).collect()
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
