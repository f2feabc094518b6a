//! `tollgate logs`.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use http::Method;
use serde_json::{Value, json};

use super::api::is_missing;
use super::clock;
use super::endpoint::Endpoint;
use super::output::print;
use crate::args::Logs;
use crate::settings::percent_encoded;

/// How often a followed log is looked at.
const PERIOD: Duration = Duration::from_millis(500);

/// Within this time what a function has written is stored: whoever asks right after an answer finds its lines.
const STORED_WITHIN: Duration = Duration::from_millis(400);

/// Lines are stored in batches, so one may appear after another with a later time. Each look goes this far back again.
const OVERLAP_MS: i64 = 10_000;

pub(crate) async fn run(args: Logs) -> Result<()> {
    let endpoint = Endpoint::choose(&args.client)?;
    let name = args.name.rsplit(':').next().unwrap_or(&args.name);
    let group = format!("/aws/lambda/{name}");
    // Lines are stamped with the platform's time, which may be ahead of ours.
    let mut from_ms = (clock::now(&endpoint).await? - args.since).timestamp_millis();
    let mut seen = HashSet::new();
    tokio::time::sleep(STORED_WITHIN).await;
    loop {
        let events = match events(&endpoint, &group, from_ms).await {
            Ok(events) => events,
            Err(error) if is_missing(&error) => {
                explain_missing(&endpoint, name, args.follow).await?;
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let new: Vec<_> = events
            .into_iter()
            .filter(|event| seen.insert(event.id.clone()))
            .collect();
        for event in &new {
            print(event.line().as_bytes())?;
            from_ms = from_ms.max(event.at_ms - OVERLAP_MS);
        }
        if !args.follow {
            return Ok(());
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// No log group: the function does not exist, or has not run yet.
async fn explain_missing(endpoint: &Endpoint, name: &str, follow: bool) -> Result<()> {
    let path = format!(
        "/2015-03-31/functions/{}/configuration",
        percent_encoded(name)
    );
    match endpoint.lambda(Method::GET, path, &Value::Null).await {
        Err(error) if is_missing(&error) => {
            bail!("There is no function {name} in {}.", endpoint.region)
        }
        Err(error) => Err(error),
        Ok(_) => {
            if !follow {
                eprintln!("{name} has not run yet: there is no log.");
            }
            Ok(())
        }
    }
}

struct Event {
    id: String,
    at_ms: i64,
    message: String,
}

impl Event {
    fn line(&self) -> String {
        let at = DateTime::<Utc>::from_timestamp_millis(self.at_ms).unwrap_or_default();
        format!(
            "{} {}",
            at.format("%Y-%m-%dT%H:%M:%S%.3fZ"),
            self.message.trim_end()
        )
    }
}

/// All events of a group since a time, in order.
async fn events(endpoint: &Endpoint, group: &str, from_ms: i64) -> Result<Vec<Event>> {
    let mut all = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut body = json!({"logGroupName": group, "startTime": from_ms.max(0)});
        if !token.is_null() {
            body["nextToken"] = token;
        }
        let page = endpoint.logs("FilterLogEvents", &body).await?;
        for event in page["events"].as_array().into_iter().flatten() {
            all.push(Event {
                id: event["eventId"].as_str().unwrap_or_default().to_owned(),
                at_ms: event["timestamp"].as_i64().unwrap_or_default(),
                message: event["message"].as_str().unwrap_or_default().to_owned(),
            });
        }
        token = page["nextToken"].clone();
        if token.is_null() {
            all.sort_by_key(|event| event.at_ms);
            return Ok(all);
        }
    }
}
