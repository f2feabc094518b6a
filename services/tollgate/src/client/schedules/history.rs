//! `tollgate schedules history`.

use anyhow::Result;
use chrono::TimeDelta;
use gateway::api::types::{Fire, FireQuery, Fires};
use serde_json::json;

use super::one::path;
use crate::args::History;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::{print_json, with_query};
use crate::client::span_text;
use crate::client::table::{brief, table, time};

/// Fires on one page.
const PAGE: usize = 1_000;

pub(super) async fn run(args: History) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    let mut query = FireQuery {
        limit: None,
        before: args.before,
    };
    let path = path(&args.key, "fires");
    let mut fires: Vec<Fire> = Vec::new();
    while fires.len() < args.limit {
        query.limit = u32::try_from((args.limit - fires.len()).min(PAGE)).ok();
        let page: Fires = endpoint.ask(&with_query(&path, &query)?).await?;
        fires.extend(page.fires);
        query.before = page.next_before;
        if query.before.is_none() {
            break;
        }
    }
    if args.output.json {
        return print_json(&json!({"fires": fires}));
    }
    if fires.is_empty() {
        eprintln!("{} has not fired lately.", args.key.name);
        return Ok(());
    }
    print(text(&fires).as_bytes())
}

fn text(fires: &[Fire]) -> String {
    let dash = || "-".to_owned();
    let rows = fires.iter().map(|fire| {
        let late = fire.lateness_ms.map(TimeDelta::milliseconds);
        let status = match (fire.status, &fire.condition) {
            (Some(status), Some(condition)) => format!("{} ({condition})", status.as_str()),
            (Some(status), None) => status.as_str().to_owned(),
            (None, _) => dash(),
        };
        vec![
            time(fire.scheduled_at),
            time(fire.fired_at),
            late.map_or_else(dash, span_text),
            fire.occasion.as_str().to_owned(),
            fire.result.as_str().to_owned(),
            fire.request_id.map_or_else(dash, |id| id.to_string()),
            status,
            brief(fire.error.as_deref()),
        ]
    });
    let header = [
        "SCHEDULED (UTC)",
        "FIRED (UTC)",
        "LATE",
        "OCCASION",
        "RESULT",
        "REQUEST ID",
        "STATUS",
        "ERROR",
    ];
    table(&header, rows.collect(), &[2])
}

#[cfg(test)]
mod tests {
    use gateway::api::types::{Example as _, FireResult, Occasion};

    use super::*;

    #[test]
    fn a_table_of_fires() {
        let mut fires = Fires::example().fires;
        let mut other = fires[0].clone();
        other.occasion = Occasion::RunNow;
        other.result = FireResult::Overlapped;
        (other.lateness_ms, other.request_id, other.status) = (None, None, None);
        (other.condition, other.error) = (None, None);
        fires.push(other);
        let expected = "\
SCHEDULED (UTC)      FIRED (UTC)          LATE  OCCASION  RESULT      REQUEST ID                            STATUS                   ERROR
2026-11-23 08:00:00  2026-11-23 08:00:01   1 s  schedule  fired       019ab026-9000-7000-8000-000000000001  dead (RetriesExhausted)  ValueError: not today
2026-11-23 08:00:00  2026-11-23 08:00:01     -  run_now   overlapped  -                                     -                        -";
        assert_eq!(text(&fires), expected);
    }
}
