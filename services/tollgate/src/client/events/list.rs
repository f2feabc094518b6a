//! `tollgate async list`.

use anyhow::Result;
use gateway::api::types::{EventQuery, EventSummary, Events};
use serde_json::json;

use super::get::{state, target};
use crate::args::ListEvents;
use crate::client::clock;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::{print_json, with_query};
use crate::client::table::{brief, table, time, time_or_dash};

/// Events on one page.
const PAGE: usize = 1_000;

pub(super) async fn run(args: ListEvents) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    let since = match args.since {
        Some(span) => Some(clock::now(&endpoint).await? - span),
        None => None,
    };
    let query = EventQuery {
        function: args.function,
        status: args.status,
        since,
        ..EventQuery::default()
    };
    let events = pages(&endpoint, query, args.limit).await?;
    if args.output.json {
        return print_json(&json!({"events": events}));
    }
    if events.is_empty() {
        eprintln!("No such events.");
        return Ok(());
    }
    print(text(&events).as_bytes())
}

async fn pages(
    endpoint: &Endpoint,
    mut query: EventQuery,
    limit: usize,
) -> Result<Vec<EventSummary>> {
    let mut events: Vec<EventSummary> = Vec::new();
    while events.len() < limit {
        query.limit = u32::try_from((limit - events.len()).min(PAGE)).ok();
        let page: Events = endpoint.ask(&with_query("/events", &query)?).await?;
        events.extend(page.events);
        query.next_token = page.next_token;
        if query.next_token.is_none() {
            break;
        }
    }
    Ok(events)
}

fn text(events: &[EventSummary]) -> String {
    let rows = events.iter().map(|event| {
        vec![
            event.request_id.to_string(),
            target(&event.function, event.qualifier.as_deref()),
            state(event.status, event.condition.as_deref()),
            event.attempts.to_string(),
            time(event.accepted_at),
            time_or_dash(event.ended_at.or(event.next_attempt_at)),
            brief(event.error.as_deref()),
        ]
    });
    let header = [
        "REQUEST ID",
        "FUNCTION",
        "STATUS",
        "ATTEMPTS",
        "ACCEPTED (UTC)",
        "ENDED OR NEXT (UTC)",
        "ERROR",
    ];
    table(&header, rows.collect(), &[3])
}

#[cfg(test)]
mod tests {
    use gateway::api::types::Example as _;

    use super::*;

    #[test]
    fn a_table_of_events() {
        let expected = "\
REQUEST ID                            FUNCTION  STATUS                   ATTEMPTS  ACCEPTED (UTC)       ENDED OR NEXT (UTC)  ERROR
019ab026-9000-7000-8000-000000000001  resize    dead (RetriesExhausted)         3  2026-11-23 10:00:00  2026-11-23 10:03:03  ValueError: not today";
        assert_eq!(text(&Events::example().events), expected);
    }
}
