//! Tags of rules.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{RuleName, held};
use crate::tags::TagRefusal;
use crate::{Error, Store};

impl Store {
    /// The rule's tags; `None` where there is no such rule.
    pub async fn rule_tags(
        &self,
        name: &RuleName,
    ) -> Result<Option<BTreeMap<String, String>>, Error> {
        let rows = sqlx::query!(
            r#"SELECT rule_tag.key AS "key?", rule_tag.value AS "value?"
             FROM rule LEFT JOIN rule_tag ON rule_tag.rule_id = rule.id
             WHERE rule.account_id = $1 AND rule.region = $2 AND rule.name = $3"#,
            name.account.number(),
            name.region.as_str(),
            name.name,
        )
        .fetch_all(&self.pool)
        .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let tags = rows.into_iter().filter_map(|row| row.key.zip(row.value));
        Ok(Some(tags.collect()))
    }

    /// Adds tags, replacing the values of those that exist, unless there would be more than `tags_max`.
    pub async fn tag_rule(
        &self,
        name: &RuleName,
        tags: &BTreeMap<String, String>,
        tags_max: u32,
    ) -> Result<Result<(), TagRefusal>, Error> {
        let mut tx = self.pool.begin().await?;
        let Some(id) = held(&mut tx, name).await? else {
            return Ok(Err(TagRefusal::NoResource));
        };
        put(&mut tx, id, tags).await?;
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM rule_tag WHERE rule_id = $1"#,
            id
        )
        .fetch_one(&mut *tx)
        .await?;
        if count > i64::from(tags_max) {
            return Ok(Err(TagRefusal::TooMany));
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Removes tags; those that do not exist are no error. `false` where there is no such rule.
    pub async fn untag_rule(&self, name: &RuleName, keys: &[String]) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        let Some(id) = held(&mut tx, name).await? else {
            return Ok(false);
        };
        sqlx::query!(
            "DELETE FROM rule_tag WHERE rule_id = $1 AND key = ANY($2)",
            id,
            keys,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }
}

pub(super) async fn put(
    connection: &mut PgConnection,
    id: Uuid,
    tags: &BTreeMap<String, String>,
) -> Result<(), Error> {
    if tags.is_empty() {
        return Ok(());
    }
    let (keys, values): (Vec<String>, Vec<String>) = tags.clone().into_iter().unzip();
    sqlx::query!(
        "INSERT INTO rule_tag (rule_id, key, value)
         SELECT $1, tag.key, tag.value FROM unnest($2::text[], $3::text[]) AS tag (key, value)
         ON CONFLICT (rule_id, key) DO UPDATE SET value = excluded.value",
        id,
        &keys,
        &values,
    )
    .execute(connection)
    .await?;
    Ok(())
}
