//! `tollgate async redrive`.

use std::time::Duration;

use anyhow::Result;
use gateway::api::types::{Count, CountQuery, Redrive, RedriveFilter, RedriveStatus, StartRedrive};
use http::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::dead_letters::since;
use crate::args;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::{print_json, with_query};
use crate::client::table::counted;

/// How often is looked how far it is.
const PERIOD: Duration = Duration::from_millis(300);

pub(super) async fn run(args: args::Redrive) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    let json = args.output.json;
    if let Some(id) = args.stop {
        let path = format!("/redrives/{id}/cancel");
        let stopped: Redrive = endpoint.tollgate(Method::POST, &path, &Value::Null).await?;
        return tell(&stopped, json);
    }
    if let Some(id) = args.watch {
        let begun: Redrive = endpoint.ask(&format!("/redrives/{id}")).await?;
        return tell(&follow(&endpoint, begun).await?, json);
    }
    let filter = RedriveFilter {
        since: since(&endpoint, &args.which).await?,
        function: args.which.function,
        condition: args.which.condition,
        until: None,
    };
    if args.dry_run {
        return dry_run(&endpoint, filter, json).await;
    }
    let body = json!(StartRedrive {
        filter,
        rate_per_s: args.rate,
    });
    let begun: Redrive = endpoint
        .tollgate(Method::POST, "/dead-letters/redrive", &body)
        .await?;
    if args.no_wait {
        return if json {
            print_json(&begun)
        } else {
            print(begun.redrive_id.to_string().as_bytes())
        };
    }
    tell(&follow(&endpoint, begun).await?, json)
}

async fn dry_run(endpoint: &Endpoint, filter: RedriveFilter, json: bool) -> Result<()> {
    let query = CountQuery {
        function: filter.function,
        condition: filter.condition,
        since: filter.since,
        until: None,
        redriven: Some(false),
    };
    let found: Count = endpoint
        .ask(&with_query("/dead-letters/count", &query)?)
        .await?;
    if json {
        return print_json(&found);
    }
    let letters = counted(found.count, "dead letter");
    print(format!("{letters} would be redriven.").as_bytes())
}

/// Shows how far the redrive is until it ends.
async fn follow(endpoint: &Endpoint, begun: Redrive) -> Result<Redrive> {
    let bar = match begun.total {
        0 => ProgressBar::hidden(),
        total => ProgressBar::new(total),
    };
    // Standard error, and nothing at all where that is no terminal.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left") {
        bar.set_style(style);
    }
    bar.set_message(format!("redriven, {} a second", begun.rate_per_s));
    let path = format!("/redrives/{}", begun.redrive_id);
    let mut now = begun;
    loop {
        bar.set_position(now.done);
        if now.status != RedriveStatus::Running {
            bar.finish_and_clear();
            return Ok(now);
        }
        tokio::time::sleep(PERIOD).await;
        now = endpoint.ask(&path).await?;
    }
}

fn tell(redrive: &Redrive, json: bool) -> Result<()> {
    if json {
        return print_json(redrive);
    }
    print(text(redrive).as_bytes())
}

fn text(redrive: &Redrive) -> String {
    let done = redrive.done;
    let all = counted(redrive.total, "dead letter");
    match redrive.status {
        RedriveStatus::Running => format!("{done} of {all} redriven so far."),
        RedriveStatus::Done if redrive.total == 0 => "No dead letters to redrive.".to_owned(),
        RedriveStatus::Done => format!("{} redriven.", counted(done, "dead letter")),
        RedriveStatus::Cancelled => format!("Stopped: {done} of {all} redriven."),
    }
}
