//! Settling: outcomes of attempts, what follows from them, and their usage, in one transaction.
//!
//! The first outcome of an attempt wins by primary key. Whatever else belongs to the loser (destinations, dead letters, usage) is
//! not written: so a destination gets one record, and a served attempt is charged once, however often a lost executor made
//! the platform run it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::event::{Condition, EventId, Source, Verdict};
use domain::execution::Execution;
use domain::price::Sku;
use domain::usage::{Place, Sums};
use domain::{AccountId, FunctionName, Region};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::accept::{self, NewEvent};
use super::ring::PerBucket;
use crate::usage::{Rows, decimal};
use crate::{Error, Store};

static OUTCOMES: LazyLock<PerBucket> = LazyLock::new(|| {
    PerBucket::new(
        "INSERT INTO outcome_{b} (inv_id, attempt, kind, condition, next_at, executor_id, started_at, ended_at, version,
             function_error, error, response)
         SELECT * FROM UNNEST($1::uuid[], $2::smallint[], $3::smallint[], $4::smallint[], $5::timestamptz[], $6::uuid[],
             $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::bytea[])
         ON CONFLICT DO NOTHING
         RETURNING inv_id, attempt",
    )
});

/// Why a function's own event was not delivered to it.
const FULL: &str =
    "the queue had no place for it: it still held events of 32 hours ago without an end";

/// Longest error text that is kept, in bytes.
const ERROR_BYTES_MAX: usize = 1_024;

/// Who settles: an executor, by its usage; without one nothing ran and nothing is charged.
#[derive(Debug, Clone, Copy)]
pub struct Author {
    pub executor: Uuid,
    pub boot_epoch: i64,
}

/// The end of one attempt.
#[derive(Debug, Clone)]
pub struct Settlement {
    pub event: EventId,
    /// From 1.
    pub attempt: u16,
    pub verdict: Verdict,
    pub ended_at: DateTime<Utc>,
    /// `None` where nothing ran.
    pub ran: Option<Ran>,
    /// What went wrong; empty: nothing.
    pub error: String,
    /// What the run used.
    pub usage: Option<Usage>,
    /// Records and dead letters on their way to functions.
    pub deliveries: Vec<Delivery>,
    pub undelivered: Vec<NewUndelivered>,
    pub dead_letter: Option<NewDeadLetter>,
}

/// A run, as the outcome keeps it.
#[derive(Debug, Clone)]
pub struct Ran {
    pub executor: Uuid,
    pub started_at: DateTime<Utc>,
    /// `$LATEST` or a number.
    pub version: String,
    /// `X-Amz-Function-Error`; empty: none.
    pub function_error: String,
    pub response: Vec<u8>,
}

/// What a run adds to the bill if its outcome wins.
#[derive(Debug, Clone)]
pub struct Usage {
    pub execution: Execution,
    pub billed_ms: u64,
    /// Request units: one, and one more for each 64 KB of the event over 256 KB.
    pub requests: u32,
}

/// What a record was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum TargetKind {
    OnSuccess = 1,
    OnFailure = 2,
    DeadLetter = 3,
}

impl TargetKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnSuccess => "OnSuccess",
            Self::OnFailure => "OnFailure",
            Self::DeadLetter => "DeadLetter",
        }
    }

    pub(super) fn from_number(number: i16) -> Option<Self> {
        [Self::OnSuccess, Self::OnFailure, Self::DeadLetter]
            .into_iter()
            .find(|kind| *kind as i16 == number)
    }
}

/// Where a record of an event's end goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub kind: TargetKind,
    pub arn: String,
    /// The lane of the function that it is; or why nothing can be delivered to it.
    pub lane: Result<i64, String>,
    /// As the ARN qualifies the function; empty: not at all.
    pub qualifier: String,
}

/// The function whose event ended, for what is sent on from there.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    pub account: AccountId,
    pub region: &'a Region,
    pub function: &'a FunctionName,
    /// For the events that follow.
    pub trace: &'a str,
}

impl Settlement {
    /// An end without anything else.
    pub fn new(event: EventId, attempt: u16, verdict: Verdict, ended_at: DateTime<Utc>) -> Self {
        Self {
            event,
            attempt,
            verdict,
            ended_at,
            ran: None,
            error: String::new(),
            usage: None,
            deliveries: Vec::new(),
            undelivered: Vec::new(),
            dead_letter: None,
        }
    }

