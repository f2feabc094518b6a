//! `tollgate queue`: what waits, live in the terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Result;
use chrono::{SecondsFormat, TimeDelta};
use gateway::api::types::{FunctionQueue, QueueQuery, Queues};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::endpoint::Endpoint;
use super::output::print;
use super::own::{print_json, with_query};
use super::span::span_text;
use super::table::{counted, table};
use crate::args::Queue;

/// How often it is looked at.
const PERIOD: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: Queue) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    let query = QueueQuery {
        function: args.function,
    };
    let path = with_query("/queue", &query)?;
    let json = args.output.json;
    if args.once {
        let queues = once(&endpoint, &path).await?;
        return if json {
            print_json(&queues)
        } else {
            print(text(&queues).as_bytes())
        };
    }
    let live = !json && std::io::stdout().is_terminal();
    let screen = screen(live);
    let mut last = None;
    loop {
        let queues: Queues = endpoint.ask(&path).await?;
        // A look that was answered before is not shown twice.
        if last != Some(queues.at) {
            last = Some(queues.at);
            if live {
                screen.set_message(text(&queues));
                screen.tick();
            } else if json {
                print(serde_json::to_string(&queues)?.as_bytes())?;
            } else {
                print(format!("{}\n", text(&queues)).as_bytes())?;
            }
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Two looks where the first has no rates.
async fn once(endpoint: &Endpoint, path: &str) -> Result<Queues> {
    let first: Queues = endpoint.ask(path).await?;
    if first.functions.iter().all(|one| one.out_per_s.is_some()) {
        return Ok(first);
    }
    tokio::time::sleep(PERIOD).await;
    endpoint.ask(path).await
}

/// What is drawn over itself.
fn screen(live: bool) -> ProgressBar {
    let target = if live {
        ProgressDrawTarget::stdout()
    } else {
        ProgressDrawTarget::hidden()
    };
    let screen = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        screen.set_style(style);
    }
    screen
}

fn text(queues: &Queues) -> String {
    let at = queues.at.to_rfc3339_opts(SecondsFormat::Secs, true);
    if queues.functions.is_empty() {
        return format!("{at}  Nothing waits.");
    }
    let rows = queues.functions.iter().map(row).collect();
    let header = ["FUNCTION", "DEPTH", "OLDEST", "IN FLIGHT", "IN/S", "OUT/S"];
    let total: u64 = queues.functions.iter().map(|one| one.depth).sum();
    let table = table(&header, rows, &[1, 2, 3, 4, 5]);
    format!("{at}  {}\n\n{table}", counted(total, "event"))
}

fn row(queue: &FunctionQueue) -> Vec<String> {
    let dash = || "-".to_owned();
    vec![
        queue.function.clone(),
        queue.depth.to_string(),
        queue.oldest_age_s.map_or_else(dash, age),
        queue.in_flight.to_string(),
        rate(queue.in_per_s),
        queue.out_per_s.map_or_else(dash, rate),
    ]
}

fn rate(per_s: f64) -> String {
    if per_s < 10.0 {
        format!("{per_s:.1}")
    } else {
        format!("{per_s:.0}")
    }
}

fn age(seconds: f64) -> String {
    let age = Duration::try_from_secs_f64(seconds).ok();
    let age = age.and_then(|age| TimeDelta::from_std(age).ok());
    age.map_or_else(|| "-".to_owned(), span_text)
}

#[cfg(test)]
mod tests {
    use gateway::api::types::Example as _;

    use super::*;

    #[test]
    fn queues_in_a_table() {
        let mut queues = Queues::example();
        let mut quiet = queues.functions[0].clone();
        quiet.function = "thumbnail".to_owned();
        quiet.depth = 2;
        quiet.in_flight = 0;
        quiet.in_per_s = 0.04;
        quiet.oldest_age_s = Some(3_725.0);
        quiet.out_per_s = None;
        queues.functions.push(quiet);
        let expected = "\
2026-11-23T10:00:00Z  1314 events

FUNCTION   DEPTH   OLDEST  IN FLIGHT  IN/S  OUT/S
resize      1312      4 s         16   350    290
thumbnail      2  1 h 2 min          0   0.0      -";
        // The widest age sets its column.
        let expected = expected
            .replace("  OLDEST", "     OLDEST")
            .replace("      4 s", "        4 s");
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&text(&queues)), words(&expected));
        queues.functions.clear();
        assert_eq!(text(&queues), "2026-11-23T10:00:00Z  Nothing waits.");
    }
}
