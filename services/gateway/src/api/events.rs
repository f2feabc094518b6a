//! Events by their request ids.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::event::EventId;
use store::events::{Attempt as Ended, EventFilter, EventState};
use uuid::Uuid;

use super::input::{Input, Nothing};
use super::names::{self, no_event, some};
use super::paging;
use super::refusal::Refusal;
use super::types::{
    Attempt, CancelledEvent, Event, EventKey, EventQuery, EventSource, EventStatus, EventSummary,
    Events, Payload,
};
use crate::call::Call;

/// A list that has looked so long ends its page, short as it may be.
const LOOK_MAX: Duration = Duration::from_secs(2);

/// An hour's ring bucket, in seconds.
const HOUR_S: i64 = 3_600;

pub(super) async fn get(
    cx: Call,
    input: Input<EventKey, Nothing, Nothing>,
) -> Result<Event, Refusal> {
    let id = names::event(input.path.request_id)?;
    let found = cx
        .app
        .store
        .event(cx.account, &cx.region, id, cx.app.clock.now())
        .await
        .map_err(|error| Refusal::internal(&error, &cx))?;
    let event = found.ok_or_else(|| no_event(id.uuid()))?;
    let (mut status, condition) = status(event.state);
    if status == EventStatus::Queued && running(&cx).await.contains(&id.uuid()) {
        status = EventStatus::Running;
    }
    let mut attempts = event.attempts;
    let last = attempts.last_mut().filter(|_| status.is_final());
    let (ended_at, result) = match last {
        Some(last) => (Some(last.ended_at), last.response.take()),
        None => (None, None),
    };
    Ok(Event {
        request_id: id.uuid(),
        function: event.lane.function.to_string(),
        qualifier: some(event.qualifier),
        source: source(event.source),
        trace: event.trace,
        status,
        condition,
        accepted_at: id.accepted_at(),
        next_attempt_at: event.next_at.filter(|_| !status.is_final()),
        ended_at,
        attempts: attempts.into_iter().map(attempt).collect(),
        result: result.map(Payload::of),
    })
}

pub(super) async fn list(
    cx: Call,
    input: Input<Nothing, EventQuery, Nothing>,
) -> Result<Events, Refusal> {
    let query = input.query;
    let limit = paging::limit(query.limit)?;
    let before = paging::after(query.next_token.as_deref())?.and_then(EventId::new);
    let lanes = lanes(&cx, query.function.as_deref()).await?;
    let since = query.since.unwrap_or(DateTime::UNIX_EPOCH);
    let running = running(&cx).await;
    let filter = EventFilter {
        lanes: lanes.keys().copied().collect(),
        since,
        before,
        state: query.status.map(|status| status.as_str().to_owned()),
        limit,
    };
    let page = if query.status == Some(EventStatus::Running) {
        those_running(&cx, &running, &filter).await
    } else {
        look(&cx, filter).await
    };
    let (found, next_token) = page.map_err(|error| Refusal::internal(&error, &cx))?;
    let events = found
        .into_iter()
        .map(|event| summary(event, &lanes, &running));
    let asked = |event: &EventSummary| query.status.is_none_or(|status| status == event.status);
    Ok(Events {
        events: events.filter(asked).collect(),
        next_token,
    })
}

/// Ends an event: what runs is stopped by its executor, which then writes down how it ended; what waits ends here.
pub(super) async fn cancel(
    cx: Call,
    input: Input<EventKey, Nothing, Nothing>,
) -> Result<CancelledEvent, Refusal> {
    let id = names::event(input.path.request_id)?;
    let status = super::cancel::event(&cx, id).await?;
    match status {
        None => Err(no_event(id.uuid())),
        Some(EventStatus::Cancelled) => Ok(CancelledEvent {
            request_id: id.uuid(),
            status: EventStatus::Cancelled,
        }),
        Some(status) => Err(Refusal::conflict(format!(
            "Event {id} has ended already: {}.",
            status.as_str()
        ))),
    }
}

type Found = (Vec<store::events::EventSummary>, Option<String>);

/// A page, hour by hour back from the newest, until it is full, everything is looked at, or it has taken long enough.
async fn look(cx: &Call, filter: EventFilter) -> Result<Found, store::Error> {
    let (began, store, now) = (Instant::now(), &cx.app.store, cx.app.clock.now());
    let mut found = Vec::new();
    for hour in store.ring_hours().await?.into_iter().rev() {
        let (start, end) = (floor(hour), floor(hour + 1));
        let before = filter.before.map_or(end, |before| before.min(end));
        if before <= start || end <= EventId::floor(filter.since) {
            continue;
        }
        if began.elapsed() > LOOK_MAX {
            return Ok((found, Some(paging::token(end.uuid()))));
        }
        let page = EventFilter {
            since: filter.since.max(start.accepted_at()),
            before: Some(before),
            limit: filter.limit - u32::try_from(found.len()).unwrap_or(filter.limit),
            ..filter.clone()
        };
        found.extend(store.list_events(cx.account, &page, now).await?);
        let next = paging::next(&found, filter.limit, |event| event.id.uuid());
        if next.is_some() {
            return Ok((found, next));
        }
    }
    Ok((found, None))
}

