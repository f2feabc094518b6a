//! From a name and qualifier to what runs, under which limits and settings.

use domain::event_config::Backoff;
use domain::{
    AccountId, AsyncSettings, Egress, FunctionName, FunctionVersion, Qualifier, Region, Version,
};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::{Resolved, State, Target};
use crate::version_row::{VersionRow, number};
use crate::{Error, Store, async_policies, event_invoke_configs};

/// As [`Target`], with all that is known of the versions.
pub(crate) struct Found {
    pub(crate) versions: Vec<(FunctionVersion, f64)>,
    reserved: Option<u32>,
    account: u32,
    unreserved: u32,
    settings: AsyncSettings,
    egress: Egress,
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
                Resolved::Found(found) => Resolved::Found(found.into_target()),
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
        let mut tx = self.snapshot().await?;
        let Some(row) = function_row(&mut tx, account, region, name, qualifier).await? else {
            return Ok(Resolved::NoFunction);
        };
        let Some(main) = row.number else {
            return Ok(Resolved::NoQualifier);
        };
        let (other, weight) = match (row.other_number, row.other_weight) {
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
        row.found(versions).map(Resolved::Found)
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
                system_log_level, dead_letter_target, code_sha256, code_size, state, revision_id, change_id,
                last_modified
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
}

impl Found {
    fn into_target(self) -> Target {
        Target {
            state: self
                .versions
                .first()
                .map_or(State::Failed, |(version, _)| version.state),
            versions: self
                .versions
                .into_iter()
                .map(|(version, weight)| (version.into_spec(self.egress), weight))
                .collect(),
            reserved_concurrency: self.reserved,
            account_concurrency: self.account,
            unreserved: self.unreserved,
            async_settings: self.settings,
        }
    }
}

/// All that is known of a function and qualifier, but the versions themselves.
struct FunctionRow {
    reserved_concurrency: Option<i32>,
    recursive_loop: String,
    concurrency_limit: i32,
    /// By all functions of the account.
    reserved: i64,
    /// The tag's value.
    egress: Option<String>,
    number: Option<i32>,
    other_number: Option<i32>,
    other_weight: Option<f64>,
    max_retry_attempts: Option<i16>,
    max_event_age_s: Option<i32>,
    on_success: Option<String>,
    on_failure: Option<String>,
    policy_max_attempts: Option<i16>,
    policy_max_event_age_s: Option<i32>,
    backoff: Option<Json<Backoff>>,
    priority: Option<String>,
}

async fn function_row(
    connection: &mut PgConnection,
    account: AccountId,
    region: &Region,
    name: &FunctionName,
    qualifier: Option<&Qualifier>,
) -> Result<Option<FunctionRow>, Error> {
    let (asked, alias) = match qualifier {
        None => (Some(0), None),
        Some(Qualifier::Version(version)) => (Some(number(*version)), None),
        Some(Qualifier::Alias(alias)) => (None, Some(alias.as_str())),
    };
    let configured = qualifier.map_or_else(|| Version::Latest.to_string(), ToString::to_string);
    let row = sqlx::query_as!(
        FunctionRow,
        r#"
        SELECT function.reserved_concurrency, function.recursive_loop, account.concurrency_limit,
            coalesce((
                SELECT sum(other.reserved_concurrency) FROM function AS other
                WHERE other.account_id = $1 AND other.region = $2
            ), 0) AS "reserved!",
            (
                SELECT value FROM function_tag
                WHERE account_id = $1 AND region = $2 AND function_name = $3 AND key = $7
            ) AS egress,
            coalesce($4, alias.number) AS number, alias.other_number AS "other_number?",
            alias.other_weight AS "other_weight?",
            config.max_retry_attempts AS "max_retry_attempts?", config.max_event_age_s AS "max_event_age_s?",
            config.on_success AS "on_success?", config.on_failure AS "on_failure?",
            policy.max_attempts AS "policy_max_attempts?", policy.max_event_age_s AS "policy_max_event_age_s?",
            policy.backoff AS "backoff?: Json<Backoff>", policy.priority AS "priority?"
        FROM function
        JOIN account ON account.id = function.account_id
        LEFT JOIN alias ON alias.account_id = $1 AND alias.region = $2 AND alias.function_name = $3
            AND alias.name = $5
        LEFT JOIN event_invoke_config AS config ON config.account_id = $1 AND config.region = $2
            AND config.function_name = $3 AND config.qualifier = $6
        LEFT JOIN async_policy AS policy ON policy.account_id = $1 AND policy.region = $2
            AND policy.function_name = $3
        WHERE function.account_id = $1 AND function.region = $2 AND function.name = $3
        "#,
        account.number(),
        region.as_str(),
        name.as_str(),
        asked,
        alias,
        configured,
        domain::egress::TAG,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row)
}

impl FunctionRow {
    fn found(self, versions: Vec<(FunctionVersion, f64)>) -> Result<Found, Error> {
        let account = self.concurrency_limit.cast_unsigned();
        let dead_letters = versions
            .iter()
            .filter_map(|(version, _)| {
                Some((version.version, version.configuration.dead_letter.clone()?))
            })
            .collect();
        let event = event_invoke_configs::config(
            self.max_retry_attempts,
            self.max_event_age_s,
            self.on_success.as_deref(),
            self.on_failure.as_deref(),
        )?;
        let policy = async_policies::policy(
            self.policy_max_attempts,
            self.policy_max_event_age_s,
            self.backoff,
            self.priority.as_deref(),
        )?;
        // Such a tag may be older than its meaning: then it asks for nothing.
        let egress = Egress::of_tag(self.egress.as_deref()).unwrap_or_default();
        Ok(Found {
            versions,
            egress,
            reserved: self.reserved_concurrency.map(i32::cast_unsigned),
            account,
            unreserved: account.saturating_sub(u32::try_from(self.reserved).unwrap_or(0)),
            settings: AsyncSettings {
                event,
                dead_letters,
                recursive_loop: self
                    .recursive_loop
                    .parse()
                    .map_err(|_| Error::Inconsistent("function.recursive_loop"))?,
                policy,
            },
        })
    }
}

#[cfg(test)]
mod tests;
