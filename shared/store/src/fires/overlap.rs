//! Schedules that do not let their runs overlap: what is known of the last event, and the fire that waits for it.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::event::EventId;
use domain::schedule::{self, FireResult, Occasion, Overlap};
use sqlx::PgConnection;
use uuid::Uuid;

use super::fire::{Due, Fired, Subject};
use super::ring::PerDay;
use crate::events::ring::PerBucket;
use crate::events::{NewEvent, insert_events};
use crate::{Error, Store};

/// Whether an event goes on.
static OPEN: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "SELECT EXISTS (SELECT FROM invocation_{b} WHERE id = $1)
             AND NOT EXISTS (SELECT FROM outcome_{b} WHERE inv_id = $1 AND kind <> 1)",
    )
});

static CHANGE: LazyLock<PerDay> = LazyLock::new(|| {
    PerDay::new(
        "UPDATE fire_{b} SET result = $4, event_id = $5, fired_at = $6
         WHERE schedule_id = $1 AND scheduled_at = $2 AND occasion = $3",
    )
});

/// A fire that waits for the end of the event before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub schedule: Uuid,
    pub scheduled_at: DateTime<Utc>,
}

/// What became of the wish to fire what waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Released {
    /// It fired: the event's owner is to be told.
    Fired(Box<NewEvent>),
    /// The event before it goes on.
    NotYet,
    /// It waits no more.
    Gone,
}

impl Store {
    /// What the overlap policy says of a fire whose row is written. The lock on the schedule's row holds to the end of the transaction.
    pub(super) async fn guard(
        &self,
        tx: &mut PgConnection,
        (day, due): (i64, &Due),
        subject: &Subject,
        fired: &mut Fired,
    ) -> Result<FireResult, Error> {
        let last = sqlx::query!(
            "SELECT event_id, waiting_at FROM schedule_run WHERE schedule_id = $1 FOR UPDATE",
            due.schedule
        )
        .fetch_optional(&mut *tx)
        .await?;
        let mut open = None;
        if let Some(last) = &last {
            open = self.open(tx, last.event_id).await?;
        }
        let waits = last.is_some_and(|last| last.waiting_at.is_some());
        let result = match (open, subject.overlap) {
            (Some(event), Overlap::CancelOther) => {
                let other = (subject.target.account, subject.target.region.clone(), event);
                fired.replaced.push(other);
                FireResult::Fired
            }
            (Some(_), Overlap::BufferOne) if !waits => FireResult::Buffered,
            (Some(_), Overlap::BufferOne | Overlap::Skip) => FireResult::Overlapped,
            _ => FireResult::Fired,
        };
        match result {
            FireResult::Fired => keep(tx, due.schedule, due.event).await?,
            FireResult::Buffered => {
                sqlx::query!(
                    "UPDATE schedule_run SET waiting_at = $2 WHERE schedule_id = $1",
                    due.schedule,
                    due.scheduled_at
                )
                .execute(&mut *tx)
                .await?;
            }
            _ => {}
        }
        if result != FireResult::Fired {
            change(tx, day, (due, None), result, due.event.accepted_at()).await?;
        }
        Ok(result)
    }

    async fn open(&self, tx: &mut PgConnection, event: Uuid) -> Result<Option<EventId>, Error> {
        let Some(event) = EventId::new(event) else {
            return Ok(None);
        };
        if !self.ring_holds(event).await? {
            return Ok(None);
        }
        let open: bool = sqlx::query_scalar(OPEN.of(event.hour()))
            .persistent(false)
            .bind(event.uuid())
            .fetch_one(tx)
            .await?;
        Ok(open.then_some(event))
    }

    /// The fires of these shards that wait.
    pub async fn waiting_fires(&self, shards: &[i16]) -> Result<Vec<Waiting>, Error> {
        let rows = sqlx::query!(
            r#"SELECT schedule_id, waiting_at AS "waiting_at!" FROM schedule_run
             WHERE shard = ANY($1) AND waiting_at IS NOT NULL ORDER BY waiting_at"#,
            shards
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Waiting {
                schedule: row.schedule_id,
                scheduled_at: row.waiting_at,
            })
            .collect())
    }

    /// Fires what waits, if the event before it has ended.
    pub async fn release_fire(
        &self,
        waiting: &Waiting,
        event: EventId,
        trace: String,
        now: DateTime<Utc>,
    ) -> Result<Released, Error> {
        let Some((_, subject)) = self
            .subjects(&[waiting.schedule])
            .await?
            .remove(&waiting.schedule)
        else {
            return Ok(Released::Gone);
        };
        if !self.turn_ring(event.hour()).await? {
            return Ok(Released::NotYet);
        }
        let mut tx = self.pool.begin().await?;
        let last = sqlx::query!(
            "SELECT event_id FROM schedule_run WHERE schedule_id = $1 AND waiting_at = $2 FOR UPDATE",
            waiting.schedule,
            waiting.scheduled_at
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(last) = last else {
            return Ok(Released::Gone);
        };
        if self.open(&mut tx, last.event_id).await?.is_some() {
            return Ok(Released::NotYet);
        }
        let due = Due {
            schedule: waiting.schedule,
            generation: None,
            scheduled_at: waiting.scheduled_at,
            occasion: Occasion::Time,
            result: FireResult::Fired,
            event,
            trace,
        };
        keep(&mut tx, due.schedule, event).await?;
        let day = schedule::day(due.scheduled_at);
        change(&mut tx, day, (&due, Some(event)), FireResult::Fired, now).await?;
        let event = subject.event(&due);
        insert_events(&mut tx, std::slice::from_ref(&event)).await?;
        tx.commit().await?;
        Ok(Released::Fired(Box::new(event)))
    }
}

/// Notes the schedule's newest event; nothing waits any more.
async fn keep(tx: &mut PgConnection, schedule: Uuid, event: EventId) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO schedule_run (schedule_id, shard, event_id) VALUES ($1, $2, $3)
         ON CONFLICT (schedule_id) DO UPDATE SET event_id = excluded.event_id, waiting_at = NULL",
        schedule,
        domain::schedule::shard(schedule),
        event.uuid()
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn change(
    tx: &mut PgConnection,
    day: i64,
    (due, event): (&Due, Option<EventId>),
    result: FireResult,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(CHANGE.of(day))
        .persistent(false)
        .bind(due.schedule)
        .bind(due.scheduled_at)
        .bind(due.occasion.number())
        .bind(result.number())
        .bind(event.map(EventId::uuid))
        .bind(at)
        .execute(tx)
        .await?;
    Ok(())
}
