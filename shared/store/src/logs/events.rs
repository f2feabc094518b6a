//! Reading events, a bounded window at a time.
//!
//! Events have a place in a total order: their time, then their id. A window is what follows or precedes a place, at most
//! so many events and so many bytes, so that no request can make us read or hold more than that.

use chrono::{DateTime, Utc};
use domain::AccountId;

use crate::{Error, Store};

/// An event's place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub at: DateTime<Utc>,
    pub id: i64,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub position: Position,
    pub stored_at: DateTime<Utc>,
    pub message: String,
    /// The stream's name; empty where one stream is read.
    pub stream: String,
}

/// At most so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub events_max: u32,
    /// Of messages and 26 per event. The first event comes whatever its size is.
    pub bytes_max: u32,
}

/// Which of a group's streams are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection<'a> {
    /// Those whose names begin so; all for the empty text.
    Prefix(&'a str),
    Ids(&'a [i64]),
}

impl<'a> Selection<'a> {
    fn columns(self) -> (Option<&'a [i64]>, &'a str) {
        match self {
            Self::Prefix(prefix) => (None, prefix),
            Self::Ids(ids) => (Some(ids), ""),
        }
    }
}

/// What a window showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub events: Vec<Event>,
    /// Whether there is more in the direction of reading.
    pub more: bool,
}

impl Position {
    /// Before every event.
    pub const FIRST: Self = Self {
        at: DateTime::UNIX_EPOCH,
        id: 0,
    };
    /// Behind every event.
    pub const LAST: Self = Self {
        at: DateTime::<Utc>::MAX_UTC,
        id: 0,
    };

    /// Before every event at or after `at`, and behind all earlier ones.
    pub fn at(at: DateTime<Utc>) -> Self {
        Self { at, id: 0 }
    }
}

struct EventRow {
    id: i64,
    at: DateTime<Utc>,
    stored_at: DateTime<Utc>,
    message: String,
    stream: String,
    /// Rows found, one more than asked for where there are more.
    found: i64,
}

/// Cuts the row that only tells that there is more.
fn page(rows: Vec<EventRow>, window: Window) -> Page {
    let found = rows.first().map_or(0, |row| row.found);
    let events_max = usize::try_from(window.events_max).unwrap_or(usize::MAX);
    let events: Vec<Event> = rows.into_iter().take(events_max).map(Event::from).collect();
    let more = usize::try_from(found).is_ok_and(|found| found > events.len());
    Page { events, more }
}

impl From<EventRow> for Event {
    fn from(row: EventRow) -> Self {
        Self {
            position: Position {
                at: row.at,
                id: row.id,
            },
            stored_at: row.stored_at,
            message: row.message,
            stream: row.stream,
        }
    }
}

