//! The rows that hold events, a page at a time: chunks, and single events as earlier releases stored them.
//!
//! To read onwards is to take chunks in the order of their first events, to read backwards in the order of their last ones,
//! newest first. Where to begin follows from the second that a chunk spans at most.

use std::cmp::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use domain::AccountId;

use super::chunk::SPAN_MAX_US;
use super::events::{Position, Selection, Window};
use crate::{Error, Store};

/// Which way events are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From older to newer ones.
    Onwards,
    Backwards,
}

impl Direction {
    /// Which of two places is read first.
    pub(super) fn compare(self, a: Position, b: Position) -> Ordering {
        match self {
            Self::Onwards => a.cmp(&b),
            Self::Backwards => b.cmp(&a),
        }
    }
}

/// How far the rows have been read.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) direction: Direction,
    /// Events on this side of it are not wanted.
    start: Position,
    /// Of events read onwards, those before it are wanted; of those read backwards, the ones not before it.
    end: Option<DateTime<Utc>>,
    /// The place by which the last row was ordered: what is still to come is behind it, in the direction of reading.
    pub(super) key: Position,
    /// Nothing is still to come.
    pub(super) complete: bool,
    /// A page may have so many rows, and about so many events and bytes: more are hardly ever needed.
    rows_max: i64,
    bytes_max: i64,
}

/// A chunk, or a single event.
pub(super) struct Row {
    /// Of its first event.
    pub(super) id: i64,
    pub(super) first_at: DateTime<Utc>,
    pub(super) stored_at: DateTime<Utc>,
    /// A chunk's events.
    pub(super) lines: Option<Vec<u8>>,
    /// The single event.
    pub(super) message: Option<String>,
    /// Empty where one stream is read.
    pub(super) stream: String,
    key_at: DateTime<Utc>,
    key_id: i64,
    /// Rows that were looked at for this page.
    found: i64,
}

impl Scan {
    pub(super) fn new(
        direction: Direction,
        start: Position,
        end: Option<DateTime<Utc>>,
        window: Window,
    ) -> Self {
        let span = TimeDelta::microseconds(SPAN_MAX_US);
        let key = match direction {
            Direction::Onwards => Position {
                at: start.at.checked_sub_signed(span).unwrap_or(start.at),
                id: i64::MIN,
            },
            Direction::Backwards => Position {
                at: start.at.checked_add_signed(span).unwrap_or(start.at),
                id: i64::MAX,
            },
        };
        Self {
            direction,
            start,
            end,
            key,
            complete: false,
            // One more tells that there is more.
            rows_max: i64::from(window.events_max) + 1,
            bytes_max: window.bytes_max.into(),
        }
    }

    /// Whether an event at this place is wanted.
    pub(super) fn covers(&self, position: Position) -> bool {
        let started = self.direction.compare(self.start, position).is_lt();
        started
            && self.end.is_none_or(|end| match self.direction {
                Direction::Onwards => position.at < end,
                Direction::Backwards => position.at >= end,
            })
    }

    /// Takes note of a page.
    pub(super) fn advance(&mut self, rows: &[Row]) {
        let found = rows.first().map_or(0, |row| row.found);
        let all = i64::try_from(rows.len()).is_ok_and(|count| count == found);
        self.complete = all && found < self.rows_max;
        if let Some(last) = rows.last() {
            self.key = Position {
                at: last.key_at,
                id: last.key_id,
            };
        }
    }
}

