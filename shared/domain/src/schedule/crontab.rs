//! Crontabs, read into schedule expressions.
//!
//! The `cron` crate says whether a line's fields are well formed. What differs between the two grammars is ours: a crontab counts
//! the days of the week from 0 (Sunday, which is also 7), and where both day fields are given a day that fits *either* counts: that
//! becomes two expressions.

use std::str::FromStr as _;

use super::expression::{Dialect, Expression};

/// A line of a crontab that runs something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrontabEntry {
    /// From 1.
    pub line: usize,
    /// When, as it was written.
    pub when: String,
    /// What ran: the command, its escapes resolved.
    pub command: String,
    /// What the command read: the text behind the first `%`.
    pub stdin: Option<String>,
    /// The zone that a line above set (`CRON_TZ` or `TZ`).
    pub timezone: Option<String>,
    /// The same times as schedule expressions: one, or two where a day may fit either field. Else why not.
    pub expressions: Result<Vec<String>, String>,
}

/// The entries of a crontab, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Crontab {
    pub entries: Vec<CrontabEntry>,
    /// Settings that mean nothing here, with their lines: `MAILTO` and the like.
    pub passed_over: Vec<(usize, String)>,
}

impl Crontab {
    /// Reads a user's crontab (five fields and a command).
    pub fn parse(text: &str) -> Self {
        let mut crontab = Self::default();
        let mut timezone = None;
        for (index, line) in text.lines().enumerate() {
            let (number, line) = (index + 1, line.trim());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some((name, value)) = setting(line) {
                if name == "CRON_TZ" || name == "TZ" {
                    timezone = Some(value.to_owned());
                } else {
                    crontab.passed_over.push((number, line.to_owned()));
                }
                continue;
            }
            let (when, command) = split(line);
            let (command, stdin) = unescape(command);
            let expressions = if command.is_empty() {
                Err("There is no command behind the five fields.".to_owned())
            } else {
                expressions(&when)
            };
            crontab.entries.push(CrontabEntry {
                line: number,
                when,
                command,
                stdin,
                timezone: timezone.clone(),
                expressions,
            });
        }
        crontab
    }
}

/// `NAME=value`, quotes taken off.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let value = value.trim();
    let bare = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    (starts && name.chars().all(word)).then(|| (name, bare.unwrap_or(value)))
}

/// The fields that say when, and the rest.
fn split(line: &str) -> (String, &str) {
    let count = if line.starts_with('@') { 1 } else { 5 };
    let (mut rest, mut fields) = (line, Vec::with_capacity(count));
    for _ in 0..count {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        fields.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    (fields.join(" ").trim_end().to_owned(), rest)
}

/// The command, and what it reads: an unescaped `%` begins that, and every further one is a line's end.
fn unescape(text: &str) -> (String, Option<String>) {
    let (mut parts, mut chars) = (vec![String::new()], text.chars().peekable());
    while let Some(char) = chars.next() {
        let last = parts.len() - 1;
        match char {
            '\\' if chars.peek() == Some(&'%') => {
                parts[last].push('%');
                chars.next();
            }
            '%' => parts.push(String::new()),
            other => parts[last].push(other),
        }
    }
    let command = parts.remove(0).trim_end().to_owned();
    let stdin = (!parts.is_empty()).then(|| parts.join("\n"));
    (command, stdin)
}

fn expressions(when: &str) -> Result<Vec<String>, String> {
    let when = match when.to_ascii_lowercase().as_str() {
        "@reboot" => {
            return Err("\"@reboot\" is no time: nothing here starts with a machine.".to_owned());
        }
        "@yearly" | "@annually" => "0 0 1 1 *".to_owned(),
        "@monthly" => "0 0 1 * *".to_owned(),
        "@weekly" => "0 0 * * 0".to_owned(),
        "@daily" | "@midnight" => "0 0 * * *".to_owned(),
        "@hourly" => "0 * * * *".to_owned(),
        word if word.starts_with('@') => {
            return Err(format!("{when:?} is no word of crontabs."));
        }
        _ => when.to_ascii_uppercase(),
    };
    let fields: Vec<&str> = when.split(' ').collect();
    let [minutes, hours, of_month, months, of_week] = fields[..] else {
        return Err("Fewer than five fields.".to_owned());
    };
    let of_week = days_of_week(of_week)
        .ok_or_else(|| format!("{of_week:?} names no days of the week (0 to 7, SUN to SAT)."))?;
    let read = cron::Schedule::from_str(&format!(
        "0 {minutes} {hours} {of_month} {months} {of_week}"
    ));
    read.map_err(|error| format!("These fields are no crontab's: {error}"))?;
    let with = |of_month: &str, of_week: &str| {
        let text = format!("cron({minutes} {hours} {of_month} {months} {of_week} *)");
        match Expression::parse(&text, Dialect::Scheduler) {
            Ok(_) => Ok(text),
            Err(_) => Err("These fields have no counterpart in a schedule expression.".to_owned()),
        }
    };
    match (of_month, of_week.as_str()) {
        (_, "*") => Ok(vec![with(of_month, "?")?]),
        ("*", _) => Ok(vec![with("?", &of_week)?]),
        // A field that begins with a star restricts the other one instead of adding to it.
        (month, week) if month.starts_with('*') || week.starts_with('*') => Err(
            "Days of the month and of the week that must both fit have no counterpart in a schedule expression."
                .to_owned(),
        ),
        _ => Ok(vec![with(of_month, "?")?, with("?", &of_week)?]),
    }
}

/// Days of the week as schedule expressions count them: by name. `None`: these are none.
fn days_of_week(text: &str) -> Option<String> {
    const NAMES: [&str; 8] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let index = |text: &str| {
        let number = text.parse::<usize>().ok().filter(|number| *number < 8);
        number.or_else(|| NAMES.iter().position(|name| *name == text))
    };
    let part = |part: &str| {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, step.parse().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match span.split_once('-') {
            _ if span == "*" && step == 1 => return Some("*".to_owned()),
            _ if span == "*" => (0, 6),
            Some((from, to)) => {
                let (from, to) = (index(from)?, index(to)?);
                // "FRI-SUN" ends a week as "5-7" does.
                (from, if to < from && to == 0 { 7 } else { to })
            }
            None => (index(span)?, index(span)?),
        };
        let days = (from..=to).step_by(step).map(|day| NAMES[day]);
        let days = days.collect::<Vec<_>>().join(",");
        (!days.is_empty()).then_some(days)
    };
    let parts: Option<Vec<String>> = text.split(',').map(part).collect();
    Some(parts?.join(","))
}
