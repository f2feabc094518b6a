//! `GetLogEvents`: one stream, in both directions.
//!
//! Events come oldest first whichever way is read. A token names a place between events, so the forward token of the last
//! page finds the lines that arrive later, and is answered again while there are none.

use aws_model::logs::{GetLogEventsRequest, GetLogEventsResponse, OutputLogEvent};
use store::logs::{Event, Page, Position, Window};
use wire::Fault;

use super::tokens::{self, Direction};
use super::{faults, names};
use crate::call::Call;

/// A page's default and largest number of events.
pub(super) const EVENTS_MAX: u32 = 10_000;
/// A page's size, in bytes of messages and 26 per event.
pub(super) const BYTES_MAX: u32 = 1 << 20;

pub(super) async fn get(
    cx: Call,
    input: GetLogEventsRequest,
) -> Result<GetLogEventsResponse, Fault> {
    let (direction, start) = place(&input)?;
    let group = names::group(&cx, input.log_group_name, input.log_group_identifier)?;
    let group = names::group_id(&cx, &group).await?;
    let store = &cx.app.store;
    let stream = store
        .log_stream(cx.account, group, &input.log_stream_name)
        .await;
    let stream = stream
        .map_err(|error| crate::internal(&error, &cx))?
        .ok_or_else(faults::no_stream)?;
    let window = Window {
        events_max: names::limit(input.limit, EVENTS_MAX),
        bytes_max: BYTES_MAX,
    };
    let page = match direction {
        Direction::Forward => {
            let to = input.end_time.map(names::time);
            store
                .log_events_after(cx.account, stream, start, to, window)
                .await
        }
        Direction::Backward => {
            let from = input.start_time.map(names::time);
            store
                .log_events_before(cx.account, stream, start, from, window)
                .await
        }
    };
    let page = page.map_err(|error| crate::internal(&error, &cx))?;
    let (forward, backward) = ends(&page, direction, start, input.start_time);
    Ok(GetLogEventsResponse {
        events: Some(page.events.into_iter().map(answer).collect()),
        next_forward_token: Some(tokens::token(Direction::Forward, forward)),
        next_backward_token: Some(tokens::token(Direction::Backward, backward)),
    })
}

/// Which way to read, and from where: what the token says, or else the end of the time range that is asked for.
fn place(input: &GetLogEventsRequest) -> Result<(Direction, Position), Fault> {
    let first = input
        .start_time
        .map_or(Position::FIRST, |from| Position::at(names::time(from)));
    let last = input
        .end_time
        .map_or(Position::LAST, |to| Position::at(names::time(to)));
    match input.next_token.as_deref() {
        Some(token) => {
            let (direction, position) = tokens::read(token)?;
            let inside = match direction {
                Direction::Forward => position.max(first),
                Direction::Backward => position.min(last),
            };
            Ok((direction, inside))
        }
        None if input.start_from_head == Some(true) => Ok((Direction::Forward, first)),
        None => Ok((Direction::Backward, last)),
    }
}

/// Where the tokens of a page lead: behind its last event, and before its first. Around an empty page they lead on from
/// where it was looked for.
fn ends(
    page: &Page,
    direction: Direction,
    start: Position,
    from: Option<i64>,
) -> (Position, Position) {
    match (page.events.first(), page.events.last()) {
        (Some(first), Some(last)) => (last.position, first.position),
        // An empty tail: everything that comes is new.
        _ if start.at == Position::LAST.at => {
            let first = from.map_or(Position::FIRST, |from| Position::at(names::time(from)));
            (first, first)
        }
        // The place itself is behind the event that it names, or before it.
        _ if direction == Direction::Forward => (
            start,
            Position {
                id: start.id.saturating_add(1),
                ..start
            },
        ),
        _ => (
            Position {
                id: start.id.saturating_sub(1).max(0),
                ..start
            },
            start,
        ),
    }
}

fn answer(event: Event) -> OutputLogEvent {
    OutputLogEvent {
        timestamp: Some(event.position.at.timestamp_millis()),
        message: Some(event.message),
        ingestion_time: Some(event.stored_at.timestamp_millis()),
    }
}
