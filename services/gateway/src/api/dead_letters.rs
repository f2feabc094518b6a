//! Events that ended without success: kept, listed, sent back, deleted.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use store::events::{DeadLetterFilter, NewRedrive, RedriveState};

use super::input::{Input, Nothing};
use super::names::{self, some};
use super::paging;
use super::refusal::Refusal;
use super::types::{
    Count, CountQuery, DeadLetter, DeadLetterQuery, DeadLetterWithPayload, DeadLetters, EventKey,
    Payload, PurgeQuery, Purged, Redrive, RedriveKey, RedriveStatus, StartRedrive,
};
use crate::call::Call;

/// Letters that one step of a purge deletes.
const STEP: u32 = 1_000;
/// Longer than this one request does not purge.
const PURGE_MAX: Duration = Duration::from_secs(3);
/// Letters a second that a redrive may send back.
const RATE_MAX: u32 = 10_000;

pub(super) async fn list(
    cx: Call,
    input: Input<Nothing, DeadLetterQuery, Nothing>,
) -> Result<DeadLetters, Refusal> {
    let query = input.query;
    let limit = paging::limit(query.limit)?;
    let before = paging::after(query.next_token.as_deref())?;
    let filter = filter(
        (query.function, query.condition),
        (query.since, query.until),
        query.redriven,
    )?;
    let letters = cx
        .app
        .store
        .dead_letters(cx.account, &cx.region, &filter, before, limit)
        .await
        .map_err(|error| Refusal::internal(&error, &cx))?;
    Ok(DeadLetters {
        next_token: paging::next(&letters, limit, |letter| letter.id),
        dead_letters: letters.into_iter().map(letter).collect(),
    })
}

pub(super) async fn get(
    cx: Call,
    input: Input<EventKey, Nothing, Nothing>,
) -> Result<DeadLetterWithPayload, Refusal> {
    let missing = || {
        let id = input.path.request_id;
        Refusal::missing(format!("There is no dead letter of event {id}."))
    };
    let id = domain::event::EventId::new(input.path.request_id).ok_or_else(missing)?;
    let found = cx.app.store.dead_letter(cx.account, &cx.region, id).await;
    let found = found.map_err(|error| Refusal::internal(&error, &cx))?;
    let found = found.ok_or_else(missing)?;
    Ok(DeadLetterWithPayload {
        dead_letter: letter(found.letter),
        payload: Payload::of(found.payload),
    })
}

pub(super) async fn count(
    cx: Call,
    input: Input<Nothing, CountQuery, Nothing>,
) -> Result<Count, Refusal> {
    let query = input.query;
    let filter = filter(
        (query.function, query.condition),
        (query.since, query.until),
        query.redriven,
    )?;
    let count = cx
        .app
        .store
        .count_dead_letters(cx.account, &cx.region, &filter)
        .await
        .map_err(|error| Refusal::internal(&error, &cx))?;
    Ok(Count { count })
}

pub(super) async fn purge(
    cx: Call,
    input: Input<Nothing, PurgeQuery, Nothing>,
) -> Result<Purged, Refusal> {
    let query = input.query;
    let filter = filter(
        (query.function, query.condition),
        (query.since, query.until),
        query.redriven,
    )?;
    if filter == DeadLetterFilter::default() && query.all != Some(true) {
        return Err(Refusal::invalid(
            "Say which dead letters to delete, or all=true for all of them.",
        ));
    }
    let (began, mut purged) = (Instant::now(), 0);
    while began.elapsed() < PURGE_MAX {
        let store = &cx.app.store;
        let gone = store.purge_dead_letters(cx.account, &cx.region, &filter, STEP);
        let gone = gone.await.map_err(|error| Refusal::internal(&error, &cx))?;
        purged += gone;
        if gone < u64::from(STEP) {
            return Ok(Purged {
                purged,
                more: false,
            });
        }
    }
    Ok(Purged { purged, more: true })
}

pub(super) async fn start_redrive(
    cx: Call,
    input: Input<Nothing, Nothing, StartRedrive>,
) -> Result<Redrive, Refusal> {
    let StartRedrive {
        filter: which,
        rate_per_s,
    } = input.body;
    if !(1..=RATE_MAX).contains(&rate_per_s) {
        let text = format!("rate_per_s must be 1 to {RATE_MAX}.");
        return Err(Refusal::invalid(text));
    }
    let now = cx.app.clock.now();
    let new = NewRedrive {
        id: cx.app.ids.ordered(now),
        account: cx.account,
        region: cx.region.clone(),
        filter: filter(
            (which.function, which.condition),
            (which.since, which.until),
            Some(false),
        )?,
        rate_per_s,
        now,
    };
    let made = cx.app.store.create_redrive(&new).await;
    made.map(|made| redrive(&made))
        .map_err(|error| Refusal::internal(&error, &cx))
}

pub(super) async fn get_redrive(
    cx: Call,
    input: Input<RedriveKey, Nothing, Nothing>,
) -> Result<Redrive, Refusal> {
    let id = input.path.redrive_id;
    let found = cx.app.store.redrive(cx.account, &cx.region, id).await;
    let found = found.map_err(|error| Refusal::internal(&error, &cx))?;
    let missing = || Refusal::missing(format!("There is no redrive {id}."));
    found.as_ref().map(redrive).ok_or_else(missing)
}

pub(super) async fn cancel_redrive(
    cx: Call,
    input: Input<RedriveKey, Nothing, Nothing>,
) -> Result<Redrive, Refusal> {
    let (id, now) = (input.path.redrive_id, cx.app.clock.now());
    let store = &cx.app.store;
    let stopped = store.cancel_redrive(cx.account, &cx.region, id, now).await;
    let stopped = stopped.map_err(|error| Refusal::internal(&error, &cx))?;
    let now = get_redrive(cx, input).await?;
    if stopped || now.status == RedriveStatus::Cancelled {
        return Ok(now);
    }
    Err(Refusal::conflict(format!("Redrive {id} is done.")))
}

/// What names and times let through.
fn filter(
    (function, condition): (Option<String>, Option<String>),
    (since, until): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    redriven: Option<bool>,
) -> Result<DeadLetterFilter, Refusal> {
    if let Some(name) = &function {
        names::function(name)?;
    }
    Ok(DeadLetterFilter {
        function,
        condition: names::condition(condition)?,
        since,
        until,
        redriven,
    })
}

fn letter(letter: store::events::DeadLetter) -> DeadLetter {
    DeadLetter {
        request_id: letter.id,
        function: letter.function,
        qualifier: some(letter.qualifier),
        condition: letter.condition,
        attempts: letter.attempts,
        error: some(letter.error),
        accepted_at: letter.accepted_at,
        dead_at: letter.dead_at,
        payload_bytes: letter.payload_bytes,
        redriven_as: letter.redriven_as,
        redriven_at: letter.redriven_at,
    }
}

fn redrive(found: &store::events::Redrive) -> Redrive {
    Redrive {
        redrive_id: found.id,
        status: match found.state {
            RedriveState::Running => RedriveStatus::Running,
            RedriveState::Done => RedriveStatus::Done,
            RedriveState::Cancelled => RedriveStatus::Cancelled,
        },
        rate_per_s: found.rate_per_s,
        total: found.total,
        done: found.done,
        created_at: found.created_at,
        changed_at: found.changed_at,
    }
}
