//! Redriving dead letters: jobs that send them through the queue again, at a rate.

use chrono::{DateTime, Utc};
use domain::event::{EventId, Source};
use domain::trace::TraceHeader;
use domain::{AccountId, Region};
use uuid::Uuid;

use super::accept::{self, NewEvent};
use super::dead_letters::DeadLetterFilter;
use crate::{Error, Store};

/// A redrive to begin.
#[derive(Debug, Clone)]
pub struct NewRedrive {
    pub id: Uuid,
    pub account: AccountId,
    pub region: Region,
    /// What it takes. Letters that were redriven before are left out, as are those that die after its beginning.
    pub filter: DeadLetterFilter,
    pub rate_per_s: u32,
    pub now: DateTime<Utc>,
}

/// A redrive and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    pub id: Uuid,
    pub account: AccountId,
    pub rate_per_s: u32,
    /// Letters it found at its beginning.
    pub total: u64,
    pub done: u64,
    pub state: RedriveState,
    pub created_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedriveState {
    Running,
    Done,
    Cancelled,
}

impl RedriveState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }
}

struct Row {
    id: Uuid,
    account_id: i64,
    rate_per_s: i32,
    total: i64,
    done: i64,
    state: String,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

impl TryFrom<Row> for Redrive {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let account = u64::try_from(row.account_id).ok().and_then(AccountId::new);
        Ok(Self {
            id: row.id,
            account: account.ok_or(Error::Inconsistent("redrive.account_id"))?,
            rate_per_s: row.rate_per_s.cast_unsigned(),
            total: row.total.cast_unsigned(),
            done: row.done.cast_unsigned(),
            state: match row.state.as_str() {
                "running" => RedriveState::Running,
                "done" => RedriveState::Done,
                _ => RedriveState::Cancelled,
            },
            created_at: row.created_at,
            changed_at: row.changed_at,
        })
    }
}

/// Somebody has decided that it goes back: what led to its first end is no loop that it could be in.
fn anew(trace: &str) -> String {
    let trace = TraceHeader::parse(trace).map(TraceHeader::without_lineage);
    trace.map(|trace| trace.to_string()).unwrap_or_default()
}

impl Store {
    /// Begins a redrive; the queue carries it out.
    pub async fn create_redrive(&self, new: &NewRedrive) -> Result<Redrive, Error> {
        let until = new.filter.until.map_or(new.now, |until| until.min(new.now));
        let filter = DeadLetterFilter {
            until: Some(until),
            redriven: Some(false),
            ..new.filter.clone()
        };
        let total = self
            .count_dead_letters(new.account, &new.region, &filter)
            .await?;
        let row = sqlx::query_as!(
            Row,
            "INSERT INTO redrive (id, account_id, region, function_name, condition, dead_since, dead_until, rate_per_s, total,
                 created_at, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
             RETURNING id, account_id, rate_per_s, total, done, state, created_at, changed_at",
            new.id,
            new.account.number(),
            new.region.as_str(),
            filter.function,
            filter.condition,
            filter.since,
            until,
            new.rate_per_s.cast_signed(),
            total.cast_signed(),
            new.now,
        )
        .fetch_one(&self.pool)
        .await?;
        row.try_into()
    }

    /// A redrive of an account.
    pub async fn redrive(
        &self,
        account: AccountId,
        region: &Region,
        id: Uuid,
    ) -> Result<Option<Redrive>, Error> {
        let row = sqlx::query_as!(
            Row,
            "SELECT id, account_id, rate_per_s, total, done, state, created_at, changed_at FROM redrive
             WHERE account_id = $1 AND region = $2 AND id = $3",
            account.number(),
            region.as_str(),
            id,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(Redrive::try_from).transpose()
    }

    /// Stops a redrive where it is. False where it does not run.
    pub async fn cancel_redrive(
        &self,
        account: AccountId,
        region: &Region,
        id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let stopped = sqlx::query!(
            "UPDATE redrive SET state = 'cancelled', changed_at = $4
             WHERE account_id = $1 AND region = $2 AND id = $3 AND state = 'running'",
            account.number(),
            region.as_str(),
            id,
            now,
        )
        .execute(&self.pool)
        .await?;
        Ok(stopped.rows_affected() == 1)
    }

    /// Redrives that run, of all accounts: for the queue.
    pub async fn running_redrives(&self) -> Result<Vec<Redrive>, Error> {
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, account_id, rate_per_s, total, done, state, created_at, changed_at FROM redrive
             WHERE state = 'running' ORDER BY id"
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Redrive::try_from).collect()
    }

    /// Sends up to as many letters of a running redrive back as there are ids, in one transaction; answers what it accepted. Several
    /// replicas may do this at once: each takes others. Where nothing is left the redrive is done.
    pub async fn redrive_step(
        &self,
        id: Uuid,
        ids: &[EventId],
        now: DateTime<Utc>,
    ) -> Result<Vec<NewEvent>, Error> {
        let Some(first) = ids.first() else {
            return Ok(Vec::new());
        };
        if !self.turn_ring(first.hour()).await? {
            return Ok(Vec::new());
        }
        let mut tx = self.pool.begin().await?;
        let letters = sqlx::query!(
            "SELECT l.id, l.lane_id, l.account_id, l.qualifier, l.trace, l.payload
             FROM redrive AS r
             JOIN dead_letter AS l ON l.account_id = r.account_id AND l.region = r.region
               AND (r.function_name IS NULL OR l.function_name = r.function_name)
               AND (r.condition IS NULL OR l.condition = r.condition)
               AND (r.dead_since IS NULL OR l.dead_at >= r.dead_since)
               AND l.dead_at < r.dead_until AND l.redriven_as IS NULL
             WHERE r.id = $1 AND r.state = 'running'
             ORDER BY l.id LIMIT $2 FOR UPDATE OF l SKIP LOCKED",
            id,
            i64::try_from(ids.len()).unwrap_or(i64::MAX),
        )
        .fetch_all(&mut *tx)
        .await?;
        let old: Vec<Uuid> = letters.iter().map(|letter| letter.id).collect();
        let mut events = Vec::with_capacity(letters.len());
        for (letter, id) in letters.into_iter().zip(ids) {
            let account = u64::try_from(letter.account_id)
                .ok()
                .and_then(AccountId::new);
            events.push(NewEvent {
                id: *id,
                lane: letter.lane_id,
                account: account.ok_or(Error::Inconsistent("dead_letter.account_id"))?,
                qualifier: letter.qualifier,
                source: Source::Redrive,
                trace: anew(&letter.trace),
                age_max_s: None,
                attempts_max: None,
                payload: letter.payload,
            });
        }
        accept::insert(&mut tx, &events).await?;
        let new: Vec<Uuid> = events.iter().map(|event| event.id.uuid()).collect();
        sqlx::query!(
            "UPDATE dead_letter SET redriven_as = pair.new, redriven_at = $3
             FROM UNNEST($1::uuid[], $2::uuid[]) AS pair (old, new) WHERE id = pair.old",
            &old,
            &new,
            now,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE redrive SET done = done + $2, changed_at = $3,
                 state = CASE WHEN $2 = 0 AND state = 'running' THEN 'done' ELSE state END
             WHERE id = $1",
            id,
            i64::try_from(events.len()).unwrap_or(0),
            now,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(events)
    }
}
