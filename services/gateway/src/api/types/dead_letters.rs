//! Events that ended without success, and records that had nowhere to go.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::events::{EXAMPLE_ID, moment};
use super::{Example, Payload};

/// An event that ended without success. Kept for 14 days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetter {
    /// The event's.
    pub request_id: Uuid,
    pub function: String,
    pub qualifier: Option<String>,
    /// Why it ended, such as `RetriesExhausted`.
    pub condition: String,
    /// Attempts in which the function was started.
    pub attempts: u16,
    /// What went wrong last, its beginning.
    pub error: Option<String>,
    pub accepted_at: DateTime<Utc>,
    pub dead_at: DateTime<Utc>,
    pub payload_bytes: u64,
    /// Request id of the event that a redrive made of it.
    pub redriven_as: Option<Uuid>,
    pub redriven_at: Option<DateTime<Utc>>,
}

/// A dead letter with its payload.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetterWithPayload {
    pub dead_letter: DeadLetter,
    /// As it was accepted.
    pub payload: Payload,
}

/// A page of dead letters, the newest event first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetters {
    pub dead_letters: Vec<DeadLetter>,
    pub next_token: Option<String>,
}

/// Which dead letters to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterQuery {
    /// A function's name.
    pub function: Option<String>,
    /// Such as `RetriesExhausted`.
    pub condition: Option<String>,
    /// Dead at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Dead before this time.
    pub until: Option<DateTime<Utc>>,
    /// Whether it has been redriven. Without it: either.
    pub redriven: Option<bool>,
    /// On a page: 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

/// Which dead letters to count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountQuery {
    /// A function's name.
    pub function: Option<String>,
    /// Such as `RetriesExhausted`.
    pub condition: Option<String>,
    /// Dead at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Dead before this time.
    pub until: Option<DateTime<Utc>>,
    /// Whether it has been redriven. Without it: either.
    pub redriven: Option<bool>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Count {
    pub count: u64,
}

/// Which dead letters to delete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeQuery {
    /// A function's name.
    pub function: Option<String>,
    /// Such as `RetriesExhausted`.
    pub condition: Option<String>,
    /// Dead at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Dead before this time.
    pub until: Option<DateTime<Utc>>,
    /// Whether it has been redriven. Without it: either.
    pub redriven: Option<bool>,
    /// Must be true where nothing else says which: then all go.
    pub all: Option<bool>,
}

/// Which dead letters to redrive. Those that were redriven before are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedriveFilter {
    /// A function's name.
    pub function: Option<String>,
    /// Such as `RetriesExhausted`.
    pub condition: Option<String>,
    /// Dead at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Dead before this time.
    pub until: Option<DateTime<Utc>>,
}

/// A redrive to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRedrive {
    /// Without it: all dead letters of the account in this region.
    #[serde(default)]
    pub filter: RedriveFilter,
    /// So many are sent back each second: 1 to 10000.
    #[schemars(range(min = 1, max = 10_000))]
    pub rate_per_s: u32,
}

/// A redrive and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Redrive {
    pub redrive_id: Uuid,
    pub status: RedriveStatus,
    pub rate_per_s: u32,
    /// Dead letters that it found when it began.
    pub total: u64,
    /// Those that have been sent back.
    pub done: u64,
    pub created_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RedriveStatus {
    Running,
    Done,
    Cancelled,
}

/// Which redrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedriveKey {
    /// What its start answered.
    pub redrive_id: Uuid,
}

/// What a purge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Purged {
    pub purged: u64,
    /// Whether there may be more: ask again.
    pub more: bool,
}

/// A record that was not delivered. Kept for 14 days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Undelivered {
    pub undelivered_id: Uuid,
    /// The event that it tells of.
    pub request_id: Uuid,
    pub function: String,
    pub kind: TargetKind,
    /// ARN of where it should have gone.
    pub target: String,
    /// Why it did not.
    pub reason: String,
    pub at: DateTime<Utc>,
    pub record_bytes: u64,
}

/// What a target was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    OnSuccess,
    OnFailure,
    DeadLetter,
}

/// An undelivered record with what should have been delivered.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct UndeliveredWithRecord {
    pub undelivered: Undelivered,
    /// The invocation's record; for a dead letter target the event as it came.
    pub record: Payload,
}

/// A page of undelivered records, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UndeliveredPage {
    pub undelivered: Vec<Undelivered>,
    pub next_token: Option<String>,
}

/// Which undelivered record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UndeliveredKey {
    /// As the list has it.
    pub undelivered_id: Uuid,
}

/// Which undelivered records to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UndeliveredQuery {
    /// Name of the function that was invoked.
    pub function: Option<String>,
    /// On a page: 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

impl Example for DeadLetter {
    fn example() -> Self {
        Self {
            request_id: EXAMPLE_ID,
            function: "resize".to_owned(),
            qualifier: None,
            condition: "RetriesExhausted".to_owned(),
            attempts: 3,
            error: Some("ValueError: not today".to_owned()),
            accepted_at: moment(0),
            dead_at: moment(183),
            payload_bytes: 17,
            redriven_as: None,
            redriven_at: None,
        }
    }
}

impl Example for DeadLetterWithPayload {
    fn example() -> Self {
        Self {
            dead_letter: DeadLetter::example(),
            payload: Payload::example("{\"image\": \"a.jpg\"}"),
        }
    }
}

impl Example for DeadLetters {
    fn example() -> Self {
        Self {
            dead_letters: vec![DeadLetter::example()],
            next_token: None,
        }
    }
}

impl Example for Count {
    fn example() -> Self {
        Self { count: 1_200 }
    }
}

impl Example for StartRedrive {
    fn example() -> Self {
        Self {
            filter: RedriveFilter {
                function: Some("resize".to_owned()),
                condition: Some("RetriesExhausted".to_owned()),
                ..RedriveFilter::default()
            },
            rate_per_s: 50,
        }
    }
}

impl Example for Redrive {
    fn example() -> Self {
        Self {
            redrive_id: EXAMPLE_ID,
            status: RedriveStatus::Running,
            rate_per_s: 50,
            total: 1_200,
            done: 350,
            created_at: moment(300),
            changed_at: moment(307),
        }
    }
}

impl Example for Purged {
    fn example() -> Self {
        Self {
            purged: 1_200,
            more: false,
        }
    }
}

impl Example for Undelivered {
    fn example() -> Self {
        Self {
            undelivered_id: EXAMPLE_ID,
            request_id: EXAMPLE_ID,
            function: "resize".to_owned(),
            kind: TargetKind::OnSuccess,
            target: "arn:aws:sqs:us-east-1:000000000000:resized".to_owned(),
            reason: "Tollgate does not deliver to SQS queues yet.".to_owned(),
            at: moment(62),
            record_bytes: 412,
        }
    }
}

impl Example for UndeliveredWithRecord {
    fn example() -> Self {
        Self {
            undelivered: Undelivered::example(),
            record: Payload::example("{\"version\": \"1.0\"}"),
        }
    }
}

impl Example for UndeliveredPage {
    fn example() -> Self {
        Self {
            undelivered: vec![Undelivered::example()],
            next_token: None,
        }
    }
}
