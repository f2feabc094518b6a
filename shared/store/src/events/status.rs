//! What became of events: one by its request id, or the newest of a function.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::event::{Condition, EventId};
use domain::{AccountId, Region};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::lanes::Lane;
use super::ring::PerBucket;
use crate::{Error, Store};

static EVENT: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "SELECT id, lane_id, qualifier, source, trace FROM invocation_{b} WHERE id = $1 AND account_id = $2",
    )
});

static ATTEMPTS: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "SELECT attempt, kind, condition, next_at, executor_id, started_at, ended_at, version, function_error, error, response
         FROM outcome_{b} WHERE inv_id = $1 ORDER BY attempt",
    )
});

/// Events with their latest outcomes: what [`summary`] reads.
pub(super) const LOOK: &str =
    "SELECT i.id, i.lane_id, i.qualifier, last.attempt, last.kind, last.condition, last.next_at, last.ended_at,
         coalesce(last.error, '') AS error
     FROM invocation_{b} AS i
     LEFT JOIN LATERAL (
         SELECT o.attempt, o.kind, o.condition, o.next_at, o.ended_at, o.error
         FROM outcome_{b} AS o WHERE o.inv_id = i.id ORDER BY o.attempt DESC LIMIT 1
     ) AS last ON true";

static LIST: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(&format!(
        "{LOOK}
         WHERE i.account_id = $1 AND i.lane_id = ANY($2) AND i.id < $3 AND i.id >= $4
           AND ($5::text IS NULL OR $5 = CASE
               WHEN last.kind IS NULL THEN 'queued'
               WHEN last.kind = 0 THEN 'succeeded'
               WHEN last.kind = 2 AND last.condition = 5 THEN 'cancelled'
               WHEN last.kind = 2 THEN 'dead'
               WHEN last.next_at > $6 THEN 'waiting'
               ELSE 'queued' END)
         ORDER BY i.id DESC LIMIT $7"
    ))
});

/// Where an event stands. Whether a queued one runs at this moment is not known here but to the executors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventState {
    /// Its next attempt may start at any moment.
    Queued,
    /// It waits for its next attempt.
    Waiting,
    Succeeded,
    Dead(Condition),
    Cancelled,
}

impl EventState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Dead(_) => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    fn of(
        kind: Option<i16>,
        condition: Option<i16>,
        next_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        Ok(match kind {
            Some(0) => Self::Succeeded,
            Some(1) if next_at.is_some_and(|at| at > now) => Self::Waiting,
            None | Some(1) => Self::Queued,
            Some(_) => match condition.and_then(Condition::from_number) {
                Some(Condition::Cancelled) => Self::Cancelled,
                Some(condition) => Self::Dead(condition),
                None => return Err(Error::Inconsistent("outcome.condition")),
            },
        })
    }
}

/// All that is known of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventStatus {
    pub id: EventId,
    pub lane: Lane,
    pub qualifier: String,
    pub source: i16,
    pub trace: String,
    pub state: EventState,
    /// Of a waiting one.
    pub next_at: Option<DateTime<Utc>>,
    pub attempts: Vec<Attempt>,
}

/// An attempt that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub attempt: u16,
    /// `None` where nothing ran.
    pub executor: Option<Uuid>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: DateTime<Utc>,
    pub version: String,
    pub function_error: String,
    pub error: String,
    /// When the next attempt was set for, if there was to be one.
    pub next_at: Option<DateTime<Utc>>,
    pub response: Option<Vec<u8>>,
}

/// An event in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSummary {
    pub id: EventId,
    pub lane: i64,
    pub qualifier: String,
    pub state: EventState,
    /// Attempts that have ended.
    pub attempts: u16,
    pub next_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub error: String,
}

/// Which events to list, the newest first.
#[derive(Debug, Clone)]
pub struct EventFilter {
    pub lanes: Vec<i64>,
    /// Accepted at this time or later.
    pub since: DateTime<Utc>,
    /// Older than this one: where the page before ended.
    pub before: Option<EventId>,
    /// [`EventState::as_str`].
    pub state: Option<String>,
    pub limit: u32,
}

