//! How asynchronous invocations of a function's qualifiers are treated: AWS's event invoke configs.
//!
//! The qualifier is the ARN's; one without any means `$LATEST`, which is the same config.

use chrono::{DateTime, Utc};
use domain::{Destination, EventConfig, FunctionArn, Qualifier, Version};

use crate::catalog::touch_catalog;
use crate::{Error, Store};

/// The constraint that refuses a config of a version that does not exist.
const NO_VERSION: &str = "event_invoke_config_version_fkey";
/// The constraint that refuses a config of an alias that does not exist.
const NO_ALIAS: &str = "event_invoke_config_alias_fkey";

/// A qualifier's config and its date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventInvokeConfig {
    /// `$LATEST` where the function has been named without a qualifier.
    pub qualifier: Qualifier,
    pub config: EventConfig,
    pub last_modified: DateTime<Utc>,
}

impl Store {
    /// Sets the config, whatever there was; `false` where the function or its qualifier does not exist.
    pub async fn put_event_invoke_config(
        &self,
        arn: &FunctionArn,
        config: &EventConfig,
        at: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        let written = sqlx::query!(
            "INSERT INTO event_invoke_config (account_id, region, function_name, qualifier, max_retry_attempts,
                 max_event_age_s, on_success, on_failure, last_modified)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (account_id, region, function_name, qualifier) DO UPDATE SET
                 max_retry_attempts = excluded.max_retry_attempts, max_event_age_s = excluded.max_event_age_s,
                 on_success = excluded.on_success, on_failure = excluded.on_failure,
                 last_modified = excluded.last_modified",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            qualifier(arn),
            config.max_retry_attempts.map(i16::from),
            config.max_event_age_s.map(u32::cast_signed),
            text(config.on_success.as_ref()),
            text(config.on_failure.as_ref()),
            at,
        )
        .execute(&mut *tx)
        .await
        .map_err(Error::from);
        match written {
            Err(error) if matches!(error.constraint(), Some(NO_VERSION | NO_ALIAS)) => {
                return Ok(false);
            }
            written => written?,
        };
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Changes the config by `edit`; answers what it became, or `None` where there is none.
    pub async fn update_event_invoke_config(
        &self,
        arn: &FunctionArn,
        edit: impl FnOnce(&mut EventConfig) + Send,
        at: DateTime<Utc>,
    ) -> Result<Option<EventInvokeConfig>, Error> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query_as!(
            Row,
            "SELECT qualifier, max_retry_attempts, max_event_age_s, on_success, on_failure, last_modified
             FROM event_invoke_config
             WHERE account_id = $1 AND region = $2 AND function_name = $3 AND qualifier = $4
             FOR NO KEY UPDATE",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            qualifier(arn),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let mut changed = row.read()?;
        edit(&mut changed.config);
        changed.last_modified = at;
        let config = &changed.config;
        sqlx::query!(
            "UPDATE event_invoke_config SET max_retry_attempts = $5, max_event_age_s = $6, on_success = $7,
                 on_failure = $8, last_modified = $9
             WHERE account_id = $1 AND region = $2 AND function_name = $3 AND qualifier = $4",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            qualifier(arn),
            config.max_retry_attempts.map(i16::from),
            config.max_event_age_s.map(u32::cast_signed),
            text(config.on_success.as_ref()),
            text(config.on_failure.as_ref()),
            at,
        )
        .execute(&mut *tx)
        .await?;
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(Some(changed))
    }

    /// Removes the config; `false` where there is none.
    pub async fn delete_event_invoke_config(&self, arn: &FunctionArn) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        let deleted = sqlx::query!(
            "DELETE FROM event_invoke_config
             WHERE account_id = $1 AND region = $2 AND function_name = $3 AND qualifier = $4",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            qualifier(arn),
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

    pub async fn event_invoke_config(
        &self,
        arn: &FunctionArn,
    ) -> Result<Option<EventInvokeConfig>, Error> {
        let row = sqlx::query_as!(
            Row,
            "SELECT qualifier, max_retry_attempts, max_event_age_s, on_success, on_failure, last_modified
             FROM event_invoke_config
             WHERE account_id = $1 AND region = $2 AND function_name = $3 AND qualifier = $4",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            qualifier(arn),
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(Row::read).transpose()
    }

    /// At most `limit` configs of the function in order of their qualifiers' text, from behind `after`.
    pub async fn event_invoke_configs(
        &self,
        arn: &FunctionArn,
        after: Option<&Qualifier>,
        limit: u32,
    ) -> Result<Vec<EventInvokeConfig>, Error> {
        let rows = sqlx::query_as!(
            Row,
            "SELECT qualifier, max_retry_attempts, max_event_age_s, on_success, on_failure, last_modified
             FROM event_invoke_config
             WHERE account_id = $1 AND region = $2 AND function_name = $3 AND qualifier > $4
             ORDER BY qualifier
             LIMIT $5",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            after.map(ToString::to_string).unwrap_or_default(),
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }
}

/// One row of `event_invoke_config`.
struct Row {
    qualifier: String,
    max_retry_attempts: Option<i16>,
    max_event_age_s: Option<i32>,
    on_success: Option<String>,
    on_failure: Option<String>,
    last_modified: DateTime<Utc>,
}

impl Row {
    fn read(self) -> Result<EventInvokeConfig, Error> {
        Ok(EventInvokeConfig {
            qualifier: self
                .qualifier
                .parse()
                .map_err(|_| Error::Inconsistent("event_invoke_config.qualifier"))?,
            config: config(
                self.max_retry_attempts,
                self.max_event_age_s,
                self.on_success.as_deref(),
                self.on_failure.as_deref(),
            )?,
            last_modified: self.last_modified,
        })
    }
}

/// A config from its columns.
pub(crate) fn config(
    max_retry_attempts: Option<i16>,
    max_event_age_s: Option<i32>,
    on_success: Option<&str>,
    on_failure: Option<&str>,
) -> Result<EventConfig, Error> {
    let bad = |column| move |_| Error::Inconsistent(column);
    Ok(EventConfig {
        max_retry_attempts: max_retry_attempts
            .map(u8::try_from)
            .transpose()
            .map_err(|_| Error::Inconsistent("event_invoke_config.max_retry_attempts"))?,
        max_event_age_s: max_event_age_s.map(i32::cast_unsigned),
        on_success: on_success
            .map(str::parse)
            .transpose()
            .map_err(bad("event_invoke_config.on_success"))?,
        on_failure: on_failure
            .map(str::parse)
            .transpose()
            .map_err(bad("event_invoke_config.on_failure"))?,
    })
}

/// The ARN's qualifier as its row has it.
fn qualifier(arn: &FunctionArn) -> String {
    match &arn.qualifier {
        None => Version::Latest.to_string(),
        Some(qualifier) => qualifier.to_string(),
    }
}

fn text(destination: Option<&Destination>) -> Option<String> {
    destination.map(ToString::to_string)
}

#[cfg(test)]
mod tests;
