//! What a fire hands to its target.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde::de::IgnoredAny;
use uuid::Uuid;

use crate::{AccountId, ParseError, Region};

/// One fire, for its payload.
#[derive(Debug, Clone, Copy)]
pub struct Fire<'a> {
    /// ARN of the schedule, or of the rule.
    pub arn: &'a str,
    /// Whether it is a rule's: the default event names another source.
    pub by_rule: bool,
    pub account: AccountId,
    pub region: &'a Region,
    pub scheduled_at: DateTime<Utc>,
    /// Of this delivery: the request id of the invocation.
    pub execution_id: Uuid,
    /// Deliveries before this one.
    pub attempt: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct DefaultEvent<'a> {
    version: &'static str,
    id: Uuid,
    detail_type: &'static str,
    source: &'static str,
    account: String,
    time: &'a str,
    region: &'a str,
    resources: [&'a str; 1],
    detail: Detail,
}

/// Scheduler writes an empty object as text, rules as it is.
#[derive(Serialize)]
#[serde(untagged)]
enum Detail {
    Text(&'static str),
    Object {},
}

/// The payload of a fire: the schedule's input with its keywords filled in, or AWS's default event.
pub fn render(input: Option<&str>, fire: &Fire<'_>) -> Vec<u8> {
    let time = fire.scheduled_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let Some(input) = input else {
        let event = DefaultEvent {
            version: "0",
            id: fire.execution_id,
            detail_type: "Scheduled Event",
            source: if fire.by_rule {
                "aws.events"
            } else {
                "aws.scheduler"
            },
            account: fire.account.to_string(),
            time: &time,
            region: fire.region.as_str(),
            resources: [fire.arn],
            detail: if fire.by_rule {
                Detail::Object {}
            } else {
                Detail::Text("{}")
            },
        };
        // Nothing in it can fail to be written.
        return serde_json::to_vec(&event).unwrap_or_default();
    };
    if fire.by_rule {
        return input.as_bytes().to_vec();
    }
    let values = [
        fire.arn.to_owned(),
        time,
        fire.execution_id.to_string(),
        (u32::from(fire.attempt) + 1).to_string(),
    ];
    fill(input, &values).into_owned().into_bytes()
}

/// Keywords of an input (`spec/schedules.md`, 1.4), in the order of their values.
const KEYWORDS: [&str; 4] = [
    "<aws.scheduler.schedule-arn>",
    "<aws.scheduler.scheduled-time>",
    "<aws.scheduler.execution-id>",
    "<aws.scheduler.attempt-number>",
];

fn fill<'a>(input: &'a str, values: &[String; 4]) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(input);
    if !input.contains("<aws.scheduler.") {
        return text;
    }
    for (keyword, value) in KEYWORDS.iter().zip(values) {
        text = text.replace(keyword, value).into();
    }
    text
}

/// Whether an input is JSON once its keywords are filled in.
pub fn check_input(text: &str) -> Result<(), ParseError> {
    // Values as they come: an ARN, a time and an id need the quotes that the input has around them, a number needs none.
    let sample = ["arn", "1970-01-01T00:00:00Z", "id", "1"].map(str::to_owned);
    serde_json::from_str::<IgnoredAny>(&fill(text, &sample))
        .map(|_| ())
        .map_err(|error| ParseError::new(format!("Input is not JSON: {error}")))
}
