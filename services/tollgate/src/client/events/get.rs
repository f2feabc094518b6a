//! `tollgate async get`.

use std::fmt::Write as _;

use anyhow::Result;
use chrono::TimeDelta;
use gateway::api::types::{Attempt, Event, EventStatus, Payload};
use uuid::Uuid;

use crate::args::Output;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::print_json;
use crate::client::span_text;
use crate::client::table::{brief, counted, table, time};

pub(super) async fn run(id: Uuid, output: &Output) -> Result<()> {
    let endpoint = Endpoint::choose(&output.client)?;
    let event: Event = endpoint.ask(&format!("/events/{id}")).await?;
    if output.json {
        return print_json(&event);
    }
    print(text(&event).as_bytes())
}

/// Prints how an event that was waited for ended: its result, or why there is none. Whether it succeeded.
pub(crate) fn show_end(event: &Event) -> Result<bool> {
    if let Some(result) = &event.result {
        print(&shown(result))?;
    }
    if event.status == EventStatus::Succeeded {
        return Ok(true);
    }
    let last = event.attempts.last().and_then(|last| last.error.as_deref());
    let why = last.map_or_else(String::new, |error| format!(": {}", brief(Some(error))));
    let attempts = counted(event.attempts.len() as u64, "attempt");
    eprintln!(
        "tollgate: The event ended without success: {} after {attempts}{why}",
        state(event.status, event.condition.as_deref()),
    );
    Ok(false)
}

/// A status, and why it is dead.
pub(super) fn state(status: EventStatus, condition: Option<&str>) -> String {
    match condition {
        Some(condition) => format!("{} ({condition})", status.as_str()),
        None => status.as_str().to_owned(),
    }
}

/// A function as the caller named it.
pub(super) fn target(function: &str, qualifier: Option<&str>) -> String {
    match qualifier {
        Some(qualifier) => format!("{function}:{qualifier}"),
        None => function.to_owned(),
    }
}

/// A payload's bytes, as far as they can be shown.
pub(super) fn shown(payload: &Payload) -> Vec<u8> {
    payload.bytes().unwrap_or_default()
}

fn text(event: &Event) -> String {
    let mut lines = vec![
        ("Request id", event.request_id.to_string()),
        (
            "Function",
            target(&event.function, event.qualifier.as_deref()),
        ),
        ("Status", state(event.status, event.condition.as_deref())),
        ("Accepted", format!("{} UTC", time(event.accepted_at))),
    ];
    if let Some(at) = event.next_attempt_at {
        lines.push(("Next attempt", format!("{} UTC", time(at))));
    }
    if let Some(at) = event.ended_at {
        let after = span_text(at - event.accepted_at);
        lines.push(("Ended", format!("{} UTC, after {after}", time(at))));
    }
    lines.push(("Trace", event.trace.clone()));
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<14}{value}");
    }
    if !event.attempts.is_empty() {
        let rows = event.attempts.iter().map(row).collect();
        let header = ["ATTEMPT", "STARTED (UTC)", "TOOK", "VERSION", "ENDED"];
        let _ = write!(text, "\n{}\n", table(&header, rows, &[0, 2]));
    }
    if let Some(result) = &event.result {
        let _ = write!(text, "\n{}\n", String::from_utf8_lossy(&shown(result)));
    }
    text
}

fn row(attempt: &Attempt) -> Vec<String> {
    let took = attempt
        .started_at
        .map(|started| (attempt.ended_at - started).max(TimeDelta::zero()));
    vec![
        attempt.attempt.to_string(),
        attempt
            .started_at
            .map_or_else(|| "did not run".to_owned(), time),
        took.map_or_else(|| "-".to_owned(), span_text),
        attempt
            .executed_version
            .clone()
            .unwrap_or_else(|| "-".to_owned()),
        match (&attempt.function_error, &attempt.error) {
            (Some(kind), error) => format!("{kind}: {}", brief(error.as_deref())),
            (None, Some(error)) => brief(Some(error)),
            (None, None) => "ok".to_owned(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use gateway::api::types::Example as _;

    use super::*;

    #[test]
    fn an_event_is_told_from_acceptance_to_result() {
        let expected = "\
Request id    019ab026-9000-7000-8000-000000000001
Function      resize:live
Status        succeeded
Accepted      2026-11-23 10:00:00 UTC
Ended         2026-11-23 10:01:02 UTC, after 1 min 2 s
Trace         Root=1-6b042fa0-000000000000000000000001

ATTEMPT  STARTED (UTC)        TOOK  VERSION  ENDED
      1  2026-11-23 10:00:00   1 s  $LATEST  Unhandled: ValueError: not today
      2  2026-11-23 10:01:01   1 s  $LATEST  ok

{\"width\": 640}
";
        assert_eq!(text(&Event::example()), expected);
    }

    #[test]
    fn one_that_waits_says_until_when() {
        let mut event = Event::example();
        event.status = EventStatus::Waiting;
        event.next_attempt_at = event.ended_at.take();
        event.result = None;
        event.attempts.truncate(1);
        event.attempts[0].started_at = None;
        let text = text(&event);
        assert!(
            text.contains("\nNext attempt  2026-11-23 10:01:02 UTC\n"),
            "{text}"
        );
        assert!(
            text.contains("      1  did not run       -  $LATEST"),
            "{text}"
        );
    }
}