impl Store {
    /// An event of an account and region by its request id; `None` where there is no such event, or not any more.
    pub async fn event(
        &self,
        account: AccountId,
        region: &Region,
        id: EventId,
        now: DateTime<Utc>,
    ) -> Result<Option<EventStatus>, Error> {
        if !self.ring_holds(id).await? {
            return Ok(None);
        }
        let row = EVENT
            .look(id.hour())
            .bind(id.uuid())
            .bind(account.number())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let lane = self.lanes(&[row.try_get("lane_id")?]).await?.pop();
        let Some(lane) = lane.filter(|lane| lane.account == account && lane.region == *region)
        else {
            return Ok(None);
        };
        let outcomes = ATTEMPTS
            .look(id.hour())
            .bind(id.uuid())
            .fetch_all(&self.pool)
            .await?;
        let attempts: Vec<Attempt> = outcomes.iter().map(attempt).collect::<Result<_, _>>()?;
        let last = outcomes.last();
        let kind = last.map(|row| row.try_get("kind")).transpose()?;
        let condition = last.map(|row| row.try_get("condition")).transpose()?;
        let next_at = attempts.last().and_then(|attempt| attempt.next_at);
        Ok(Some(EventStatus {
            id,
            lane,
            qualifier: row.try_get("qualifier")?,
            source: row.try_get("source")?,
            trace: row.try_get("trace")?,
            state: EventState::of(kind, condition, next_at, now)?,
            next_at,
            attempts,
        }))
    }

    /// Events of an account that the filter lets through, the newest first, over the whole ring.
    pub async fn list_events(
        &self,
        account: AccountId,
        filter: &EventFilter,
        now: DateTime<Utc>,
    ) -> Result<Vec<EventSummary>, Error> {
        let mut found = Vec::new();
        let since = EventId::floor(filter.since);
        let before = filter.before.map_or(Uuid::max(), EventId::uuid);
        for hour in self.ring_hours().await?.into_iter().rev() {
            let left = filter
                .limit
                .saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
            if left == 0 || hour < since.hour() {
                break;
            }
            if filter.before.is_some_and(|before| hour > before.hour()) {
                continue;
            }
            let rows = LIST
                .look(hour)
                .bind(account.number())
                .bind(&filter.lanes)
                .bind(before)
                .bind(since.uuid())
                .bind(filter.state.as_deref())
                .bind(now)
                .bind(i64::from(left))
                .fetch_all(&self.pool)
                .await?;
            for row in &rows {
                found.push(summary(row, now)?);
            }
        }
        Ok(found)
    }
}

fn attempt(row: &PgRow) -> Result<Attempt, Error> {
    Ok(Attempt {
        attempt: row.try_get::<i16, _>("attempt")?.cast_unsigned(),
        executor: row.try_get("executor_id")?,
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
        version: row.try_get("version")?,
        function_error: row.try_get("function_error")?,
        error: row.try_get("error")?,
        next_at: row.try_get("next_at")?,
        response: row.try_get("response")?,
    })
}

pub(super) fn summary(row: &PgRow, now: DateTime<Utc>) -> Result<EventSummary, Error> {
    let next_at = row.try_get("next_at")?;
    let attempts: Option<i16> = row.try_get("attempt")?;
    Ok(EventSummary {
        id: EventId::new(row.try_get("id")?).ok_or(Error::Inconsistent("invocation.id"))?,
        lane: row.try_get("lane_id")?,
        qualifier: row.try_get("qualifier")?,
        state: EventState::of(
            row.try_get("kind")?,
            row.try_get("condition")?,
            next_at,
            now,
        )?,
        attempts: attempts.map_or(0, i16::cast_unsigned),
        next_at,
        ended_at: row.try_get("ended_at")?,
        error: row.try_get("error")?,
    })
}