impl Store {
    /// Events of a stream behind `after` and before the time `to`, oldest first.
    pub async fn log_events_after(
        &self,
        account: AccountId,
        stream_id: i64,
        after: Position,
        to: Option<DateTime<Utc>>,
        window: Window,
    ) -> Result<Page, Error> {
        let rows = sqlx::query_as!(
            EventRow,
            r#"SELECT id, at, stored_at, message, '' AS "stream!", found AS "found!"
             FROM (
                 SELECT *, count(*) OVER () AS found,
                     sum(octet_length(message) + 26) OVER (ORDER BY at, id ROWS UNBOUNDED PRECEDING)
                         - octet_length(message) - 26 AS bytes_before
                 FROM (
                     SELECT id, at, stored_at, message FROM log_event
                     WHERE account_id = $1 AND stream_id = $2 AND (at, id) > ($3, $4)
                         AND at < coalesce($5::timestamptz, 'infinity')
                     ORDER BY at, id
                     LIMIT $6
                 ) AS found_rows
             ) AS measured
             WHERE bytes_before < $7
             ORDER BY at, id"#,
            account.number(),
            stream_id,
            after.at,
            after.id,
            to,
            i64::from(window.events_max) + 1,
            i64::from(window.bytes_max),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(page(rows, window))
    }

    /// Events of a stream before `before` and not before the time `from`, the nearest ones; oldest first all the same.
    pub async fn log_events_before(
        &self,
        account: AccountId,
        stream_id: i64,
        before: Position,
        from: Option<DateTime<Utc>>,
        window: Window,
    ) -> Result<Page, Error> {
        let rows = sqlx::query_as!(
            EventRow,
            r#"SELECT id, at, stored_at, message, '' AS "stream!", found AS "found!"
             FROM (
                 SELECT *, count(*) OVER () AS found,
                     sum(octet_length(message) + 26) OVER (ORDER BY at DESC, id DESC ROWS UNBOUNDED PRECEDING)
                         - octet_length(message) - 26 AS bytes_before
                 FROM (
                     SELECT id, at, stored_at, message FROM log_event
                     WHERE account_id = $1 AND stream_id = $2 AND (at, id) < ($3, $4)
                         AND at >= coalesce($5::timestamptz, '-infinity')
                     ORDER BY at DESC, id DESC
                     LIMIT $6
                 ) AS found_rows
             ) AS measured
             WHERE bytes_before < $7
             ORDER BY at DESC, id DESC"#,
            account.number(),
            stream_id,
            before.at,
            before.id,
            from,
            i64::from(window.events_max) + 1,
            i64::from(window.bytes_max),
        )
        .fetch_all(&self.pool)
        .await?;
        let mut page = page(rows, window);
        page.events.reverse();
        Ok(page)
    }

    /// Events of a group behind `after` and before the time `to`, oldest first.
    pub async fn log_group_events_after(
        &self,
        account: AccountId,
        group_id: i64,
        streams: Selection<'_>,
        after: Position,
        to: Option<DateTime<Utc>>,
        window: Window,
    ) -> Result<Page, Error> {
        let (ids, prefix) = streams.columns();
        let rows = sqlx::query_as!(
            EventRow,
            r#"SELECT measured.id, at, stored_at, message, stream.name AS "stream!", found AS "found!"
             FROM (
                 SELECT *, count(*) OVER () AS found,
                     sum(octet_length(message) + 26) OVER (ORDER BY at, id ROWS UNBOUNDED PRECEDING)
                         - octet_length(message) - 26 AS bytes_before
                 FROM (
                     SELECT id, at, stored_at, message, stream_id FROM log_event
                     WHERE account_id = $1 AND group_id = $2 AND (at, id) > ($3, $4)
                         AND at < coalesce($5::timestamptz, 'infinity')
                         AND ($6::bigint[] IS NULL OR stream_id = ANY ($6))
                         AND ($7 = '' OR stream_id IN (
                             SELECT id FROM log_stream
                             WHERE account_id = $1 AND group_id = $2 AND starts_with(name, $7)
                         ))
                     ORDER BY at, id
                     LIMIT $8
                 ) AS found_rows
             ) AS measured
             JOIN log_stream AS stream ON stream.account_id = $1 AND stream.id = measured.stream_id
             WHERE bytes_before < $9
             ORDER BY at, measured.id"#,
            account.number(),
            group_id,
            after.at,
            after.id,
            to,
            ids,
            prefix,
            i64::from(window.events_max) + 1,
            i64::from(window.bytes_max),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(page(rows, window))
    }

    /// Events of a group before `before` and not before the time `from`, newest first.
    pub async fn log_group_events_before(
        &self,
        account: AccountId,
        group_id: i64,
        streams: Selection<'_>,
        before: Position,
        from: Option<DateTime<Utc>>,
        window: Window,
    ) -> Result<Page, Error> {
        let (ids, prefix) = streams.columns();
        let rows = sqlx::query_as!(
            EventRow,
            r#"SELECT measured.id, at, stored_at, message, stream.name AS "stream!", found AS "found!"
             FROM (
                 SELECT *, count(*) OVER () AS found,
                     sum(octet_length(message) + 26) OVER (ORDER BY at DESC, id DESC ROWS UNBOUNDED PRECEDING)
                         - octet_length(message) - 26 AS bytes_before
                 FROM (
                     SELECT id, at, stored_at, message, stream_id FROM log_event
                     WHERE account_id = $1 AND group_id = $2 AND (at, id) < ($3, $4)
                         AND at >= coalesce($5::timestamptz, '-infinity')
                         AND ($6::bigint[] IS NULL OR stream_id = ANY ($6))
                         AND ($7 = '' OR stream_id IN (
                             SELECT id FROM log_stream
                             WHERE account_id = $1 AND group_id = $2 AND starts_with(name, $7)
                         ))
                     ORDER BY at DESC, id DESC
                     LIMIT $8
                 ) AS found_rows
             ) AS measured
             JOIN log_stream AS stream ON stream.account_id = $1 AND stream.id = measured.stream_id
             WHERE bytes_before < $9
             ORDER BY at DESC, measured.id DESC"#,
            account.number(),
            group_id,
            before.at,
            before.id,
            from,
            ids,
            prefix,
            i64::from(window.events_max) + 1,
            i64::from(window.bytes_max),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(page(rows, window))
    }
}
