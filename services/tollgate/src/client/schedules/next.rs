//! `tollgate schedules next`.

use anyhow::Result;
use gateway::api::types::{ExpressionQuery, NextTimes, NextTimesQuery, ScheduleState};

use super::one::path;
use crate::args::{Key, Next};
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::{print_json, with_query};
use crate::client::table::{table, time};

pub(super) async fn run(args: Next) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    let json = args.output.json;
    let next: NextTimes = endpoint.ask(&asked(args)?).await?;
    if json {
        return print_json(&next);
    }
    if next.state == Some(ScheduleState::Disabled) {
        eprintln!("It is paused, and would fire at these times if it were resumed now.");
    }
    if next.times.is_empty() {
        eprintln!("It does not fire any more.");
        return Ok(());
    }
    print(text(&next).as_bytes())
}

/// No name has a parenthesis, every expression has.
fn asked(args: Next) -> Result<String> {
    let count = Some(args.count);
    if args.what.contains('(') {
        let query = ExpressionQuery {
            expression: args.what,
            timezone: args.timezone,
            start: args.start,
            end: args.end,
            count,
        };
        return with_query("/schedules/next-times", &query);
    }
    let key = Key {
        name: args.what,
        group: args.group,
    };
    if args.timezone.is_some() || args.start.is_some() || args.end.is_some() {
        anyhow::bail!(
            "--timezone, --start and --end go with an expression: schedule {} has its own.",
            key.name
        );
    }
    with_query(&path(&key, "next-times"), &NextTimesQuery { count })
}

fn text(next: &NextTimes) -> String {
    let rows = next.times.iter().map(|one| {
        vec![
            time(one.at),
            one.local.format("%a %Y-%m-%d %H:%M:%S %:z").to_string(),
        ]
    });
    let local = format!("LOCAL ({})", next.timezone);
    table(&["UTC", &local], rows.collect(), &[])
}

#[cfg(test)]
mod tests {
    use gateway::api::types::Example as _;

    use super::*;

    #[test]
    fn times_by_both_clocks() {
        let expected = "\
UTC                  LOCAL (Europe/Berlin)
2026-11-24 08:00:00  Tue 2026-11-24 09:00:00 +01:00";
        assert_eq!(text(&NextTimes::example()), expected);
    }
}
