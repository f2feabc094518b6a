//! `tollgate async dead-letters`.

use anyhow::Result;
use chrono::{DateTime, Utc};
use gateway::api::types::{DeadLetter, DeadLetterQuery, DeadLetterWithPayload, DeadLetters};
use serde_json::json;
use uuid::Uuid;

use super::get::{shown, target};
use crate::args::{self, Which};
use crate::client::clock;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::{print_json, with_query};
use crate::client::table::{brief, table, time};

/// Dead letters on one page.
const PAGE: usize = 1_000;

pub(super) async fn run(args: args::DeadLetters) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    if let Some(id) = args.request_id {
        return one(&endpoint, id, args.output.json).await;
    }
    let query = DeadLetterQuery {
        since: since(&endpoint, &args.which).await?,
        function: args.which.function,
        condition: args.which.condition,
        redriven: match (args.redriven, args.not_redriven) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
        ..DeadLetterQuery::default()
    };
    let letters = pages(&endpoint, query, args.limit).await?;
    if args.output.json {
        return print_json(&json!({"dead_letters": letters}));
    }
    if letters.is_empty() {
        eprintln!("No such dead letters.");
        return Ok(());
    }
    print(text(&letters).as_bytes())
}

/// When the time that is looked at begins, by the platform's clock.
pub(super) async fn since(endpoint: &Endpoint, which: &Which) -> Result<Option<DateTime<Utc>>> {
    match which.since {
        Some(span) => Ok(Some(clock::now(endpoint).await? - span)),
        None => Ok(None),
    }
}

/// The payload to standard output, what is known of it to standard error: so it can be piped.
async fn one(endpoint: &Endpoint, id: Uuid, json: bool) -> Result<()> {
    let found: DeadLetterWithPayload = endpoint.ask(&format!("/dead-letters/{id}")).await?;
    if json {
        return print_json(&found);
    }
    eprintln!("{}", text(std::slice::from_ref(&found.dead_letter)));
    print(&shown(&found.payload))
}

async fn pages(
    endpoint: &Endpoint,
    mut query: DeadLetterQuery,
    limit: usize,
) -> Result<Vec<DeadLetter>> {
    let mut letters: Vec<DeadLetter> = Vec::new();
    while letters.len() < limit {
        query.limit = u32::try_from((limit - letters.len()).min(PAGE)).ok();
        let page: DeadLetters = endpoint.ask(&with_query("/dead-letters", &query)?).await?;
        letters.extend(page.dead_letters);
        query.next_token = page.next_token;
        if query.next_token.is_none() {
            break;
        }
    }
    Ok(letters)
}

fn text(letters: &[DeadLetter]) -> String {
    let rows = letters.iter().map(|letter| {
        vec![
            letter.request_id.to_string(),
            target(&letter.function, letter.qualifier.as_deref()),
            letter.condition.clone(),
            letter.attempts.to_string(),
            time(letter.dead_at),
            letter
                .redriven_as
                .map_or_else(|| "-".to_owned(), |id| id.to_string()),
            brief(letter.error.as_deref()),
        ]
    });
    let header = [
        "REQUEST ID",
        "FUNCTION",
        "CONDITION",
        "ATTEMPTS",
        "DEAD (UTC)",
        "REDRIVEN AS",
        "ERROR",
    ];
    table(&header, rows.collect(), &[3])
}
