//! What a function or a webhook is told of a crossed threshold.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::notification::Notification;
use super::spend::Spend;
use super::{Budget, amount_text};
use crate::AccountId;
use crate::bill::explorer::Period;

/// A threshold that was crossed.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The same for every subscriber and every attempt.
    pub id: Uuid,
    pub account: AccountId,
    pub at: DateTime<Utc>,
    pub budget: &'a Budget,
    pub period: Period,
    pub notification: &'a Notification,
    pub spend: Spend,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    version: &'static str,
    source: &'static str,
    id: Uuid,
    account: AccountId,
    time: String,
    budget: BudgetBody<'a>,
    notification: NotificationBody,
    period: PeriodBody,
    actual_spend: Amount<'a>,
    forecasted_spend: Option<Amount<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BudgetBody<'a> {
    name: &'a str,
    budget_type: &'static str,
    time_unit: &'static str,
    limit: Amount<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NotificationBody {
    notification_type: &'static str,
    comparison_operator: &'static str,
    threshold: String,
    threshold_type: &'static str,
}

#[derive(Serialize)]
struct PeriodBody {
    start: String,
    end: String,
}

#[derive(Serialize)]
struct Amount<'a> {
    amount: String,
    unit: &'a str,
}

impl Message<'_> {
    /// As JSON. Amounts are texts.
    pub fn to_json(&self) -> Vec<u8> {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let amount = |e10| Amount {
            amount: amount_text(e10),
            unit: &self.budget.unit,
        };
        let body = Body {
            version: "1.0",
            source: "tollgate.budgets",
            id: self.id,
            account: self.account,
            time: time(self.at),
            budget: BudgetBody {
                name: &self.budget.name,
                budget_type: self.budget.kind.as_str(),
                time_unit: self.budget.time_unit.as_str(),
                limit: amount(self.budget.limit_of_e10(self.period)),
            },
            notification: NotificationBody {
                notification_type: self.notification.measure.as_str(),
                comparison_operator: self.notification.operator.as_str(),
                threshold: amount_text(self.notification.threshold_e10),
                threshold_type: self.notification.threshold_type.as_str(),
            },
            period: PeriodBody {
                start: time(self.period.start),
                end: time(self.period.end),
            },
            actual_spend: amount(self.spend.actual_e10),
            forecasted_spend: self.spend.forecast_e10.map(amount),
        };
        // Nothing in it can fail to be written.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}
