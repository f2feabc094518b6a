//! Log groups, and the removal of what deleted ones leave behind.

use chrono::{DateTime, Utc};
use domain::{AccountId, Region};

use crate::{Error, Store};

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Never given twice, also not to a later group of the same name.
    pub id: i64,
    pub name: String,
    pub created_at: DateTime<Utc>,
    /// Messages' bytes and 26 per event.
    pub stored_bytes: i64,
}

impl Store {
    /// Creates a group; `false` where there is one of this name.
    pub async fn create_log_group(
        &self,
        account: AccountId,
        region: &Region,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let created = sqlx::query!(
            "INSERT INTO log_group (account_id, region, name, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            account.number(),
            region.as_str(),
            name,
            now,
        )
        .execute(&self.pool)
        .await?;
        Ok(created.rows_affected() == 1)
    }

    /// The group's id.
    pub async fn log_group(
        &self,
        account: AccountId,
        region: &Region,
        name: &str,
    ) -> Result<Option<i64>, Error> {
        let row = sqlx::query!(
            "SELECT id FROM log_group WHERE account_id = $1 AND region = $2 AND name = $3",
            account.number(),
            region.as_str(),
            name,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| row.id))
    }

    /// At most `limit` groups in the order of their names, behind the name `after`. Their names begin with `prefix` and
    /// contain `part`.
    pub async fn log_groups(
        &self,
        account: AccountId,
        region: &Region,
        prefix: &str,
        part: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Group>, Error> {
        let groups = sqlx::query_as!(
            Group,
            r#"SELECT g.id, g.name, g.created_at, coalesce(
                   (SELECT sum(s.stored_bytes) FROM log_stream AS s WHERE s.group_id = g.id), 0
               )::bigint AS "stored_bytes!"
             FROM log_group AS g
             WHERE g.account_id = $1 AND g.region = $2 AND starts_with(g.name, $3)
                 AND strpos(g.name, $4) > 0
                 AND ($5::text IS NULL OR g.name > $5)
             ORDER BY g.name
             LIMIT $6"#,
            account.number(),
            region.as_str(),
            prefix,
            part,
            after,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(groups)
    }

    /// Deletes a group with its streams and puts its events out of reach; [`Self::sweep_logs`] removes them. `false` where
    /// there is no such group.
    pub async fn delete_log_group(
        &self,
        account: AccountId,
        region: &Region,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        // Waits for batches that are being appended, and holds back the next ones.
        let group = sqlx::query!(
            "SELECT id FROM log_group WHERE account_id = $1 AND region = $2 AND name = $3 FOR UPDATE",
            account.number(),
            region.as_str(),
            name,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(group) = group else { return Ok(false) };
        sqlx::query!(
            "INSERT INTO log_trash (group_id, account_id, deleted_at) VALUES ($1, $2, $3)",
            group.id,
            account.number(),
            now,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "DELETE FROM log_stream WHERE account_id = $1 AND group_id = $2",
            account.number(),
            group.id
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "DELETE FROM log_group WHERE account_id = $1 AND id = $2",
            account.number(),
            group.id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Removes at most `rows_max` chunks and as many single events of one deleted group, of any account; `false` once nothing
    /// is left to remove. Several may sweep at once: each takes a group of its own.
    pub async fn sweep_logs(&self, rows_max: u32) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        let group = sqlx::query!(
            "SELECT group_id, account_id FROM log_trash ORDER BY deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(group) = group else { return Ok(false) };
        let chunks = sqlx::query!(
            "DELETE FROM log_chunk WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM log_chunk WHERE account_id = $1 AND group_id = $2 LIMIT $3
             ))",
            group.account_id,
            group.group_id,
            i64::from(rows_max),
        )
        .execute(&mut *tx)
        .await?;
        let events = sqlx::query!(
            "DELETE FROM log_event WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM log_event WHERE account_id = $1 AND group_id = $2 LIMIT $3
             ))",
            group.account_id,
            group.group_id,
            i64::from(rows_max),
        )
        .execute(&mut *tx)
        .await?;
        if chunks.rows_affected().max(events.rows_affected()) < u64::from(rows_max) {
            sqlx::query!(
                "DELETE FROM log_trash WHERE account_id = $1 AND group_id = $2",
                group.account_id,
                group.group_id
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}
