//! The executors' side: many lines at once.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::log::{LogLine, LogStream};

use super::chunk;
use crate::{Error, Store};

/// A batch as columns: its distinct streams, and its chunks with the stream's place.
#[derive(Default)]
struct Columns<'a> {
    accounts: Vec<i64>,
    regions: Vec<&'a str>,
    groups: Vec<&'a str>,
    streams: Vec<&'a str>,
    /// From 1, as arrays in SQL.
    chunk_streams: Vec<i32>,
    chunk_firsts: Vec<DateTime<Utc>>,
    chunk_lasts: Vec<DateTime<Utc>>,
    chunk_events: Vec<i32>,
    chunk_bytes: Vec<i32>,
    chunk_lines: Vec<Vec<u8>>,
}

impl<'a> Columns<'a> {
    fn from_lines(lines: &'a [LogLine]) -> Self {
        let mut places: HashMap<&LogStream, usize> = HashMap::new();
        let mut streams: Vec<(&LogStream, Vec<&LogLine>)> = Vec::new();
        for line in lines {
            let place = *places.entry(&line.stream).or_insert_with(|| {
                streams.push((&line.stream, Vec::new()));
                streams.len() - 1
            });
            streams[place].1.push(line);
        }
        let mut columns = Self::default();
        for (stream, mut lines) in streams {
            columns.push(stream, &mut lines);
        }
        columns
    }

    fn push(&mut self, stream: &'a LogStream, lines: &mut [&LogLine]) {
        self.accounts.push(stream.account.number());
        self.regions.push(stream.region.as_str());
        self.groups.push(&stream.group);
        self.streams.push(&stream.name);
        let place = i32::try_from(self.streams.len()).unwrap_or(i32::MAX);
        let time = |us| DateTime::from_timestamp_micros(us).unwrap_or_default();
        for chunk in chunk::chunks(lines) {
            self.chunk_streams.push(place);
            self.chunk_firsts.push(time(chunk.first_us));
            self.chunk_lasts.push(time(chunk.last_us));
            self.chunk_events
                .push(i32::try_from(chunk.events).unwrap_or(i32::MAX));
            self.chunk_bytes
                .push(i32::try_from(chunk.bytes).unwrap_or(i32::MAX));
            self.chunk_lines.push(chunk.lines);
        }
    }
}

impl Store {
    /// Appends lines to their streams, making groups and streams that do not exist yet. Lines of one stream stay in the
    /// order of the slice where their times are equal. Does not wait for the database's disk: a crash of the database may
    /// lose the last moments. What clients see as `ingestionTime` is the newest line's time.
    pub async fn append_logs(&self, lines: &[LogLine]) -> Result<(), Error> {
        let Some(moment) = lines.iter().map(|line| line.at).max() else {
            return Ok(());
        };
        let columns = Columns::from_lines(lines);
        sqlx::query!(
            "SELECT log_append_chunks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            &columns.accounts,
            &columns.regions as &[&str],
            &columns.groups as &[&str],
            &columns.streams as &[&str],
            moment,
            &columns.chunk_streams,
            &columns.chunk_firsts,
            &columns.chunk_lasts,
            &columns.chunk_events,
            &columns.chunk_bytes,
            &columns.chunk_lines,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
