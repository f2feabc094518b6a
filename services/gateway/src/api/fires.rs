//! What schedules did, and firing them by request.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, SubsecRound as _, Utc};
use domain::event::EventId;
use domain::schedule as rules;
use domain::trace::TraceHeader;
use store::events::EventSummary;
use store::fires::{Due, FireRecord, Fired};
use uuid::Uuid;

use super::events::{running, status};
use super::input::{Input, Nothing};
use super::names::some;
use super::paging;
use super::refusal::Refusal;
use super::schedules::{find, missing};
use super::types::{
    EventStatus, Fire, FireQuery, FireResult, Fires, Occasion, ScheduleKey, ScheduleRun,
};
use crate::call::Call;
use crate::lambda::faults;

/// So many fires can there be of one time: one for each occasion.
const OCCASIONS: u32 = 3;

pub(super) async fn list(
    cx: Call,
    input: Input<ScheduleKey, FireQuery, Nothing>,
) -> Result<Fires, Refusal> {
    let limit = paging::limit(input.query.limit)?;
    let before = input.query.before.unwrap_or(DateTime::<Utc>::MAX_UTC);
    let schedule = find(&cx, &input.path).await?;
    let store = &cx.app.store;
    // One more than can be shown says that there are more.
    let found = store.fires(schedule.id, before, limit + OCCASIONS);
    let found = found
        .await
        .map_err(|error| Refusal::internal(&error, &cx))?;
    let (found, next_before) = whole_times(found, limit as usize);
    let events = events(&cx, &found).await;
    let events = events.map_err(|error| Refusal::internal(&error, &cx))?;
    let fires = found.iter().map(|record| fire(record, &events));
    Ok(Fires {
        fires: fires.collect(),
        next_before,
    })
}

/// Fires, whatever time it is.
pub(super) async fn run(
    cx: Call,
    input: Input<ScheduleKey, Nothing, Nothing>,
) -> Result<ScheduleRun, Refusal> {
    let schedule = find(&cx, &input.path).await?;
    let now = cx.app.clock.now();
    // As precise as it is kept: two that are alike are one fire.
    let scheduled_at = now.trunc_subsecs(6);
    let occasion = rules::Occasion::Now;
    let due = due(&cx, schedule.id, &[scheduled_at], occasion, now);
    let fired = commit(&cx, &due, now).await?;
    let run = |id: Uuid, result| ScheduleRun {
        request_id: id,
        scheduled_at,
        result,
    };
    let named = due.first().map(|due| due.event.uuid());
    match (named, fired.events.first(), fired.others.first()) {
        (Some(id), Some(_), _) => Ok(run(id, FireResult::Fired)),
        (Some(id), None, Some(other)) => Ok(run(id, result(*other))),
        _ if fired.known > 0 => Err(Refusal::conflict(
            "The schedule was run at this very moment already: that was not done again.",
        )),
        _ => Err(missing(&input.path)),
    }
}

/// A page that ends with all fires of its last time, and where the next one begins.
fn whole_times(
    mut found: Vec<FireRecord>,
    limit: usize,
) -> (Vec<FireRecord>, Option<DateTime<Utc>>) {
    let Some(last) = found.get(limit.saturating_sub(1)) else {
        return (found, None);
    };
    let last = last.scheduled_at;
    let end = found.partition_point(|record| record.scheduled_at >= last);
    let more = found.len() > end;
    found.truncate(end);
    (found, more.then_some(last))
}

/// What the queue knows of the fires' events, by their ids.
async fn events(
    cx: &Call,
    records: &[FireRecord],
) -> Result<HashMap<Uuid, (EventSummary, EventStatus)>, store::Error> {
    let ids: Vec<EventId> = records
        .iter()
        .filter_map(|record| EventId::new(record.event?))
        .collect();
    let (store, now) = (&cx.app.store, cx.app.clock.now());
    let found = store.events_by_id(cx.account, &ids, now).await?;
    let found: Vec<_> = found
        .into_iter()
        .map(|event| {
            let status = status(event.state).0;
            (event, status)
        })
        .collect();
    let queued = found
        .iter()
        .any(|(_, status)| *status == EventStatus::Queued);
    let running = if queued {
        running(cx).await
    } else {
        HashSet::new()
    };
    let by_id = found.into_iter().map(|(event, status)| {
        let id = event.id.uuid();
        let runs = status == EventStatus::Queued && running.contains(&id);
        let status = if runs { EventStatus::Running } else { status };
        (id, (event, status))
    });
    Ok(by_id.collect())
}

