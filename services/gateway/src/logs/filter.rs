//! `FilterLogEvents`: a group's streams together, oldest or newest first.
//!
//! One request looks at a bounded window of events, whatever the pattern lets through: a page may be short or empty and
//! still have a token, as on AWS. `tollgate logs --follow` asks again from a little before the last event that it saw and
//! drops what it knows by `eventId`: lines of several executors arrive a moment apart.

use std::collections::BTreeSet;

use aws_model::logs::{FilterLogEventsRequest, FilterLogEventsResponse, FilteredLogEvent};
use domain::log::{EVENT_OVERHEAD_BYTES, Pattern};
use store::logs::{Event, Page, Position, Selection, Window};
use wire::Fault;

use super::events::{BYTES_MAX, EVENTS_MAX};
use super::tokens::{self, Direction};
use super::{faults, names};
use crate::call::Call;

/// What one request looks at where a pattern sorts out, in bytes.
const SEARCH_BYTES_MAX: u32 = 8 << 20;

pub(super) async fn events(
    cx: Call,
    input: FilterLogEventsRequest,
) -> Result<FilterLogEventsResponse, Fault> {
    let pattern = pattern(input.filter_pattern.as_deref())?;
    let (direction, start) = place(&input)?;
    let group = names::group(
        &cx,
        input.log_group_name.clone(),
        input.log_group_identifier.clone(),
    )?;
    let group = names::group_id(&cx, &group).await?;
    let limit = names::limit(input.limit, EVENTS_MAX);
    let window = match &pattern {
        Some(_) => Window {
            events_max: EVENTS_MAX,
            bytes_max: SEARCH_BYTES_MAX,
        },
        None => Window {
            events_max: limit,
            bytes_max: BYTES_MAX,
        },
    };
    let page = read(&cx, &input, group, (direction, start), window).await?;
    let (events, rest) = take(page, &pattern.unwrap_or_default(), limit as usize);
    Ok(FilterLogEventsResponse {
        events: Some(events.into_iter().map(answer).collect()),
        // No longer told, says the API.
        searched_log_streams: Some(Vec::new()),
        next_token: rest.map(|position| tokens::token(direction, position)),
    })
}

fn pattern(text: Option<&str>) -> Result<Option<Pattern>, Fault> {
    let text = text.filter(|text| !text.trim().is_empty());
    text.map(Pattern::parse)
        .transpose()
        .map_err(|error| faults::invalid(error.to_string()))
}

/// Which way to read, and from where: what the token says, or else an end of the time range.
fn place(input: &FilterLogEventsRequest) -> Result<(Direction, Position), Fault> {
    let first = input
        .start_time
        .map_or(Position::FIRST, |from| Position::at(names::time(from)));
    let last = input
        .end_time
        .map_or(Position::LAST, |to| Position::at(end(to)));
    match input.next_token.as_deref() {
        Some(token) => {
            let (direction, position) = tokens::read(token)?;
            let inside = match direction {
                Direction::Forward => position.max(first),
                Direction::Backward => position.min(last),
            };
            Ok((direction, inside))
        }
        None if input.start_from_head == Some(false) => Ok((Direction::Backward, last)),
        None => Ok((Direction::Forward, first)),
    }
}

/// `endTime` is included here, unlike in `GetLogEvents`.
fn end(to: i64) -> chrono::DateTime<chrono::Utc> {
    names::time(to.saturating_add(1))
}

