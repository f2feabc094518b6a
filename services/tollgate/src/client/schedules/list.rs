//! `tollgate schedules list`.

use anyhow::Result;
use gateway::api::types::{Schedule, ScheduleQuery, Schedules};
use serde_json::json;

use crate::args::ListSchedules;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::{print_json, with_query};
use crate::client::table::{table, time_or_dash};

/// Schedules on one page.
const PAGE: usize = 1_000;

pub(super) async fn run(args: ListSchedules) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    let query = ScheduleQuery {
        group: args.group,
        name_prefix: args.prefix,
        ..ScheduleQuery::default()
    };
    let schedules = pages(&endpoint, query, args.limit).await?;
    if args.output.json {
        return print_json(&json!({"schedules": schedules}));
    }
    if schedules.is_empty() {
        eprintln!("No such schedules.");
        return Ok(());
    }
    print(text(&schedules).as_bytes())
}

async fn pages(
    endpoint: &Endpoint,
    mut query: ScheduleQuery,
    limit: usize,
) -> Result<Vec<Schedule>> {
    let mut schedules: Vec<Schedule> = Vec::new();
    while schedules.len() < limit {
        query.limit = u32::try_from((limit - schedules.len()).min(PAGE)).ok();
        let page: Schedules = endpoint.ask(&with_query("/schedules", &query)?).await?;
        schedules.extend(page.schedules);
        query.next_token = page.next_token;
        if query.next_token.is_none() {
            break;
        }
    }
    Ok(schedules)
}

fn text(schedules: &[Schedule]) -> String {
    let rows = schedules.iter().map(|schedule| {
        let last = schedule.last_fire.as_ref();
        vec![
            schedule.group.clone(),
            schedule.name.clone(),
            schedule.state.as_str().to_owned(),
            schedule.expression.clone(),
            schedule.timezone.clone(),
            function(&schedule.target).to_owned(),
            time_or_dash(schedule.next_at),
            time_or_dash(last.map(|last| last.scheduled_at)),
            last.map_or("-", |last| last.result.as_str()).to_owned(),
        ]
    });
    let header = [
        "GROUP",
        "NAME",
        "STATE",
        "EXPRESSION",
        "ZONE",
        "FUNCTION",
        "NEXT (UTC)",
        "LAST (UTC)",
        "RESULT",
    ];
    table(&header, rows.collect(), &[])
}

/// The function of an ARN, qualified where it is.
fn function(arn: &str) -> &str {
    arn.splitn(7, ':').last().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use gateway::api::types::{Example as _, ScheduleState};

    use super::*;

    #[test]
    fn a_table_of_schedules() {
        let mut schedules = Schedules::example().schedules;
        let mut quiet = schedules[0].clone();
        quiet.group = "rule:nightly".to_owned();
        quiet.name = "1".to_owned();
        quiet.state = ScheduleState::Disabled;
        quiet.target.push_str(":live");
        (quiet.next_at, quiet.last_fire) = (None, None);
        schedules.push(quiet);
        let expected = "\
GROUP         NAME    STATE     EXPRESSION               ZONE           FUNCTION     NEXT (UTC)           LAST (UTC)           RESULT
default       report  ENABLED   cron(0 9 ? * MON-FRI *)  Europe/Berlin  report       2026-11-24 08:00:00  2026-11-23 08:00:00  fired
rule:nightly  1       DISABLED  cron(0 9 ? * MON-FRI *)  Europe/Berlin  report:live  -                    -                    -";
        assert_eq!(text(&schedules), expected);
    }
}
