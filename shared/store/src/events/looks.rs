//! Looking at queues: how much waits in which lane, and what certain events are. For people who watch, not for working.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::event::EventId;
use sqlx::Row as _;
use uuid::Uuid;

use super::ring::PerBucket;
use super::status::{EventSummary, LOOK, summary};
use crate::{Error, Store};

static DEPTHS: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "SELECT i.lane_id, count(*), min(i.id::text)
         FROM UNNEST($1::bigint[], $2::uuid[]) AS asked (lane_id, from_id)
         JOIN invocation_{b} AS i ON i.lane_id = asked.lane_id AND i.id >= asked.from_id AND i.id >= $3
         -- By the primary key, event by event: see `feed`.
         WHERE NOT EXISTS (SELECT FROM outcome_{b} AS o WHERE o.inv_id = i.id AND o.kind <> 1 OFFSET 0)
         GROUP BY i.lane_id",
    )
});

static ACCEPTED: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "SELECT lane_id, count(*) FROM invocation_{b}
         WHERE lane_id = ANY($1) AND id >= $2 AND id < $3 GROUP BY lane_id",
    )
});

static LANES: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new("SELECT id, lane_id FROM invocation_{b} WHERE id = ANY($1) AND account_id = $2")
});

static BY_ID: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(&format!(
        "{LOOK} WHERE i.account_id = $1 AND i.id = ANY($2) ORDER BY i.id DESC"
    ))
});

/// What waits in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneDepth {
    pub lane: i64,
    /// Events without an end: those that wait for a retry and those that run are among them.
    pub depth: u64,
    /// The one that was accepted first.
    pub oldest: EventId,
}

impl Store {
    /// How many events of these lanes have no end yet, from the given id of each lane on. Lanes without any are left out. Every
    /// event before such an id must be known to have ended. The look costs what there is from the earliest of these ids on: ask for
    /// lanes that are far apart one after the other.
    pub async fn lane_depths(&self, lanes: &[(i64, EventId)]) -> Result<Vec<LaneDepth>, Error> {
        let mut found: Vec<LaneDepth> = Vec::new();
        let Some(first) = lanes.iter().map(|(_, from)| *from).min() else {
            return Ok(found);
        };
        let (ids, from): (Vec<i64>, Vec<Uuid>) = lanes
            .iter()
            .map(|(lane, from)| (*lane, from.uuid()))
            .unzip();
        for hour in self
            .ring_hours()
            .await?
            .into_iter()
            .filter(|hour| *hour >= first.hour())
        {
            let rows = DEPTHS
                .look(hour)
                .bind(&ids)
                .bind(&from)
                .bind(first.uuid())
                .fetch_all(&self.pool)
                .await?;
            for row in &rows {
                let (lane, depth): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
                let oldest: String = row.try_get(2)?;
                let oldest = oldest.parse().ok().and_then(EventId::new);
                let oldest = oldest.ok_or(Error::Inconsistent("invocation.id"))?;
                let depth = depth.cast_unsigned();
                // Hours come oldest first: what was found before is older.
                match found.iter_mut().find(|known| known.lane == lane) {
                    Some(known) => known.depth += depth,
                    None => found.push(LaneDepth {
                        lane,
                        depth,
                        oldest,
                    }),
                }
            }
        }
        Ok(found)
    }

    /// How many events of these lanes were accepted at `from` or later and before `to`. Lanes without any are left out.
    pub async fn lanes_accepted(
        &self,
        lanes: &[i64],
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<(i64, u64)>, Error> {
        let (from, to) = (EventId::floor(from), EventId::floor(to));
        let mut found: Vec<(i64, u64)> = Vec::new();
        let hours = self.ring_hours().await?;
        for hour in hours
            .into_iter()
            .filter(|hour| (from.hour()..=to.hour()).contains(hour))
        {
            let rows = ACCEPTED
                .look(hour)
                .bind(lanes)
                .bind(from.uuid())
                .bind(to.uuid())
                .fetch_all(&self.pool)
                .await?;
            for row in &rows {
                let (lane, count): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
                let count = count.cast_unsigned();
                match found.iter_mut().find(|(known, _)| *known == lane) {
                    Some((_, known)) => *known += count,
                    None => found.push((lane, count)),
                }
            }
        }
        Ok(found)
    }

    /// The lanes of those of these events that are the account's.
    pub async fn lanes_of_events(
        &self,
        account: AccountId,
        ids: &[EventId],
    ) -> Result<Vec<(EventId, i64)>, Error> {
        let mut found = Vec::new();
        for (hour, ids) in self.by_hour(ids).await? {
            let rows = LANES
                .look(hour)
                .bind(ids)
                .bind(account.number())
                .fetch_all(&self.pool)
                .await?;
            for row in &rows {
                let id = EventId::new(row.try_get("id")?);
                let id = id.ok_or(Error::Inconsistent("invocation.id"))?;
                found.push((id, row.try_get("lane_id")?));
            }
        }
        Ok(found)
    }

    /// Those of these events that are the account's, the newest first.
    pub async fn events_by_id(
        &self,
        account: AccountId,
        ids: &[EventId],
        now: DateTime<Utc>,
    ) -> Result<Vec<EventSummary>, Error> {
        let mut found = Vec::new();
        for (hour, ids) in self.by_hour(ids).await? {
            let rows = BY_ID
                .look(hour)
                .bind(account.number())
                .bind(ids)
                .fetch_all(&self.pool)
                .await?;
            for row in &rows {
                found.push(summary(row, now)?);
            }
        }
        found.sort_by_key(|event| std::cmp::Reverse(event.id));
        Ok(found)
    }

    /// Ids by their hours, as far as the ring holds those.
    async fn by_hour(&self, ids: &[EventId]) -> Result<Vec<(i64, Vec<Uuid>)>, Error> {
        let of = |hour: i64| {
            let ids = ids.iter().filter(|id| id.hour() == hour);
            (hour, ids.map(|id| id.uuid()).collect::<Vec<_>>())
        };
        let hours = self.ring_hours().await?.into_iter().map(of);
        Ok(hours.filter(|(_, ids)| !ids.is_empty()).collect())
    }
}
