//! What the database holds of fires and their events.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use tokio_postgres::Client;

/// The database, and what is asked of it.
pub(in crate::scenarios) struct Facts(Client);

/// Fires of a group in a window.
pub(in crate::scenarios) struct Fired {
    pub(in crate::scenarios) count: u64,
    pub(in crate::scenarios) late_p50_ms: f64,
    pub(in crate::scenarios) late_p99_ms: f64,
    pub(in crate::scenarios) late_max_ms: f64,
}

/// Fires against events.
pub(in crate::scenarios) struct Paired {
    pub(in crate::scenarios) fires: u64,
    pub(in crate::scenarios) events: u64,
    /// Events that are no fire's, or fires whose event is another's too.
    pub(in crate::scenarios) doubled: u64,
}

/// A union over a ring's tables.
fn ring(table: &str, count: usize, width: usize, columns: &str, tail: &str) -> String {
    let tables = (0..count).map(|n| format!("SELECT {columns} FROM {table}_{n:0width$} {tail}"));
    tables.collect::<Vec<_>>().join(" UNION ALL ")
}

/// As the database's `to_timestamp` takes it.
#[expect(clippy::cast_precision_loss, reason = "seconds of this century")]
fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp() as f64
}

impl Facts {
    pub(in crate::scenarios) fn new(client: Client) -> Self {
        Self(client)
    }

    /// The fires of a group with events, for times in a window.
    pub(in crate::scenarios) async fn fired(
        &self,
        group: &str,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Fired> {
        let columns = "schedule_id, scheduled_at, fired_at, result";
        let fires = ring("fire", 8, 1, columns, "");
        // Groups that are gone left their fires: only one group has schedules in a window.
        let query = format!(
            "SELECT count(*), coalesce(percentile_disc(ARRAY[0.5, 0.99, 1.0]) WITHIN GROUP (
                 ORDER BY extract(epoch FROM f.fired_at - f.scheduled_at)::float8 * 1000), ARRAY[0, 0, 0]::float8[])
             FROM ({fires}) AS f JOIN schedule AS s ON s.id = f.schedule_id JOIN schedule_group AS g ON g.id = s.group_id
             WHERE g.name = $1 AND f.result = 1 AND f.scheduled_at >= to_timestamp($2::float8) AND f.scheduled_at < to_timestamp($3::float8)"
        );
        let row = self
            .0
            .query_one(&query, &[&group, &seconds(from), &seconds(to)])
            .await?;
        let late: Vec<f64> = row.get(1);
        let [late_p50_ms, late_p99_ms, late_max_ms] = late[..] else {
            bail!("three percentiles were asked for");
        };
        Ok(Fired {
            count: row.get::<_, i64>(0).unsigned_abs(),
            late_p50_ms,
            late_p99_ms,
            late_max_ms,
        })
    }

    /// How late the last fire of each minute was, in milliseconds.
    pub(in crate::scenarios) async fn late_by_minute(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<f64>> {
        let fires = ring("fire", 8, 1, "scheduled_at, fired_at, result", "");
        let query = format!(
            "SELECT max(extract(epoch FROM f.fired_at - f.scheduled_at)::float8 * 1000) FROM ({fires}) AS f
             WHERE f.result = 1 AND f.scheduled_at >= to_timestamp($1::float8) AND f.scheduled_at < to_timestamp($2::float8)
             GROUP BY f.scheduled_at ORDER BY f.scheduled_at"
        );
        let rows = self
            .0
            .query(&query, &[&seconds(from), &seconds(to)])
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Whether fires and events of schedules are one to one.
    pub(in crate::scenarios) async fn events(&self) -> Result<Paired> {
        let fires = ring("fire", 8, 1, "event_id", "WHERE result = 1");
        let events = ring("invocation", 32, 2, "id", "WHERE source = 4");
        let query = format!(
            "WITH f AS ({fires}), e AS ({events})
             SELECT (SELECT count(*) FROM f), (SELECT count(*) FROM e),
                 (SELECT count(*) FROM f) - (SELECT count(DISTINCT event_id) FROM f)
                 + (SELECT count(*) FROM e WHERE NOT EXISTS (SELECT FROM f WHERE f.event_id = e.id))"
        );
        let row = self.0.query_one(&query, &[]).await?;
        let count = |index: usize| row.get::<_, i64>(index).unsigned_abs();
        Ok(Paired {
            fires: count(0),
            events: count(1),
            doubled: count(2),
        })
    }

    /// Waits until every event has its end; how many have none then.
    pub(in crate::scenarios) async fn until_ended(&self, time_max: Duration) -> Result<u64> {
        let events = ring("invocation", 32, 2, "1 AS one", "");
        let ends = ring("outcome", 32, 2, "1 AS one", "WHERE kind <> 1");
        let query = format!(
            "SELECT (SELECT count(*) FROM ({events}) AS e) - (SELECT count(*) FROM ({ends}) AS o)"
        );
        let deadline = Instant::now() + time_max;
        loop {
            let open: i64 = self.0.query_one(&query, &[]).await?.get(0);
            if open <= 0 || Instant::now() > deadline {
                return Ok(open.unsigned_abs());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