impl Store {
    /// The next rows of a stream, onwards.
    pub(super) async fn stream_chunks_after(
        &self,
        account: AccountId,
        stream_id: i64,
        scan: &Scan,
    ) -> Result<Vec<Row>, Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT measured.id AS "id!", first_at AS "first_at!", stored_at AS "stored_at!", lines, message,
                 '' AS "stream!", key_at AS "key_at!", key_id AS "key_id!", found AS "found!"
             FROM (
                 SELECT *, count(*) OVER () AS found,
                     sum(events) OVER so_far - events AS events_before, sum(bytes) OVER so_far - bytes AS bytes_before
                 FROM (
                     (
                         SELECT id, stream_id, first_at, first_at AS key_at, id AS key_id, stored_at,
                             last_id - id + 1 AS events, bytes, lines, NULL AS message
                         FROM log_chunk
                         WHERE account_id = $1 AND stream_id = $2
                             AND (first_at, id) > ($3, $4) AND (last_at, last_id) > ($5, $6)
                             AND first_at < coalesce($7::timestamptz, 'infinity')
                         ORDER BY first_at, id
                         LIMIT $8
                     )
                     UNION ALL
                     (
                         SELECT id, stream_id, at, at, id, stored_at, 1, octet_length(message) + 26, NULL, message
                         FROM log_event
                         WHERE account_id = $1 AND stream_id = $2
                             AND (at, id) > ($3, $4) AND (at, id) > ($5, $6)
                             AND at < coalesce($7::timestamptz, 'infinity')
                         ORDER BY at, id
                         LIMIT $8
                     )
                     ORDER BY key_at, key_id
                     LIMIT $8
                 ) AS found_rows
                 WINDOW so_far AS (ORDER BY key_at, key_id ROWS UNBOUNDED PRECEDING)
             ) AS measured
             WHERE events_before < $8 AND bytes_before < $9
             ORDER BY key_at, key_id"#,
            account.number(),
            stream_id,
            scan.key.at,
            scan.key.id,
            scan.start.at,
            scan.start.id,
            scan.end,
            scan.rows_max,
            scan.bytes_max,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// The next rows of a stream, backwards.
    pub(super) async fn stream_chunks_before(
        &self,
        account: AccountId,
        stream_id: i64,
        scan: &Scan,
    ) -> Result<Vec<Row>, Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT measured.id AS "id!", first_at AS "first_at!", stored_at AS "stored_at!", lines, message,
                 '' AS "stream!", key_at AS "key_at!", key_id AS "key_id!", found AS "found!"
             FROM (
                 SELECT *, count(*) OVER () AS found,
                     sum(events) OVER so_far - events AS events_before, sum(bytes) OVER so_far - bytes AS bytes_before
                 FROM (
                     (
                         SELECT id, stream_id, first_at, last_at AS key_at, last_id AS key_id, stored_at,
                             last_id - id + 1 AS events, bytes, lines, NULL AS message
                         FROM log_chunk
                         WHERE account_id = $1 AND stream_id = $2
                             AND (last_at, last_id) < ($3, $4) AND (first_at, id) < ($5, $6)
                             AND last_at >= coalesce($7::timestamptz, '-infinity')
                         ORDER BY last_at DESC, last_id DESC
                         LIMIT $8
                     )
                     UNION ALL
                     (
                         SELECT id, stream_id, at, at, id, stored_at, 1, octet_length(message) + 26, NULL, message
                         FROM log_event
                         WHERE account_id = $1 AND stream_id = $2
                             AND (at, id) < ($3, $4) AND (at, id) < ($5, $6)
                             AND at >= coalesce($7::timestamptz, '-infinity')
                         ORDER BY at DESC, id DESC
                         LIMIT $8
                     )
                     ORDER BY key_at DESC, key_id DESC
                     LIMIT $8
                 ) AS found_rows
                 WINDOW so_far AS (ORDER BY key_at DESC, key_id DESC ROWS UNBOUNDED PRECEDING)
             ) AS measured
             WHERE events_before < $8 AND bytes_before < $9
             ORDER BY key_at DESC, key_id DESC"#,
            account.number(),
            stream_id,
            scan.key.at,
            scan.key.id,
            scan.start.at,
            scan.start.id,
            scan.end,
            scan.rows_max,
            scan.bytes_max,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// The next rows of a group's streams, onwards.
    pub(super) async fn group_chunks_after(
        &self,
        account: AccountId,
        group_id: i64,
        streams: Selection<'_>,
        scan: &Scan,
    ) -> Result<Vec<Row>, Error> {
        let (ids, prefix) = streams.columns();
        let rows = sqlx::query_as!(
            Row,
            r#"WITH named AS (
                 SELECT id FROM log_stream WHERE account_id = $1 AND group_id = $2 AND starts_with(name, $10)
             )
             SELECT measured.id AS "id!", first_at AS "first_at!", stored_at AS "stored_at!", lines, message,
                 stream.name AS "stream!", key_at AS "key_at!", key_id AS "key_id!", found AS "found!"
             FROM (
                 SELECT *, count(*) OVER () AS found,
                     sum(events) OVER so_far - events AS events_before, sum(bytes) OVER so_far - bytes AS bytes_before
                 FROM (
                     (
                         SELECT id, stream_id, first_at, first_at AS key_at, id AS key_id, stored_at,
                             last_id - id + 1 AS events, bytes, lines, NULL AS message
                         FROM log_chunk
                         WHERE account_id = $1 AND group_id = $2
                             AND ($9::bigint[] IS NULL OR stream_id = ANY ($9))
                             AND ($10 = '' OR stream_id IN (SELECT id FROM named))
                             AND (first_at, id) > ($3, $4) AND (last_at, last_id) > ($5, $6)
                             AND first_at < coalesce($7::timestamptz, 'infinity')
                         ORDER BY first_at, id
                         LIMIT $8
                     )
                     UNION ALL
                     (
                         SELECT id, stream_id, at, at, id, stored_at, 1, octet_length(message) + 26, NULL, message
                         FROM log_event
                         WHERE account_id = $1 AND group_id = $2
                             AND ($9::bigint[] IS NULL OR stream_id = ANY ($9))
                             AND ($10 = '' OR stream_id IN (SELECT id FROM named))
                             AND (at, id) > ($3, $4) AND (at, id) > ($5, $6)
                             AND at < coalesce($7::timestamptz, 'infinity')
                         ORDER BY at, id
                         LIMIT $8
                     )
                     ORDER BY key_at, key_id
                     LIMIT $8
                 ) AS found_rows
                 WINDOW so_far AS (ORDER BY key_at, key_id ROWS UNBOUNDED PRECEDING)
             ) AS measured
             JOIN log_stream AS stream ON stream.account_id = $1 AND stream.id = measured.stream_id
             WHERE events_before < $8 AND bytes_before < $11
             ORDER BY key_at, key_id"#,
            account.number(),
            group_id,
            scan.key.at,
            scan.key.id,
            scan.start.at,
            scan.start.id,
            scan.end,
            scan.rows_max,
            ids,
            prefix,
            scan.bytes_max,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// The next rows of a group's streams, backwards.
    pub(super) async fn group_chunks_before(
        &self,
        account: AccountId,
        group_id: i64,
        streams: Selection<'_>,
        scan: &Scan,
    ) -> Result<Vec<Row>, Error> {
        let (ids, prefix) = streams.columns();
        let rows = sqlx::query_as!(
            Row,
            r#"WITH named AS (
                 SELECT id FROM log_stream WHERE account_id = $1 AND group_id = $2 AND starts_with(name, $10)
             )
             SELECT measured.id AS "id!", first_at AS "first_at!", stored_at AS "stored_at!", lines, message,
                 stream.name AS "stream!", key_at AS "key_at!", key_id AS "key_id!", found AS "found!"
             FROM (
                 SELECT *, count(*) OVER () AS found,
                     sum(events) OVER so_far - events AS events_before, sum(bytes) OVER so_far - bytes AS bytes_before
                 FROM (
                     (
                         SELECT id, stream_id, first_at, last_at AS key_at, last_id AS key_id, stored_at,
                             last_id - id + 1 AS events, bytes, lines, NULL AS message
                         FROM log_chunk
                         WHERE account_id = $1 AND group_id = $2
                             AND ($9::bigint[] IS NULL OR stream_id = ANY ($9))
                             AND ($10 = '' OR stream_id IN (SELECT id FROM named))
                             AND (last_at, last_id) < ($3, $4) AND (first_at, id) < ($5, $6)
                             AND last_at >= coalesce($7::timestamptz, '-infinity')
                         ORDER BY last_at DESC, last_id DESC
                         LIMIT $8
                     )
                     UNION ALL
                     (
                         SELECT id, stream_id, at, at, id, stored_at, 1, octet_length(message) + 26, NULL, message
                         FROM log_event
                         WHERE account_id = $1 AND group_id = $2
                             AND ($9::bigint[] IS NULL OR stream_id = ANY ($9))
                             AND ($10 = '' OR stream_id IN (SELECT id FROM named))
                             AND (at, id) < ($3, $4) AND (at, id) < ($5, $6)
                             AND at >= coalesce($7::timestamptz, '-infinity')
                         ORDER BY at DESC, id DESC
                         LIMIT $8
                     )
                     ORDER BY key_at DESC, key_id DESC
                     LIMIT $8
                 ) AS found_rows
                 WINDOW so_far AS (ORDER BY key_at DESC, key_id DESC ROWS UNBOUNDED PRECEDING)
             ) AS measured
             JOIN log_stream AS stream ON stream.account_id = $1 AND stream.id = measured.stream_id
             WHERE events_before < $8 AND bytes_before < $11
             ORDER BY key_at DESC, key_id DESC"#,
            account.number(),
            group_id,
            scan.key.at,
            scan.key.id,
            scan.start.at,
            scan.start.id,
            scan.end,
            scan.rows_max,
            ids,
            prefix,
            scan.bytes_max,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }
}
