//! Thresholds of budgets that were crossed, and who was told.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::events::{EXAMPLE_ID, moment};
use super::{Example, Payload};

/// A threshold that was crossed: once in each of its budget's periods at most.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct BudgetAlert {
    pub alert_id: Uuid,
    /// The budget's name. It may be gone.
    pub budget: String,
    /// When the period began in which it happened.
    pub period_start: DateTime<Utc>,
    pub crossed_at: DateTime<Utc>,
    /// What everybody is told.
    pub message: Payload,
    pub deliveries: Vec<BudgetDelivery>,
}

/// What became of the message to one subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetDelivery {
    /// A function's ARN, a URL, a topic's ARN or a mail address.
    pub address: String,
    pub state: BudgetDeliveryState,
    /// Of a function: the event that it gets.
    pub request_id: Option<Uuid>,
    /// Of a webhook: attempts that began.
    pub attempts: u32,
    /// Of a webhook that waits.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What went wrong last.
    pub reason: Option<String>,
}

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetDeliveryState {
    /// An event of the queue has it.
    Queued,
    /// It waits for its next attempt.
    Waiting,
    Delivered,
    /// No further attempt is made.
    Failed,
    /// Nobody serves such addresses yet.
    Undelivered,
}

/// A page of alerts, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct BudgetAlerts {
    pub alerts: Vec<BudgetAlert>,
    pub next_token: Option<String>,
}

/// Which alerts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetAlertQuery {
    /// A budget's name.
    pub budget: Option<String>,
    /// On a page: 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

impl Example for BudgetAlerts {
    fn example() -> Self {
        let delivery = BudgetDelivery {
            address: "https://example.org/spending".to_owned(),
            state: BudgetDeliveryState::Waiting,
            request_id: None,
            attempts: 1,
            next_attempt_at: Some(moment(60)),
            reason: Some("The answer was 503 Service Unavailable.".to_owned()),
        };
        Self {
            alerts: vec![BudgetAlert {
                alert_id: EXAMPLE_ID,
                budget: "all of it".to_owned(),
                period_start: moment(0),
                crossed_at: moment(0),
                message: Payload::of(br#"{"version":"1.0","source":"tollgate.budgets"}"#.to_vec()),
                deliveries: vec![delivery],
            }],
            next_token: None,
        }
    }
}
