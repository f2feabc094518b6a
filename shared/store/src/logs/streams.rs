//! Log streams.

use chrono::{DateTime, Utc};
use domain::{AccountId, Region};

use crate::{Error, Store};

/// A log stream. Times are `None` while it has no events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    pub id: i64,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub first_event_at: Option<DateTime<Utc>>,
    pub last_event_at: Option<DateTime<Utc>>,
    pub last_stored_at: Option<DateTime<Utc>>,
    /// Messages' bytes and 26 per event.
    pub stored_bytes: i64,
}

/// How streams are listed: by their names, or by their last events' times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Order {
    pub by_last_event: bool,
    pub descending: bool,
}

impl Store {
    /// Creates a stream; `None` where there is no such group, `false` where there is a stream of this name.
    pub async fn create_log_stream(
        &self,
        account: AccountId,
        region: &Region,
        group: &str,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<bool>, Error> {
        let mut tx = self.pool.begin().await?;
        let group = sqlx::query!(
            "SELECT id FROM log_group WHERE account_id = $1 AND region = $2 AND name = $3 FOR KEY SHARE",
            account.number(),
            region.as_str(),
            group,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(group) = group else { return Ok(None) };
        let created = sqlx::query!(
            "INSERT INTO log_stream (account_id, group_id, name, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            account.number(),
            group.id,
            name,
            now,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(created.rows_affected() == 1))
    }

    /// The stream's id.
    pub async fn log_stream(
        &self,
        account: AccountId,
        group_id: i64,
        name: &str,
    ) -> Result<Option<i64>, Error> {
        let row = sqlx::query!(
            "SELECT id FROM log_stream WHERE account_id = $1 AND group_id = $2 AND name = $3",
            account.number(),
            group_id,
            name,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| row.id))
    }

    /// At most `limit` streams of a group whose names begin with `prefix`, behind the stream that `after` names with its
    /// place in the order: the last event's time (streams without one come first), then the name.
    pub async fn log_streams(
        &self,
        account: AccountId,
        group_id: i64,
        prefix: &str,
        order: Order,
        after: Option<(Option<DateTime<Utc>>, &str)>,
        limit: u32,
    ) -> Result<Vec<Stream>, Error> {
        let (after_at, after_name) = after.map_or((None, None), |(at, name)| (at, Some(name)));
        let streams = sqlx::query_as!(
            Stream,
            r#"SELECT id, name, created_at, first_event_at, last_event_at, last_stored_at, stored_bytes
             FROM (
                 SELECT *, CASE WHEN $4 THEN coalesce(last_event_at, '-infinity') ELSE '-infinity' END AS place
                 FROM log_stream
                 WHERE account_id = $1 AND group_id = $2 AND starts_with(name, $3)
             ) AS s
             WHERE $6::text IS NULL
                 OR CASE WHEN $5
                     THEN (s.place, s.name) < (coalesce($7::timestamptz, '-infinity'), $6)
                     ELSE (s.place, s.name) > (coalesce($7::timestamptz, '-infinity'), $6)
                 END
             ORDER BY
                 CASE WHEN NOT $5 THEN s.place END, CASE WHEN NOT $5 THEN s.name END,
                 CASE WHEN $5 THEN s.place END DESC, CASE WHEN $5 THEN s.name END DESC
             LIMIT $8"#,
            account.number(),
            group_id,
            prefix,
            order.by_last_event,
            order.descending,
            after_name,
            after_at.filter(|_| order.by_last_event),
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(streams)
    }

    /// The ids of those of the named streams that exist.
    pub async fn log_stream_ids(
        &self,
        account: AccountId,
        group_id: i64,
        names: &[String],
    ) -> Result<Vec<i64>, Error> {
        let rows = sqlx::query!(
            "SELECT id FROM log_stream WHERE account_id = $1 AND group_id = $2 AND name = ANY ($3)",
            account.number(),
            group_id,
            names,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }
}
