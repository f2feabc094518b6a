//! What Postgres holds of events. The tables are described in `sql/migrations/0007_queue.sql`.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use futures::TryStreamExt as _;
use tokio_postgres::Client;
use uuid::Uuid;

const UUID_CHARS: usize = 36;

/// One row of an outcome table.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) id: Uuid,
    pub(crate) attempt: i16,
    pub(crate) kind: Kind,
    /// Whether an executor wrote it.
    pub(crate) ran: bool,
    /// Microseconds since 1970.
    pub(crate) ended_us: i64,
    pub(crate) response: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Success,
    Retry,
    Dead,
}

/// Who made an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Caller,
    /// The end of another one.
    Destination,
    Other,
}

/// Reads the facts of one installation.
pub(crate) struct Facts(Client);

impl Facts {
    pub(crate) fn new(client: Client) -> Self {
        Self(client)
    }

    /// `one` for each bucket that has ever been used, put together.
    async fn over_ring(&self, one: &str) -> Result<Option<String>> {
        let used = "SELECT bucket FROM ring WHERE hour >= 0 ORDER BY hour";
        let parts: Vec<String> = self
            .0
            .query(used, &[])
            .await?
            .iter()
            .map(|row| one.replace("{}", &format!("{:02}", row.get::<_, i16>(0))))
            .collect();
        Ok((!parts.is_empty()).then(|| parts.join(" UNION ALL ")))
    }

    async fn sum(&self, one: &str) -> Result<u64> {
        let Some(query) = self.over_ring(one).await? else {
            return Ok(0);
        };
        let query = format!("SELECT coalesce(sum(n), 0)::int8 FROM ({query}) AS part");
        let row = self.0.query_one(&query, &[]).await?;
        Ok(u64::try_from(row.get::<_, i64>(0))?)
    }

    /// Stored events.
    pub(crate) async fn stored(&self) -> Result<u64> {
        self.sum("SELECT count(*) AS n FROM invocation_{}").await
    }

    /// Terminal outcomes.
    pub(crate) async fn ended(&self) -> Result<u64> {
        self.sum("SELECT count(*) AS n FROM outcome_{} WHERE kind <> 1")
            .await
    }

    /// Whether an event has its terminal outcome.
    pub(crate) async fn has_ended(&self, id: Uuid) -> Result<bool> {
        let one =
            format!("SELECT count(*) AS n FROM outcome_{{}} WHERE kind <> 1 AND inv_id = '{id}'");
        Ok(self.sum(&one).await? > 0)
    }

    /// Stored events, and where each comes from.
    pub(crate) async fn events(&self) -> Result<HashMap<Uuid, Source>> {
        let one = "SELECT id, source FROM invocation_{}";
        let Some(query) = self.over_ring(one).await? else {
            return Ok(HashMap::new());
        };
        let none: [i32; 0] = [];
        let rows = self.0.query_raw(&query, none).await?;
        let events = rows.map_ok(|row| {
            let source = match row.get::<_, i16>(1) {
                1 => Source::Caller,
                2 => Source::Destination,
                _ => Source::Other,
            };
            (row.get(0), source)
        });
        Ok(events.try_collect().await?)
    }

    pub(crate) async fn dead_letters(&self) -> Result<Vec<Uuid>> {
        self.column("SELECT id FROM dead_letter").await
    }

    /// Events with one attempt of which three executors were lost: what the guard against poison ends as failed.
    pub(crate) async fn guarded(&self) -> Result<Vec<Uuid>> {
        let query = "SELECT inv_id FROM attempt_loss GROUP BY inv_id, attempt HAVING count(*) >= 3";
        self.column(query).await
    }

    async fn column(&self, query: &str) -> Result<Vec<Uuid>> {
        let none: [i32; 0] = [];
        let rows = self.0.query_raw(query, none).await?;
        Ok(rows
            .map_ok(|row| row.get::<_, Uuid>(0))
            .try_collect()
            .await?)
    }

    /// All outcomes, in no order.
    pub(crate) async fn outcomes(&self) -> Result<Vec<Outcome>> {
        let one = "SELECT inv_id, attempt, kind, executor_id IS NOT NULL, \
                   (extract(epoch FROM ended_at) * 1000000)::int8, coalesce(response, '') FROM outcome_{}";
        let Some(query) = self.over_ring(one).await? else {
            return Ok(Vec::new());
        };
        let none: [i32; 0] = [];
        let rows = self.0.query_raw(&query, none).await?;
        let outcomes = rows.map_ok(|row| {
            Some(Outcome {
                id: row.get(0),
                attempt: row.get(1),
                kind: match row.get::<_, i16>(2) {
                    0 => Kind::Success,
                    1 => Kind::Retry,
                    2 => Kind::Dead,
                    _ => return None,
                },
                ran: row.get(3),
                ended_us: row.get(4),
                response: row.get(5),
            })
        });
        let outcomes: Vec<Option<Outcome>> = outcomes.try_collect().await?;
        outcomes
            .into_iter()
            .collect::<Option<Vec<Outcome>>>()
            .context("an outcome of a kind that nobody knows")
    }

    /// Executions of events that were charged.
    pub(crate) async fn charged(&self) -> Result<u64> {
        let query = "SELECT coalesce(sum(attempts), 0)::int8 FROM billing.usage_settlement";
        Ok(u64::try_from(
            self.0.query_one(query, &[]).await?.get::<_, i64>(0),
        )?)
    }

    /// How often each request was run, as the functions' logs show it.
    pub(crate) async fn runs_logged(&self) -> Result<HashMap<Uuid, u64>> {
        let mut runs: HashMap<Uuid, u64> = HashMap::new();
        self.over_logs("START RequestId: ", |rest| {
            let id = std::str::from_utf8(rest.get(..UUID_CHARS)?).ok()?;
            *runs.entry(id.parse().ok()?).or_default() += 1;
            Some(())
        })
        .await?;
        Ok(runs)
    }

    /// Events whose function has said in its log that it began, with the times it gave (microseconds since 1970).
    pub(crate) async fn began(&self) -> Result<Vec<(Uuid, i64)>> {
        let mut began = Vec::new();
        self.over_logs("began ", |rest| {
            // What lies behind the line's dot is the log's own.
            let end = rest.iter().position(|byte| *byte == b'.')?;
            let (id, at) = std::str::from_utf8(&rest[..end]).ok()?.split_once(' ')?;
            began.push((id.parse().ok()?, at.parse().ok()?));
            Some(())
        })
        .await?;
        Ok(began)
    }

    /// Gives `read` what follows each `word` in the stored lines of functions. Lines lie in their chunks as they were written,
    /// whatever is between them. A line that `read` cannot read is an error.
    async fn over_logs(&self, word: &str, mut read: impl FnMut(&[u8]) -> Option<()>) -> Result<()> {
        let none: [i32; 0] = [];
        let rows = self
            .0
            .query_raw("SELECT lines FROM log_chunk", none)
            .await?;
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.try_next().await? {
            let mut rest: &[u8] = row.get(0);
            while let Some(at) = memchr::memmem::find(rest, word.as_bytes()) {
                rest = &rest[at + word.len()..];
                read(rest).with_context(|| format!("a torn line {word:?} in a log"))?;
            }
        }
        Ok(())
    }
}