    /// Sends a record on its way under a new `id`: as an event to a function's lane, else to what is kept undelivered.
    pub fn send(&mut self, target: &Target, from: Sender<'_>, id: Uuid, body: Vec<u8>) {
        match (&target.lane, EventId::new(id)) {
            (Ok(lane), Some(id)) => self.deliveries.push(Delivery {
                event: NewEvent {
                    id,
                    lane: *lane,
                    account: from.account,
                    qualifier: target.qualifier.clone(),
                    source: match target.kind {
                        TargetKind::DeadLetter => Source::DeadLetter,
                        TargetKind::OnSuccess | TargetKind::OnFailure => Source::Destination,
                    },
                    trace: from.trace.to_owned(),
                    age_max_s: None,
                    attempts_max: None,
                    payload: body,
                },
                region: from.region.clone(),
                function: from.function.to_string(),
                kind: target.kind,
                target: target.arn.clone(),
            }),
            (lane, _) => self.undelivered.push(NewUndelivered {
                id,
                account: from.account,
                region: from.region.clone(),
                function: from.function.to_string(),
                kind: target.kind,
                target: target.arn.clone(),
                reason: lane.as_ref().err().cloned().unwrap_or_default(),
                body,
            }),
        }
    }
}

/// A record or a dead letter on its way to a function: an event of that function's.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub event: NewEvent,
    /// As an undelivered record has them: it becomes one where the queue has no place for the event.
    pub region: Region,
    pub function: String,
    pub kind: TargetKind,
    pub target: String,
}

impl Delivery {
    fn undelivered(&self, reason: &str) -> NewUndelivered {
        NewUndelivered {
            id: self.event.id.uuid(),
            account: self.event.account,
            region: self.region.clone(),
            function: self.function.clone(),
            kind: self.kind,
            target: self.target.clone(),
            reason: reason.to_owned(),
            body: self.event.payload.clone(),
        }
    }
}

/// A record that has nowhere to go yet.
#[derive(Debug, Clone)]
pub struct NewUndelivered {
    pub id: Uuid,
    pub account: AccountId,
    pub region: Region,
    pub function: String,
    pub kind: TargetKind,
    /// The target's ARN.
    pub target: String,
    pub reason: String,
    pub body: Vec<u8>,
}

/// An event that ended without success, as the store of dead letters keeps it.
#[derive(Debug, Clone)]
pub struct NewDeadLetter {
    pub lane: i64,
    pub account: AccountId,
    pub region: Region,
    pub function: String,
    pub qualifier: String,
    pub condition: Condition,
    /// Attempts in which the function was started.
    pub attempts: u16,
    pub trace: String,
    pub payload: Vec<u8>,
}

impl Store {
    /// Commits settlements together. Answers for each whether its outcome is the attempt's; of one that is not, nothing was
    /// written. Safe to repeat: after an unknown end of an earlier try, the same settlements lose against themselves and their
    /// answer is false.
    pub async fn settle(
        &self,
        author: Option<Author>,
        settlements: &[Settlement],
        now: DateTime<Utc>,
    ) -> Result<Vec<bool>, Error> {
        let mut in_ring = Vec::with_capacity(settlements.len());
        for settlement in settlements {
            in_ring.push(self.ring_holds(settlement.event).await?);
        }
        let full = self.full_hours(settlements).await?;
        let mut tx = self.pool.begin().await?;
        let mut rows = outcomes(&mut tx, settlements, &in_ring).await?;
        let won: Vec<bool> = settlements
            .iter()
            // Taken out: of two ends of one attempt in a batch only the first is the row's.
            .map(|one| rows.remove(&(one.event.uuid(), one.attempt.cast_signed())))
            .collect();
        let winners: Vec<&Settlement> = settlements
            .iter()
            .zip(&won)
            .filter_map(|(one, won)| won.then_some(one))
            .collect();
        deliver(&mut tx, &winners, &full).await?;
        leave_undelivered(&mut tx, &winners, &full, now).await?;
        bury(&mut tx, &winners).await?;
        if let Some(author) = author {
            charge(&mut tx, &self.usage_rows, (author, now), settlements, &won).await?;
        }
        tx.commit().await?;
        Ok(won)
    }

