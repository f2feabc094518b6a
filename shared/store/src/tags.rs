//! Tags of functions.

use std::collections::BTreeMap;

use domain::{FunctionArn, egress};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::catalog::touch_catalog;
use crate::versions::{lock_function, renew_revision};
use crate::{Error, Store};

/// Why tags were not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagRefusal {
    /// There is no such function, group or rule.
    NoResource,
    TooMany,
}

impl Store {
    /// The function's tags; `None` where there is no such function.
    pub async fn tags(&self, arn: &FunctionArn) -> Result<Option<BTreeMap<String, String>>, Error> {
        let rows = sqlx::query!(
            r#"
            SELECT function_tag.key AS "key?", function_tag.value AS "value?"
            FROM function
            LEFT JOIN function_tag ON function_tag.account_id = $1 AND function_tag.region = $2
                AND function_tag.function_name = $3
            WHERE function.account_id = $1 AND function.region = $2 AND function.name = $3
            "#,
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
        )
        .fetch_all(&self.pool)
        .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(
            rows.into_iter()
                .filter_map(|row| row.key.zip(row.value))
                .collect(),
        ))
    }

    /// Adds tags, replacing the values of those that exist, unless there would be more than `tags_max`.
    pub async fn tag_function(
        &self,
        arn: &FunctionArn,
        tags: &BTreeMap<String, String>,
        tags_max: u32,
        revision_id: Uuid,
    ) -> Result<Result<(), TagRefusal>, Error> {
        let mut tx = self.pool.begin().await?;
        if !lock_function(&mut tx, arn).await? {
            return Ok(Err(TagRefusal::NoResource));
        }
        put(&mut tx, arn, tags).await?;
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM function_tag
               WHERE account_id = $1 AND region = $2 AND function_name = $3"#,
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
        )
        .fetch_one(&mut *tx)
        .await?;
        if count > i64::from(tags_max) {
            return Ok(Err(TagRefusal::TooMany));
        }
        renew_revision(&mut tx, arn, revision_id).await?;
        if tags.contains_key(egress::TAG) {
            touch_catalog(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Removes tags; those that do not exist are no error. `false` where there is no such function.
    pub async fn untag_function(
        &self,
        arn: &FunctionArn,
        keys: &[String],
        revision_id: Uuid,
    ) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        if !lock_function(&mut tx, arn).await? {
            return Ok(false);
        }
        sqlx::query!(
            "DELETE FROM function_tag
             WHERE account_id = $1 AND region = $2 AND function_name = $3 AND key = ANY($4)",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            keys,
        )
        .execute(&mut *tx)
        .await?;
        renew_revision(&mut tx, arn, revision_id).await?;
        if keys.iter().any(|key| key == egress::TAG) {
            touch_catalog(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}

pub(crate) async fn put(
    connection: &mut PgConnection,
    arn: &FunctionArn,
    tags: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let (keys, values): (Vec<String>, Vec<String>) = tags.clone().into_iter().unzip();
    sqlx::query!(
        "INSERT INTO function_tag (account_id, region, function_name, key, value)
         SELECT $1, $2, $3, tag.key, tag.value FROM unnest($4::text[], $5::text[]) AS tag (key, value)
         ON CONFLICT (account_id, region, function_name, key) DO UPDATE SET value = excluded.value",
        arn.account.number(),
        arn.region.as_str(),
        arn.name.as_str(),
        &keys,
        &values,
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