fn fire(record: &FireRecord, events: &HashMap<Uuid, (EventSummary, EventStatus)>) -> Fire {
    let event = record.event.and_then(|id| events.get(&id));
    let condition = event.and_then(|(event, _)| status(event.state).1);
    let late = record.fired_at - record.scheduled_at;
    let by_time = record.occasion == rules::Occasion::Time;
    Fire {
        scheduled_at: record.scheduled_at,
        fired_at: record.fired_at,
        lateness_ms: by_time.then_some(late.num_milliseconds()),
        occasion: occasion(record.occasion),
        result: result(record.result),
        request_id: record.event,
        status: event.map(|(_, status)| *status),
        condition,
        error: event.and_then(|(event, _)| some(event.error.clone())),
    }
}

/// Fires of these times by request, in their order.
pub(super) fn due(
    cx: &Call,
    schedule: Uuid,
    times: &[DateTime<Utc>],
    occasion: rules::Occasion,
    now: DateTime<Utc>,
) -> Vec<Due> {
    let ids = cx.app.ids;
    let seconds = u32::try_from(now.timestamp()).unwrap_or(u32::MAX);
    let mut events: Vec<EventId> = times
        .iter()
        .filter_map(|_| EventId::new(ids.ordered(now)))
        .collect();
    // Whoever reads events by their ids reads them in the order of the times.
    events.sort_unstable();
    let due = times.iter().zip(events).map(|(at, event)| Due {
        schedule,
        generation: None,
        scheduled_at: *at,
        occasion,
        result: rules::FireResult::Fired,
        event,
        trace: TraceHeader::new(seconds, ids.bytes(), ids.bytes(), false).to_string(),
    });
    due.collect()
}

/// Commits fires and tells the queue of their events.
pub(super) async fn commit(cx: &Call, due: &[Due], now: DateTime<Utc>) -> Result<Fired, Refusal> {
    let fired = cx.app.store.fire(due, now).await;
    let fired = fired.map_err(|error| Refusal::internal(&error, cx))?;
    let fired = fired.ok_or_else(|| Refusal::from(&faults::queue_full()))?;
    if !fired.events.is_empty() {
        let (hints, events) = (cx.app.intake.hints().clone(), fired.events.clone());
        cx.app.life.spawn("hint at fires", async move {
            hints.tell(&events).await;
        });
    }
    Ok(fired)
}

pub(super) fn occasion(occasion: rules::Occasion) -> Occasion {
    match occasion {
        rules::Occasion::Time => Occasion::Schedule,
        rules::Occasion::Now => Occasion::RunNow,
        rules::Occasion::Backfill => Occasion::Backfill,
    }
}

pub(super) fn result(result: rules::FireResult) -> FireResult {
    match result {
        rules::FireResult::Fired => FireResult::Fired,
        rules::FireResult::Missed => FireResult::Missed,
        rules::FireResult::Overlapped => FireResult::Overlapped,
        rules::FireResult::Dead => FireResult::Dead,
        rules::FireResult::Buffered => FireResult::Buffered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_with_whole_times() {
        let record = |second: i64, occasion| FireRecord {
            scheduled_at: DateTime::from_timestamp(second, 0).unwrap(),
            occasion,
            fired_at: DateTime::UNIX_EPOCH,
            result: rules::FireResult::Fired,
            event: None,
        };
        let records = vec![
            record(30, rules::Occasion::Time),
            record(20, rules::Occasion::Backfill),
            record(20, rules::Occasion::Time),
            record(10, rules::Occasion::Time),
        ];
        let check = |limit: usize, count: usize, next: Option<i64>| {
            let (page, before) = whole_times(records.clone(), limit);
            let before = before.map(|before| before.timestamp());
            assert_eq!((page.len(), before), (count, next), "{limit}");
        };
        check(1, 1, Some(30));
        check(2, 3, Some(20));
        check(3, 3, Some(20));
        check(4, 4, None);
        check(5, 4, None);
    }
}