fn floor(hour: i64) -> EventId {
    EventId::floor(DateTime::from_timestamp(hour * HOUR_S, 0).unwrap_or_default())
}

/// Those that executors have at this moment, on one page.
async fn those_running(
    cx: &Call,
    running: &HashSet<Uuid>,
    filter: &EventFilter,
) -> Result<Found, store::Error> {
    let ids: Vec<EventId> = running.iter().filter_map(|id| EventId::new(*id)).collect();
    let (store, now) = (&cx.app.store, cx.app.clock.now());
    let mut found = store.events_by_id(cx.account, &ids, now).await?;
    let since = EventId::floor(filter.since);
    found.retain(|event| {
        let later = event.id >= since && filter.before.is_none_or(|before| event.id < before);
        later && filter.lanes.contains(&event.lane)
    });
    found.truncate(filter.limit as usize);
    let next = paging::next(&found, filter.limit, |event| event.id.uuid());
    Ok((found, next))
}

/// The lanes to look at, with the names of their functions.
async fn lanes(cx: &Call, function: Option<&str>) -> Result<BTreeMap<i64, String>, Refusal> {
    let internal = |error: store::Error| Refusal::internal(&error, cx);
    if let Some(name) = function {
        let name = names::function(name)?;
        let lane = cx.app.store.find_lane(cx.account, &cx.region, &name).await;
        let lane = lane.map_err(internal)?;
        return Ok(lane
            .map(|lane| (lane, name.to_string()))
            .into_iter()
            .collect());
    }
    let lanes = cx.app.store.lanes_of(cx.account, &cx.region).await;
    let lanes = lanes.map_err(internal)?.into_iter();
    Ok(lanes
        .map(|lane| (lane.id, lane.function.to_string()))
        .collect())
}

/// Events that executors have at this moment.
pub(super) async fn running(cx: &Call) -> HashSet<Uuid> {
    let replies = cx.app.dispatch.executors.running().await;
    let events = replies.into_iter().flat_map(|reply| reply.events);
    events
        .filter_map(|event| event.request_id.parse().ok())
        .collect()
}

/// The word for a state, and why it is dead.
pub(super) fn status(state: EventState) -> (EventStatus, Option<String>) {
    match state {
        EventState::Queued => (EventStatus::Queued, None),
        EventState::Waiting => (EventStatus::Waiting, None),
        EventState::Succeeded => (EventStatus::Succeeded, None),
        EventState::Dead(condition) => (EventStatus::Dead, Some(condition.to_string())),
        EventState::Cancelled => (EventStatus::Cancelled, None),
    }
}

fn source(number: i16) -> EventSource {
    match number {
        2 => EventSource::Destination,
        3 => EventSource::DeadLetter,
        4 => EventSource::Schedule,
        5 => EventSource::Redrive,
        6 => EventSource::Budget,
        _ => EventSource::Caller,
    }
}

fn attempt(ended: Ended) -> Attempt {
    Attempt {
        attempt: ended.attempt,
        started_at: ended.started_at,
        ended_at: ended.ended_at,
        executed_version: some(ended.version),
        executor_id: ended.executor,
        function_error: some(ended.function_error),
        error: some(ended.error),
        next_attempt_at: ended.next_at,
    }
}

fn summary(
    event: store::events::EventSummary,
    lanes: &BTreeMap<i64, String>,
    running: &HashSet<Uuid>,
) -> EventSummary {
    let (mut status, condition) = status(event.state);
    if status == EventStatus::Queued && running.contains(&event.id.uuid()) {
        status = EventStatus::Running;
    }
    let next: Option<DateTime<Utc>> = event.next_at;
    EventSummary {
        request_id: event.id.uuid(),
        function: lanes.get(&event.lane).cloned().unwrap_or_default(),
        qualifier: some(event.qualifier),
        status,
        condition,
        accepted_at: event.id.accepted_at(),
        attempts: event.attempts,
        next_attempt_at: next.filter(|_| !status.is_final()),
        ended_at: event.ended_at.filter(|_| status.is_final()),
        error: some(event.error),
    }
}