async fn read(
    cx: &Call,
    input: &FilterLogEventsRequest,
    group: i64,
    (direction, start): (Direction, Position),
    window: Window,
) -> Result<Page, Fault> {
    let store = &cx.app.store;
    let ids = match &input.log_stream_names {
        // Ours: the API says only that it is an `InvalidParameterException`.
        Some(_) if input.log_stream_name_prefix.is_some() => {
            return Err(faults::invalid(
                "Specify logStreamNames or logStreamNamePrefix, and not both.",
            ));
        }
        Some(names) => Some(stream_ids(cx, group, names).await?),
        None => None,
    };
    let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
    let streams = ids
        .as_deref()
        .map_or(Selection::Prefix(prefix), Selection::Ids);
    let page = match direction {
        Direction::Forward => {
            let to = input.end_time.map(end);
            store
                .log_group_events_after(cx.account, group, streams, start, to, window)
                .await
        }
        Direction::Backward => {
            let from = input.start_time.map(names::time);
            store
                .log_group_events_before(cx.account, group, streams, start, from, window)
                .await
        }
    };
    page.map_err(|error| crate::internal(&error, cx))
}

/// The streams' ids; all must exist.
async fn stream_ids(cx: &Call, group: i64, names: &[String]) -> Result<Vec<i64>, Fault> {
    let ids = cx.app.store.log_stream_ids(cx.account, group, names).await;
    let ids = ids.map_err(|error| crate::internal(&error, cx))?;
    let distinct: BTreeSet<_> = names.iter().collect();
    if ids.len() == distinct.len() {
        Ok(ids)
    } else {
        Err(faults::no_stream())
    }
}

/// The events of a window that match, at most `limit` and a page's bytes of them; and where to go on, if there is more.
fn take(page: Page, pattern: &Pattern, limit: usize) -> (Vec<Event>, Option<Position>) {
    let mut taken: Vec<Event> = Vec::new();
    let mut bytes = 0;
    let mut looked_at = None;
    for event in page.events {
        if pattern.matches(&event.message) {
            bytes += event.message.len() + EVENT_OVERHEAD_BYTES;
            let full = taken.len() == limit || bytes > BYTES_MAX as usize;
            if full && !taken.is_empty() {
                return (taken, looked_at);
            }
            looked_at = Some(event.position);
            taken.push(event);
        } else {
            looked_at = Some(event.position);
        }
    }
    (taken, looked_at.filter(|_| page.more))
}

fn answer(event: Event) -> FilteredLogEvent {
    FilteredLogEvent {
        event_id: Some(tokens::digits(event.position)),
        timestamp: Some(event.position.at.timestamp_millis()),
        ingestion_time: Some(event.stored_at.timestamp_millis()),
        log_stream_name: Some(event.stream),
        message: Some(event.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(messages: &[&str], more: bool) -> Page {
        let event = |(id, message): (i64, &&str)| Event {
            position: Position {
                id,
                ..Position::FIRST
            },
            stored_at: Position::FIRST.at,
            message: (*message).to_owned(),
            stream: String::new(),
        };
        Page {
            events: (1..).zip(messages).map(event).collect(),
            more,
        }
    }

    fn check(page: Page, pattern: &str, limit: usize, want: &[i64], rest: Option<i64>) {
        let (taken, next) = take(page, &Pattern::parse(pattern).unwrap(), limit);
        let ids: Vec<_> = taken.iter().map(|event| event.position.id).collect();
        assert_eq!(
            (ids.as_slice(), next.map(|position| position.id)),
            (want, rest)
        );
    }

    #[test]
    fn a_page_ends_where_the_next_one_begins() {
        check(page(&["a", "b", "a"], false), "", 9, &[1, 2, 3], None);
        check(page(&["a", "b", "a"], true), "", 9, &[1, 2, 3], Some(3));
        check(page(&["a", "b", "a"], false), "a", 9, &[1, 3], None);
        // Full: what was looked at in vain before the next match is not looked at again.
        check(page(&["a", "b", "a"], false), "a", 1, &[1], Some(2));
        check(page(&["a", "b"], false), "a", 1, &[1], None);
        check(page(&["b", "b"], true), "a", 9, &[], Some(2));
        check(page(&[], false), "a", 9, &[], None);
        let big = "x".repeat(700_000);
        check(page(&[&big, &big], false), "x", 9, &[1], Some(1));
        check(page(&[&"x".repeat(2_000_000)], false), "x", 9, &[1], None);
    }
}
