//! Cancelling events that wait, one or all of a lane.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::event::{Condition, EventId, Verdict};
use domain::{AccountId, Region};
use sqlx::Row as _;

use super::ring::PerBucket;
use super::settle::Settlement;
use super::status::EventState;
use crate::{Error, Store};

/// Events that go on, with the attempt that comes next.
static OPEN: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "SELECT i.id, coalesce(last.attempt, 0)::smallint AS ended
         FROM invocation_{b} AS i
         LEFT JOIN LATERAL (
             SELECT o.attempt, o.kind FROM outcome_{b} AS o WHERE o.inv_id = i.id ORDER BY o.attempt DESC LIMIT 1
         ) AS last ON true
         WHERE i.lane_id = $1 AND (last.kind IS NULL OR last.kind = 1)
         ORDER BY i.id LIMIT $2",
    )
});

static DEPTH: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "SELECT count(*), min(i.id::text) FROM invocation_{b} AS i
         WHERE i.lane_id = $1
           AND NOT EXISTS (SELECT FROM outcome_{b} AS o WHERE o.inv_id = i.id AND o.kind <> 1 OFFSET 0)",
    )
});

/// What became of the wish to cancel an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// There is no such event, or not any more.
    NotFound,
    /// It will not run any more.
    Done,
    /// It had ended before.
    Ended(EventState),
}

fn settlement(event: EventId, ended: u16, now: DateTime<Utc>) -> Settlement {
    Settlement::new(event, ended + 1, Verdict::Dead(Condition::Cancelled), now)
}

impl Store {
    /// Ends an event before its next attempt. An attempt that runs at this moment goes on and its result is discarded: ask the
    /// executors to end it first.
    pub async fn cancel_event(
        &self,
        account: AccountId,
        region: &Region,
        id: EventId,
        now: DateTime<Utc>,
    ) -> Result<Cancelled, Error> {
        // An attempt that ends between the look and the wish makes the wish lose: then look again.
        loop {
            let Some(event) = self.event(account, region, id, now).await? else {
                return Ok(Cancelled::NotFound);
            };
            if !matches!(event.state, EventState::Queued | EventState::Waiting) {
                return Ok(Cancelled::Ended(event.state));
            }
            let ended = event.attempts.last().map_or(0, |last| last.attempt);
            let won = self
                .settle(None, &[settlement(id, ended, now)], now)
                .await?;
            if won == [true] {
                return Ok(Cancelled::Done);
            }
        }
    }

    /// Cancels up to `limit` of the lane's events, the oldest first; answers which. Empty: none is left.
    pub async fn purge_lane(
        &self,
        lane: i64,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<EventId>, Error> {
        for hour in self.ring_hours().await? {
            let rows = OPEN
                .look(hour)
                .bind(lane)
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await?;
            if rows.is_empty() {
                continue;
            }
            let mut settlements = Vec::with_capacity(rows.len());
            for row in &rows {
                let id = EventId::new(row.try_get("id")?);
                let ended: i16 = row.try_get("ended")?;
                settlements.push(settlement(
                    id.ok_or(Error::Inconsistent("invocation.id"))?,
                    ended.cast_unsigned(),
                    now,
                ));
            }
            self.settle(None, &settlements, now).await?;
            return Ok(settlements.iter().map(|one| one.event).collect());
        }
        Ok(Vec::new())
    }

    /// How many events of a lane have no end yet, and the oldest of them. Counts them all: for looking, not for working.
    pub async fn lane_depth(&self, lane: i64) -> Result<(u64, Option<EventId>), Error> {
        let (mut count, mut oldest) = (0, None);
        for hour in self.ring_hours().await? {
            let row = DEPTH.look(hour).bind(lane).fetch_one(&self.pool).await?;
            let here: i64 = row.try_get(0)?;
            count += here.cast_unsigned();
            let first: Option<String> = row.try_get(1)?;
            let first = first.and_then(|id| id.parse().ok()).and_then(EventId::new);
            oldest = oldest.or(first);
        }
        Ok((count, oldest))
    }
}
