//! The executors' side: many lines at once.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::log::LogLine;

use crate::{Error, Store};

/// A batch as columns: its distinct streams, and its lines with the stream's place.
#[derive(Default)]
struct Columns<'a> {
    accounts: Vec<i64>,
    regions: Vec<&'a str>,
    groups: Vec<&'a str>,
    streams: Vec<&'a str>,
    /// From 1, as arrays in SQL.
    line_streams: Vec<i32>,
    line_times: Vec<DateTime<Utc>>,
    line_messages: Vec<String>,
}

impl<'a> Columns<'a> {
    fn from_lines(lines: &'a [LogLine]) -> Self {
        let mut columns = Self::default();
        let mut places = HashMap::new();
        for line in lines {
            let key = (
                line.account,
                line.region.as_str(),
                line.group.as_str(),
                line.stream.as_str(),
            );
            let place = *places.entry(key).or_insert_with(|| {
                columns.accounts.push(line.account.number());
                columns.regions.push(line.region.as_str());
                columns.groups.push(&line.group);
                columns.streams.push(&line.stream);
                i32::try_from(columns.streams.len()).unwrap_or(i32::MAX)
            });
            columns.line_streams.push(place);
            columns.line_times.push(line.at);
            columns.line_messages.push(storable(&line.message));
        }
        columns
    }
}

/// Postgres' text holds every character but U+0000; one such line must not hold up the others.
fn storable(message: &str) -> String {
    message.replace('\0', "\u{fffd}")
}

impl Store {
    /// Appends lines to their streams, making groups and streams that do not exist yet. Lines of one stream stay in the
    /// order of the slice where their times are equal. Does not wait for the database's disk: a crash of the database may
    /// lose the last moments. What clients see as `ingestionTime` is the newest line's time.
    pub async fn append_logs(&self, lines: &[LogLine]) -> Result<(), Error> {
        if lines.is_empty() {
            return Ok(());
        }
        let columns = Columns::from_lines(lines);
        let row = sqlx::query!(
            r#"SELECT log_append($1, $2, $3, $4, $5, $6, $7) AS "appended!""#,
            &columns.accounts,
            &columns.regions as &[&str],
            &columns.groups as &[&str],
            &columns.streams as &[&str],
            &columns.line_streams,
            &columns.line_times,
            &columns.line_messages,
        )
        .fetch_one(&self.pool)
        .await?;
        debug_assert_eq!(usize::try_from(row.appended).ok(), Some(lines.len()));
        Ok(())
    }
}
