//! `tollgate schedules import crontab`.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::schedule::{Crontab, CrontabEntry, Dialect, Expression, Timetable, zone};
use http::Method;
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::{Value, json};

use super::names::{Names, fits};
use crate::args::ImportCrontab;
use crate::client::api::{Call, Refusal};
use crate::client::clock;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::print_json;
use crate::client::table::{brief, counted, time_or_dash};
use crate::settings::percent_encoded;

/// What a role is called where the function names none.
const ROLE: &str = "tollgate-schedules";

/// What was understood of a line.
#[derive(Debug, Serialize)]
struct Entry {
    line: usize,
    when: String,
    command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdin: Option<String>,
    timezone: String,
    /// Two where a day may fit either of the crontab's fields.
    schedules: Vec<Made>,
    /// Why it was not understood.
    error: Option<String>,
}

/// A schedule for a line.
#[derive(Debug, Serialize)]
struct Made {
    name: String,
    expression: String,
    next_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Created,
    /// The group had one of this name, which was left as it is.
    Exists,
}

/// What is to be invoked.
struct Target {
    arn: String,
    role: String,
}

pub(super) async fn run(args: ImportCrontab) -> Result<ExitCode> {
    zone(&args.timezone)?;
    if !fits(&args.prefix) {
        bail!("--prefix may have letters, digits, and -_. only: it becomes a part of names.");
    }
    let crontab = Crontab::parse(&read(&args)?);
    let endpoint = Endpoint::choose(&args.output.client)?;
    let target = target(&endpoint, &args.function).await?;
    let now = clock::now(&endpoint).await?;
    let mut names = Names::new(&args.prefix);
    let mut lines: Vec<Entry> = crontab
        .entries
        .into_iter()
        .map(|entry| line(entry, &args.timezone, now, &mut names))
        .collect();
    let bad = lines.iter().filter(|line| line.error.is_some()).count() as u64;
    let refused = bad > 0 && !args.skip_bad;
    let create = !args.dry_run && !refused;
    if !args.output.json {
        print(text(&lines, &crontab.passed_over).as_bytes())?;
    }
    if create {
        for line in &mut lines {
            create_all(&endpoint, &args.group, &target, line).await?;
        }
    }
    if args.output.json {
        let passed_over: Vec<Value> = crontab
            .passed_over
            .iter()
            .map(|(line, text)| json!({"line": line, "text": text}))
            .collect();
        print_json(&json!({"lines": lines, "passed_over": passed_over}))?;
    } else if !refused {
        print(end(&lines, create).as_bytes())?;
    }
    if refused {
        eprintln!(
            "tollgate: {} not understood, so nothing is created: mend the crontab, or leave them out with --skip-bad.",
            match bad {
                1 => "1 line was".to_owned(),
                bad => format!("{bad} lines were"),
            }
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn read(args: &ImportCrontab) -> Result<String> {
    if args.file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("standard input cannot be read")?;
        return Ok(text);
    }
    let context = || format!("{} cannot be read", args.file.display());
    std::fs::read_to_string(&args.file).with_context(context)
}

/// The function as schedules name it, and the role that it has itself.
async fn target(endpoint: &Endpoint, function: &str) -> Result<Target> {
    // A name with a version or alias is one to Lambda's paths as well.
    let function = percent_encoded(function);
    let path = format!("/2015-03-31/functions/{function}/configuration");
    let found = endpoint.lambda(Method::GET, path, &Value::Null).await?;
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    let arn = text("FunctionArn");
    let account = arn.split(':').nth(4).unwrap_or_default();
    let role = match text("Role") {
        role if role.is_empty() => format!("arn:aws:iam::{account}:role/{ROLE}"),
        role => role,
    };
    Ok(Target { arn, role })
}

fn line(entry: CrontabEntry, timezone: &str, now: DateTime<Utc>, names: &mut Names) -> Entry {
    let timezone = entry.timezone.unwrap_or_else(|| timezone.to_owned());
    let made = entry.expressions.and_then(|expressions| {
        let made = expressions.into_iter().map(|expression| {
            let next_at = next(&expression, &timezone, now)?;
            Ok((expression, next_at))
        });
        made.collect::<Result<Vec<_>, String>>()
    });
    let (made, error) = match made {
        Ok(made) => (made, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let schedules = made.into_iter().map(|(expression, next_at)| Made {
        name: names.of(&entry.command),
        expression,
        next_at,
        outcome: None,
    });
    Entry {
        line: entry.line,
        when: entry.when,
        schedules: schedules.collect(),
        command: entry.command,
        stdin: entry.stdin,
        timezone,
        error,
    }
}

fn next(
    expression: &str,
    timezone: &str,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, String> {
    let wrong = |error: domain::ParseError| format!("{error}.");
    let table = Timetable {
        expression: Expression::parse(expression, Dialect::Scheduler).map_err(wrong)?,
        zone: zone(timezone).map_err(wrong)?,
        start_at: None,
        end_at: None,
        anchor_at: now,
    };
    Ok(table.next_from(now))
}

/// By AWS's own API, as any client would. A schedule whose name is taken stays what it is.
async fn create_all(
    endpoint: &Endpoint,
    group: &str,
    target: &Target,
    line: &mut Entry,
) -> Result<()> {
    let input = match &line.stdin {
        Some(stdin) => json!({"command": line.command, "stdin": stdin}),
        None => json!({"command": line.command}),
    };
    for made in &mut line.schedules {
        let body = json!({
            "GroupName": group,
            "Description": format!("Line {} of a crontab: {}", line.line, line.when),
            "ScheduleExpression": made.expression,
            "ScheduleExpressionTimezone": line.timezone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": target.arn, "RoleArn": target.role, "Input": input.to_string()},
        });
        let call = Call {
            service: "scheduler",
            method: Method::POST,
            path: format!("/schedules/{}", percent_encoded(&made.name)),
            headers: vec![("content-type", "application/json")],
            body: Bytes::from(serde_json::to_vec(&body)?),
        };
        let created = endpoint.send(call, &ProgressBar::hidden()).await;
        made.outcome = Some(match created {
            Ok(_) => Outcome::Created,
            Err(error) if is_taken(&error) => Outcome::Exists,
            Err(error) => {
                return Err(error.context(format!(
                    "Line {}: schedule {} was not created",
                    line.line, made.name
                )));
            }
        });
    }
    Ok(())
}

fn is_taken(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Refusal>()
        .is_some_and(|refusal| refusal.code == "ConflictException")
}

/// Line by line: what it says, and what that means.
fn text(lines: &[Entry], passed_over: &[(usize, String)]) -> String {
    let settings = passed_over.iter().map(|(number, text)| {
        let text = brief(Some(text));
        let text = format!("line {number}: {text}\n  left out: it sets nothing that counts here");
        (*number, text)
    });
    let entries = lines.iter().map(|line| (line.line, text_of(line)));
    let mut parts: Vec<(usize, String)> = settings.chain(entries).collect();
    if parts.is_empty() {
        return "No line of it runs anything.".to_owned();
    }
    parts.sort_by_key(|(number, _)| *number);
    let parts: Vec<String> = parts.into_iter().map(|(_, text)| text).collect();
    parts.join("\n")
}

fn text_of(line: &Entry) -> String {
    let command = brief(Some(&line.command));
    let mut parts = vec![format!("line {}: {}  {command}", line.line, line.when)];
    if let Some(error) = &line.error {
        parts.push(format!("  not understood: {error}"));
    }
    for made in &line.schedules {
        let (name, expression) = (&made.name, &made.expression);
        let next = time_or_dash(made.next_at);
        let zone = &line.timezone;
        parts.push(format!("  {name}: {expression} {zone}, next {next} UTC"));
    }
    parts.join("\n")
}

/// What was done, or would be.
fn end(lines: &[Entry], created: bool) -> String {
    let all = || lines.iter().flat_map(|line| &line.schedules);
    if !created {
        let count = counted(all().count() as u64, "schedule");
        return format!("\n{count} would be created.");
    }
    let names = |outcome| -> Vec<&str> {
        let those = all().filter(|made| made.outcome == Some(outcome));
        those.map(|made| made.name.as_str()).collect()
    };
    let created = counted(names(Outcome::Created).len() as u64, "schedule");
    let taken = names(Outcome::Exists);
    if taken.is_empty() {
        return format!("\n{created} created.");
    }
    let taken = taken.join(", ");
    format!(
        "\n{created} created.\nLeft as they are, for there are schedules of these names: {taken}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRONTAB: &str = "\
MAILTO=ops@example.com
*/5 * * * * /usr/bin/poll --fast
CRON_TZ=Europe/Berlin
0 22 1 * fri backup%to%tape
@reboot start
CRON_TZ=Europe/Atlantis
@daily clean
";

    fn lines() -> (Vec<Entry>, Vec<(usize, String)>) {
        let crontab = Crontab::parse(CRONTAB);
        let now = DateTime::from_timestamp(1_795_428_000, 0).unwrap();
        let mut names = Names::new("");
        let lines = crontab.entries.into_iter();
        let lines = lines.map(|entry| line(entry, "UTC", now, &mut names));
        (lines.collect(), crontab.passed_over)
    }

    #[test]
    fn what_was_understood_is_told_line_by_line() {
        let (lines, passed_over) = lines();
        let expected = "\
line 1: MAILTO=ops@example.com
  left out: it sets nothing that counts here
line 2: */5 * * * *  /usr/bin/poll --fast
  poll: cron(*/5 * * * ? *) UTC, next 2026-11-23 10:00:00 UTC
line 4: 0 22 1 * fri  backup
  backup: cron(0 22 1 * ? *) Europe/Berlin, next 2026-12-01 21:00:00 UTC
  backup-2: cron(0 22 ? * FRI *) Europe/Berlin, next 2026-11-27 21:00:00 UTC
line 5: @reboot  start
  not understood: \"@reboot\" is no time: nothing here starts with a machine.
line 7: @daily  clean
  not understood: \"Europe/Atlantis\" is no time zone of the IANA database.";
        assert_eq!(text(&lines, &passed_over), expected);
        assert_eq!(text(&[], &[]), "No line of it runs anything.");
    }

    #[test]
    fn the_end_says_what_was_done() {
        let (mut lines, _) = lines();
        assert_eq!(end(&lines, false), "\n3 schedules would be created.");
        lines[0].schedules[0].outcome = Some(Outcome::Created);
        assert_eq!(end(&lines, true), "\n1 schedule created.");
        for made in &mut lines[1].schedules {
            made.outcome = Some(Outcome::Exists);
        }
        assert_eq!(
            end(&lines, true),
            "\n1 schedule created.\nLeft as they are, for there are schedules of these names: backup, backup-2."
        );
    }
}