    /// Makes the buckets ready that deliveries go to; answers the hours that the ring has no place for. The ends that cause them
    /// must not wait for that: the events that keep those buckets may be their own.
    async fn full_hours(&self, settlements: &[Settlement]) -> Result<BTreeSet<i64>, Error> {
        let deliveries = settlements.iter().flat_map(|one| &one.deliveries);
        let hours: BTreeSet<i64> = deliveries.map(|one| one.event.id.hour()).collect();
        let mut full = BTreeSet::new();
        for hour in hours {
            if !self.turn_ring(hour).await? {
                full.insert(hour);
            }
        }
        Ok(full)
    }
}

/// Inserts the outcomes, bucket by bucket; answers which of them are there now by this.
async fn outcomes(
    tx: &mut PgConnection,
    settlements: &[Settlement],
    in_ring: &[bool],
) -> Result<HashSet<(Uuid, i16)>, Error> {
    let mut by_hour: BTreeMap<i64, Vec<&Settlement>> = BTreeMap::new();
    for (one, in_ring) in settlements.iter().zip(in_ring) {
        if *in_ring {
            by_hour.entry(one.event.hour()).or_default().push(one);
        }
    }
    let mut won = HashSet::with_capacity(settlements.len());
    for (hour, mut batch) in by_hour {
        // In one order, so that two batches with the same attempts do not wait for each other in a circle.
        batch.sort_by_key(|one| (one.event, one.attempt));
        let rows = insert_outcomes(tx, hour, &batch).await?;
        won.extend(rows);
    }
    Ok(won)
}

