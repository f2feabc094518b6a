//! Schedule expressions: `at(...)`, `rate(...)`, `cron(...)`.

use chrono::{NaiveDateTime, TimeDelta};

use super::cron::Cron;
use crate::ParseError;

/// Longest expression, in characters.
const LENGTH_MAX: usize = 256;

/// Whose expressions: the two services differ in what they accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `EventBridge` Scheduler.
    Scheduler,
    /// Rules of an event bus: no `at`, and `rate` minds its grammar (`rate(1 minute)`, `rate(2 minutes)`).
    Rule,
}

/// When something fires, as it was written; bounds and time zone come from beside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expression {
    /// Once, at this time of the wall clock.
    At(NaiveDateTime),
    Rate(Rate),
    Cron(Cron),
}

/// Every so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    minutes: u32,
}

impl Rate {
    /// Elapsed time between two fires: a day has 24 hours, whatever clocks do.
    pub fn period(self) -> TimeDelta {
        TimeDelta::minutes(i64::from(self.minutes))
    }
}

impl Expression {
    /// Reads an expression. The error is the sentence that AWS answers.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, ParseError> {
        let read = |text: &str| {
            if text.chars().count() > LENGTH_MAX {
                return None;
            }
            let (kind, inner) = text.strip_suffix(')')?.split_once('(')?;
            match (kind, dialect) {
                ("at", Dialect::Scheduler) => at(inner).map(Self::At),
                ("rate", _) => rate(inner, dialect).map(Self::Rate),
                ("cron", _) => Cron::parse(inner).map(Self::Cron),
                _ => None,
            }
        };
        read(text).ok_or_else(|| {
            ParseError::new(match dialect {
                Dialect::Scheduler => format!("Invalid Schedule Expression {text}."),
                Dialect::Rule => "Parameter ScheduleExpression is not valid.".to_owned(),
            })
        })
    }
}

/// `yyyy-mm-ddThh:mm:ss`, nothing more and nothing less.
fn at(text: &str) -> Option<NaiveDateTime> {
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = |(byte, shape): (u8, &u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        other => byte == *other,
    };
    let shaped = text.len() == shape.len() && text.bytes().zip(shape).all(fits);
    shaped
        .then(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").ok())
        .flatten()
}

fn rate(text: &str, dialect: Dialect) -> Option<Rate> {
    let (value, unit) = text.split_once(' ')?;
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u32 = value.parse().ok().filter(|value| *value > 0)?;
    let (one, minutes) = match unit {
        "minute" => (true, 1),
        "minutes" => (false, 1),
        "hour" => (true, 60),
        "hours" => (false, 60),
        "day" => (true, 1_440),
        "days" => (false, 1_440),
        _ => return None,
    };
    if dialect == Dialect::Rule && one != (value == 1) {
        return None;
    }
    // A rate of over 8,000 years is a mistake.
    let minutes = value.checked_mul(minutes)?;
    Some(Rate { minutes })
}
