//! Asynchronous invocations.

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Example, Payload};

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// Its next attempt may start at any moment.
    Queued,
    /// It waits for the time of its next attempt.
    Waiting,
    /// An executor has it.
    Running,
    Succeeded,
    /// It ended without success; `condition` says why.
    Dead,
    Cancelled,
}

impl EventStatus {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Dead | Self::Cancelled)
    }
}

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventSource {
    /// An `Invoke` or `InvokeAsync`.
    Caller,
    /// A destination of another function.
    Destination,
    /// Another function's dead letter target.
    DeadLetter,
    Schedule,
    /// A dead letter that was sent back.
    Redrive,
    /// A threshold of a budget that was crossed.
    Budget,
}

/// All that is known of an event.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Of all its attempts.
    pub request_id: Uuid,
    pub function: String,
    /// Version or alias, where the caller named one.
    pub qualifier: Option<String>,
    pub source: EventSource,
    /// `X-Amzn-Trace-Id` as it was accepted.
    pub trace: String,
    pub status: EventStatus,
    /// Why it ended, such as `RetriesExhausted`.
    pub condition: Option<String>,
    pub accepted_at: DateTime<Utc>,
    /// Of one that waits.
    pub next_attempt_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Those that have ended, the first first.
    pub attempts: Vec<Attempt>,
    /// What the last attempt answered, a function's error included.
    pub result: Option<Payload>,
}

/// An attempt that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// From 1. Only a function's own error makes a further one.
    pub attempt: u16,
    /// Where nothing ran, there is none.
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: DateTime<Utc>,
    /// The version that ran: `$LATEST` or a number.
    pub executed_version: Option<String>,
    pub executor_id: Option<Uuid>,
    /// `Unhandled` or `Handled` where the function failed.
    pub function_error: Option<String>,
    /// What went wrong, its beginning.
    pub error: Option<String>,
    /// When the next attempt was set for, if there was to be one.
    pub next_attempt_at: Option<DateTime<Utc>>,
}

/// An event in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventSummary {
    pub request_id: Uuid,
    pub function: String,
    pub qualifier: Option<String>,
    pub status: EventStatus,
    pub condition: Option<String>,
    pub accepted_at: DateTime<Utc>,
    /// How many have ended.
    pub attempts: u16,
    pub next_attempt_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub error: Option<String>,
}

/// A page of events, the newest first. It may be short, or empty, and still have a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Events {
    pub events: Vec<EventSummary>,
    pub next_token: Option<String>,
}

/// Which event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventKey {
    /// What `Invoke` answered; of all attempts.
    pub request_id: Uuid,
}

/// Which events to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// A function's name.
    pub function: Option<String>,
    /// Only events that stand so.
    pub status: Option<EventStatus>,
    /// Accepted at this time or later. Without it: as far back as events are kept, a day at least.
    pub since: Option<DateTime<Utc>>,
    /// On a page: 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

/// An event that will not run any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelledEvent {
    pub request_id: Uuid,
    /// `cancelled`.
    pub status: EventStatus,
}

/// A moment for examples.
pub(super) fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_795_428_000 + seconds)
}

/// A request id for examples.
pub(super) const EXAMPLE_ID: Uuid = Uuid::from_u128(0x019a_b026_9000_7000_8000_0000_0000_0001);

impl Example for Event {
    fn example() -> Self {
        let failed = Attempt {
            attempt: 1,
            started_at: Some(moment(0)),
            ended_at: moment(1),
            executed_version: Some("$LATEST".to_owned()),
            executor_id: Some(Uuid::from_u128(7)),
            function_error: Some("Unhandled".to_owned()),
            error: Some("ValueError: not today".to_owned()),
            next_attempt_at: Some(moment(61)),
        };
        Self {
            request_id: EXAMPLE_ID,
            function: "resize".to_owned(),
            qualifier: Some("live".to_owned()),
            source: EventSource::Caller,
            trace: "Root=1-6b042fa0-000000000000000000000001".to_owned(),
            status: EventStatus::Succeeded,
            condition: None,
            accepted_at: moment(0),
            next_attempt_at: None,
            ended_at: Some(moment(62)),
            attempts: vec![
                failed.clone(),
                Attempt {
                    attempt: 2,
                    started_at: Some(moment(61)),
                    ended_at: moment(62),
                    function_error: None,
                    error: None,
                    next_attempt_at: None,
                    ..failed
                },
            ],
            result: Some(Payload::example("{\"width\": 640}")),
        }
    }
}

impl Example for Events {
    fn example() -> Self {
        Self {
            events: vec![EventSummary {
                request_id: EXAMPLE_ID,
                function: "resize".to_owned(),
                qualifier: None,
                status: EventStatus::Dead,
                condition: Some("RetriesExhausted".to_owned()),
                accepted_at: moment(0),
                attempts: 3,
                next_attempt_at: None,
                ended_at: Some(moment(183)),
                error: Some("ValueError: not today".to_owned()),
            }],
            next_token: Some("AZqwJpAAcACAAAAAAAAAAQ".to_owned()),
        }
    }
}

impl Example for CancelledEvent {
    fn example() -> Self {
        Self {
            request_id: EXAMPLE_ID,
            status: EventStatus::Cancelled,
        }
    }
}
