//! `tollgate async undelivered`.

use anyhow::Result;
use gateway::api::types::{
    TargetKind, Undelivered, UndeliveredPage, UndeliveredQuery, UndeliveredWithRecord,
};
use serde_json::json;
use uuid::Uuid;

use super::get::shown;
use crate::args;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::{print_json, with_query};
use crate::client::table::{table, time};

/// Records on one page.
const PAGE: usize = 1_000;

pub(super) async fn run(args: args::Undelivered) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    if let Some(id) = args.id {
        return one(&endpoint, id, args.output.json).await;
    }
    let records = pages(&endpoint, args.function, args.limit).await?;
    if args.output.json {
        return print_json(&json!({"undelivered": records}));
    }
    if records.is_empty() {
        eprintln!("Nothing is undelivered.");
        return Ok(());
    }
    print(text(&records).as_bytes())
}

/// The record to standard output, what is known of it to standard error: so it can be piped.
async fn one(endpoint: &Endpoint, id: Uuid, json: bool) -> Result<()> {
    let found: UndeliveredWithRecord = endpoint.ask(&format!("/undelivered/{id}")).await?;
    if json {
        return print_json(&found);
    }
    eprintln!("{}", text(std::slice::from_ref(&found.undelivered)));
    print(&shown(&found.record))
}

async fn pages(
    endpoint: &Endpoint,
    function: Option<String>,
    limit: usize,
) -> Result<Vec<Undelivered>> {
    let mut query = UndeliveredQuery {
        function,
        ..UndeliveredQuery::default()
    };
    let mut records: Vec<Undelivered> = Vec::new();
    while records.len() < limit {
        query.limit = u32::try_from((limit - records.len()).min(PAGE)).ok();
        let page: UndeliveredPage = endpoint.ask(&with_query("/undelivered", &query)?).await?;
        records.extend(page.undelivered);
        query.next_token = page.next_token;
        if query.next_token.is_none() {
            break;
        }
    }
    Ok(records)
}

fn text(records: &[Undelivered]) -> String {
    let rows = records.iter().map(|record| {
        vec![
            record.undelivered_id.to_string(),
            record.request_id.to_string(),
            record.function.clone(),
            match record.kind {
                TargetKind::OnSuccess => "on success",
                TargetKind::OnFailure => "on failure",
                TargetKind::DeadLetter => "dead letter",
            }
            .to_owned(),
            record.target.clone(),
            time(record.at),
            record.reason.clone(),
        ]
    });
    let header = [
        "ID",
        "REQUEST ID",
        "FUNCTION",
        "FOR",
        "TARGET",
        "AT (UTC)",
        "REASON",
    ];
    table(&header, rows.collect(), &[])
}
