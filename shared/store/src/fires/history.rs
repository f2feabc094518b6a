//! What a schedule did.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::schedule::{FireResult, Occasion};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::ring::PerDay;
use crate::{Error, Store};

static FIRES: LazyLock<PerDay> = LazyLock::new(|| {
    PerDay::new(
        "SELECT scheduled_at, occasion, fired_at, result, event_id FROM fire_{b}
         WHERE schedule_id = $1 AND scheduled_at < $2 ORDER BY scheduled_at DESC, occasion DESC LIMIT $3",
    )
});

static LAST: LazyLock<PerDay> = LazyLock::new(|| {
    PerDay::new(
        "SELECT asked.schedule_id, f.* FROM UNNEST($1::uuid[]) AS asked(schedule_id)
         CROSS JOIN LATERAL (
             SELECT scheduled_at, occasion, fired_at, result, event_id FROM fire_{b}
             WHERE fire_{b}.schedule_id = asked.schedule_id ORDER BY scheduled_at DESC, occasion DESC LIMIT 1
         ) AS f",
    )
});

/// One fire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FireRecord {
    pub scheduled_at: DateTime<Utc>,
    pub occasion: Occasion,
    /// When it was handed over, or left out.
    pub fired_at: DateTime<Utc>,
    pub result: FireResult,
    /// The request id of the invocation; `None` where nothing was invoked.
    pub event: Option<Uuid>,
}

impl Store {
    /// The fires of a schedule for which times before `before` were scheduled, the newest first. Seven days are kept. The caller has
    /// made sure that the schedule is the account's.
    pub async fn fires(
        &self,
        schedule: Uuid,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<FireRecord>, Error> {
        let mut records = Vec::new();
        for statement in FIRES.all() {
            let rows = sqlx::query(statement.as_str())
                .persistent(false)
                .bind(schedule)
                .bind(before)
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await?;
            for row in &rows {
                records.push(record(row)?);
            }
        }
        records.sort_by_key(|one| std::cmp::Reverse((one.scheduled_at, one.occasion.number())));
        records.truncate(limit as usize);
        Ok(records)
    }

    /// The fire of each of these schedules that was scheduled last. The caller has made sure that they are the account's.
    pub async fn last_fires(&self, schedules: &[Uuid]) -> Result<HashMap<Uuid, FireRecord>, Error> {
        let mut last: HashMap<Uuid, FireRecord> = HashMap::with_capacity(schedules.len());
        for statement in LAST.all() {
            let rows = sqlx::query(statement.as_str())
                .persistent(false)
                .bind(schedules)
                .fetch_all(&self.pool)
                .await?;
            for row in &rows {
                let (id, new) = (row.try_get("schedule_id")?, record(row)?);
                let known = last.get(&id).map(|known| known.scheduled_at);
                if known.is_none_or(|known| known < new.scheduled_at) {
                    last.insert(id, new);
                }
            }
        }
        Ok(last)
    }
}

fn record(row: &PgRow) -> Result<FireRecord, Error> {
    let (occasion, result) = (row.try_get("occasion")?, row.try_get("result")?);
    Ok(FireRecord {
        scheduled_at: row.try_get("scheduled_at")?,
        occasion: Occasion::from_number(occasion).ok_or(Error::Inconsistent("fire.occasion"))?,
        fired_at: row.try_get("fired_at")?,
        result: FireResult::from_number(result).ok_or(Error::Inconsistent("fire.result"))?,
        event: row.try_get("event_id")?,
    })
}
