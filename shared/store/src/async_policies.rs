//! Tollgate's own settings for asynchronous invocations, beyond AWS's: one policy per function.

use chrono::{DateTime, Utc};
use domain::event_config::{Backoff, Priority};
use domain::{AsyncPolicy, FunctionArn};
use sqlx::types::Json;

use crate::catalog::touch_catalog;
use crate::{Error, Store};

/// The constraint that refuses a policy of a function that does not exist.
const NO_FUNCTION: &str = "async_policy_function_fkey";

/// A function's policy and its date.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub policy: AsyncPolicy,
    pub last_modified: DateTime<Utc>,
}

impl Store {
    /// Sets the policy, whatever there was; `false` where there is no such function.
    pub async fn put_async_policy(
        &self,
        arn: &FunctionArn,
        policy: &AsyncPolicy,
        at: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        let written = sqlx::query!(
            "INSERT INTO async_policy (account_id, region, function_name, max_attempts, max_event_age_s, backoff,
                 priority, last_modified)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (account_id, region, function_name) DO UPDATE SET
                 max_attempts = excluded.max_attempts, max_event_age_s = excluded.max_event_age_s,
                 backoff = excluded.backoff, priority = excluded.priority, last_modified = excluded.last_modified",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            policy.max_attempts.map(i16::from),
            policy.max_event_age_s.map(u32::cast_signed),
            policy.backoff.as_ref().map(Json) as Option<Json<&Backoff>>,
            policy.priority.as_str(),
            at,
        )
        .execute(&mut *tx)
        .await
        .map_err(Error::from);
        match written {
            Err(error) if error.constraint() == Some(NO_FUNCTION) => return Ok(false),
            written => written?,
        };
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Removes the policy; `false` where there is none.
    pub async fn delete_async_policy(&self, arn: &FunctionArn) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        let deleted = sqlx::query!(
            "DELETE FROM async_policy WHERE account_id = $1 AND region = $2 AND function_name = $3",
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

    /// The policy; `None` where there is none, or no such function.
    pub async fn async_policy(&self, arn: &FunctionArn) -> Result<Option<Stored>, Error> {
        let row = sqlx::query!(
            r#"SELECT max_attempts, max_event_age_s, backoff AS "backoff: Json<Backoff>", priority, last_modified
               FROM async_policy
               WHERE account_id = $1 AND region = $2 AND function_name = $3"#,
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(Stored {
                policy: policy(
                    row.max_attempts,
                    row.max_event_age_s,
                    row.backoff,
                    Some(&row.priority),
                )?,
                last_modified: row.last_modified,
            })
        })
        .transpose()
    }
}

/// A policy from its columns, all of which are `None` where there is none.
pub(crate) fn policy(
    max_attempts: Option<i16>,
    max_event_age_s: Option<i32>,
    backoff: Option<Json<Backoff>>,
    priority: Option<&str>,
) -> Result<AsyncPolicy, Error> {
    Ok(AsyncPolicy {
        max_attempts: max_attempts
            .map(u8::try_from)
            .transpose()
            .map_err(|_| Error::Inconsistent("async_policy.max_attempts"))?,
        backoff: backoff.map(|Json(backoff)| backoff),
        max_event_age_s: max_event_age_s.map(i32::cast_unsigned),
        priority: priority
            .map_or_else(|| Ok(Priority::default()), str::parse)
            .map_err(|_| Error::Inconsistent("async_policy.priority"))?,
    })
}

#[cfg(test)]
mod tests;