async fn insert_outcomes(
    tx: &mut PgConnection,
    hour: i64,
    batch: &[&Settlement],
) -> Result<Vec<(Uuid, i16)>, Error> {
    let ran = |one: &&Settlement| one.ran.clone();
    let runs: Vec<Option<Ran>> = batch.iter().map(ran).collect();
    let text = |of: fn(&Ran) -> &str| -> Vec<&str> {
        runs.iter().map(|run| run.as_ref().map_or("", of)).collect()
    };
    let conditions = batch
        .iter()
        .map(|one| one.verdict.condition().map_or(0, Condition::number));
    let rows = sqlx::query(OUTCOMES.of(hour))
        .bind(batch.iter().map(|one| one.event.uuid()).collect::<Vec<_>>())
        .bind(
            batch
                .iter()
                .map(|one| one.attempt.cast_signed())
                .collect::<Vec<_>>(),
        )
        .bind(
            batch
                .iter()
                .map(|one| one.verdict.kind())
                .collect::<Vec<_>>(),
        )
        .bind(conditions.collect::<Vec<_>>())
        .bind(
            batch
                .iter()
                .map(|one| one.verdict.next_at())
                .collect::<Vec<_>>(),
        )
        .bind(
            runs.iter()
                .map(|run| run.as_ref().map(|run| run.executor))
                .collect::<Vec<_>>(),
        )
        .bind(
            runs.iter()
                .map(|run| run.as_ref().map(|run| run.started_at))
                .collect::<Vec<_>>(),
        )
        .bind(batch.iter().map(|one| one.ended_at).collect::<Vec<_>>())
        .bind(text(|run| &run.version))
        .bind(text(|run| &run.function_error))
        .bind(batch.iter().map(|one| head(&one.error)).collect::<Vec<_>>())
        .bind(
            runs.iter()
                .map(|run| run.as_ref().map(|run| run.response.as_slice()))
                .collect::<Vec<_>>(),
        )
        .fetch_all(tx)
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

/// The first bytes of a text, cut between characters, without what the database cannot hold.
fn head(text: &str) -> String {
    let mut end = text.len().min(ERROR_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "\u{fffd}")
}

async fn deliver(
    tx: &mut PgConnection,
    winners: &[&Settlement],
    full: &BTreeSet<i64>,
) -> Result<(), Error> {
    let mut by_hour: BTreeMap<i64, Vec<NewEvent>> = BTreeMap::new();
    for delivery in winners.iter().flat_map(|one| &one.deliveries) {
        let hour = delivery.event.id.hour();
        if !full.contains(&hour) {
            let events = by_hour.entry(hour).or_default();
            events.push(delivery.event.clone());
        }
    }
    for events in by_hour.values() {
        accept::insert(tx, events).await?;
    }
    Ok(())
}

async fn leave_undelivered(
    tx: &mut PgConnection,
    winners: &[&Settlement],
    full: &BTreeSet<i64>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let mut records: Vec<(EventId, NewUndelivered)> = Vec::new();
    for settlement in winners {
        let refused = settlement.deliveries.iter();
        let refused = refused
            .filter(|one| full.contains(&one.event.id.hour()))
            .map(|one| one.undelivered(FULL));
        let kept = settlement.undelivered.iter().cloned().chain(refused);
        records.extend(kept.map(|one| (settlement.event, one)));
    }
    for (event, one) in records {
        sqlx::query!(
            "INSERT INTO undelivered (id, inv_id, account_id, region, function_name, kind, target, reason, at, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            one.id,
            event.uuid(),
            one.account.number(),
            one.region.as_str(),
            one.function,
            one.kind as i16,
            one.target,
            one.reason,
            now,
            one.body,
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

async fn bury(tx: &mut PgConnection, winners: &[&Settlement]) -> Result<(), Error> {
    let dead: Vec<(&Settlement, &NewDeadLetter)> = winners
        .iter()
        .filter_map(|one| Some((*one, one.dead_letter.as_ref()?)))
        .collect();
    if dead.is_empty() {
        return Ok(());
    }
    let letters = |of: fn(&NewDeadLetter) -> &str| -> Vec<String> {
        dead.iter()
            .map(|(_, letter)| of(letter).to_owned())
            .collect()
    };
    sqlx::query!(
        "INSERT INTO dead_letter (id, lane_id, account_id, region, function_name, qualifier, condition, attempts, error, trace,
             accepted_at, dead_at, payload)
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
             $8::smallint[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::bytea[])
         ON CONFLICT DO NOTHING",
        &dead.iter().map(|(one, _)| one.event.uuid()).collect::<Vec<_>>(),
        &dead.iter().map(|(_, letter)| letter.lane).collect::<Vec<_>>(),
        &dead.iter().map(|(_, letter)| letter.account.number()).collect::<Vec<_>>(),
        &letters(|letter| letter.region.as_str()),
        &letters(|letter| &letter.function),
        &letters(|letter| &letter.qualifier),
        &letters(|letter| letter.condition.as_str()),
        &dead.iter().map(|(_, letter)| letter.attempts.cast_signed()).collect::<Vec<_>>(),
        &dead.iter().map(|(one, _)| head(&one.error)).collect::<Vec<_>>(),
        &letters(|letter| &letter.trace),
        &dead.iter().map(|(one, _)| one.event.accepted_at()).collect::<Vec<_>>(),
        &dead.iter().map(|(one, _)| one.ended_at).collect::<Vec<_>>(),
        &dead.iter().map(|(_, letter)| letter.payload.clone()).collect::<Vec<_>>(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Adds the winners' usage to the hours, and says in one row what was added and what was not.
async fn charge(
    tx: &mut PgConnection,
    rows: &Rows,
    (author, now): (Author, DateTime<Utc>),
    settlements: &[Settlement],
    won: &[bool],
) -> Result<(), Error> {
    let (mut sums, mut lost) = (Sums::default(), Sums::default());
    let (mut attempts, mut requests, mut duplicates) = (0_i64, 0_i128, 0_i64);
    for (one, won) in settlements.iter().zip(won) {
        let Some(usage) = &one.usage else { continue };
        if *won {
            sums.add(&usage.execution, usage.billed_ms, now);
            sums.add_quantity(
                further_requests(usage, now),
                i128::from(usage.requests.saturating_sub(1)),
            );
            attempts += 1;
            requests += i128::from(usage.requests.max(1));
        } else {
            lost.add(&usage.execution, usage.billed_ms, now);
            duplicates += 1;
        }
    }
    if attempts + duplicates == 0 {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO billing.usage_settlement (executor_id, boot_epoch, attempts, requests, mb_ms, duplicates, duplicate_mb_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        author.executor,
        author.boot_epoch,
        attempts,
        decimal(requests)?,
        decimal(sums.mb_ms())?,
        duplicates,
        decimal(lost.mb_ms())?,
    )
    .execute(&mut *tx)
    .await?;
    // Last: other writers wait for these rows until the commit.
    rows.add(tx, author.executor, &sums).await
}

fn further_requests(usage: &Usage, now: DateTime<Utc>) -> Place {
    Place {
        account: usage.execution.account,
        hour: domain::price::book::hour_of(now),
        region: usage.execution.region.clone(),
        sku: Sku::Requests,
        resource: usage.execution.function_arn.clone(),
    }
}
