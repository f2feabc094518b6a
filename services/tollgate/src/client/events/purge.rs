//! `tollgate async purge`.

use anyhow::{Result, bail};
use gateway::api::types::{Count, CountQuery, PurgeQuery, Purged, QueueQuery, Queues};
use http::Method;
use serde_json::{Value, json};

use super::dead_letters::since;
use crate::args::{self, Which};
use crate::client::consent::agreed;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::{print_json, with_query};
use crate::client::table::counted;
use crate::settings::percent_encoded;

/// What goes: where it is deleted, how it is called.
struct Plan {
    method: Method,
    path: String,
    /// How many there are by now.
    count: u64,
    thing: &'static str,
    /// Such as ` of resize`.
    of: String,
    verb: &'static str,
    past: &'static str,
}

impl Plan {
    /// Such as `12 dead letters of resize`.
    fn what(&self, count: u64) -> String {
        format!("{}{}", counted(count, self.thing), self.of)
    }
}

pub(super) async fn run(args: args::Purge) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    let plan = match args.function.clone() {
        Some(function) if !args.dead_letters => events(&endpoint, function).await?,
        _ => dead_letters(&endpoint, &args).await?,
    };
    let json = args.output.json;
    if args.dry_run {
        let text = format!("{} would be {}.", plan.what(plan.count), plan.past);
        return tell(json, &json!({"count": plan.count}), &text);
    }
    if !args.yes && !agreed(plan.verb, &plan.what(plan.count))? {
        bail!("Nothing was done.");
    }
    let mut purged = 0;
    loop {
        let step: Purged = endpoint
            .tollgate(plan.method.clone(), &plan.path, &Value::Null)
            .await?;
        purged += step.purged;
        if !step.more {
            break;
        }
    }
    let text = format!("{} {}.", plan.what(purged), plan.past);
    tell(json, &json!({"purged": purged}), &text)
}

/// All events of a function.
async fn events(endpoint: &Endpoint, function: String) -> Result<Plan> {
    let path = format!("/queue/{}/purge", percent_encoded(&function));
    let of = format!(" of {function}");
    let query = QueueQuery {
        function: Some(function),
    };
    let queues: Queues = endpoint.ask(&with_query("/queue", &query)?).await?;
    Ok(Plan {
        method: Method::POST,
        path,
        count: queues.functions.iter().map(|one| one.depth).sum(),
        thing: "event",
        of,
        verb: "Cancel",
        past: "cancelled",
    })
}

async fn dead_letters(endpoint: &Endpoint, args: &args::Purge) -> Result<Plan> {
    let which = Which {
        function: args.function.clone(),
        condition: args.condition.clone(),
        since: args.since,
    };
    let since = since(endpoint, &which).await?;
    let all = which.function.is_none() && which.condition.is_none() && since.is_none();
    let function = which.function.as_deref().unwrap_or("all functions");
    let condition = which.condition.as_ref();
    let condition = condition.map_or_else(String::new, |condition| format!(" ({condition})"));
    let of = format!(" of {function}{condition}");
    let query = CountQuery {
        function: which.function.clone(),
        condition: which.condition.clone(),
        since,
        until: None,
        redriven: None,
    };
    let found: Count = endpoint
        .ask(&with_query("/dead-letters/count", &query)?)
        .await?;
    let query = PurgeQuery {
        function: which.function,
        condition: which.condition,
        since,
        all: all.then_some(true),
        ..PurgeQuery::default()
    };
    Ok(Plan {
        method: Method::DELETE,
        path: with_query("/dead-letters", &query)?,
        count: found.count,
        thing: "dead letter",
        of,
        verb: "Delete",
        past: "deleted",
    })
}

fn tell(json: bool, value: &Value, text: &str) -> Result<()> {
    if json {
        return print_json(value);
    }
    print(text.as_bytes())
}
