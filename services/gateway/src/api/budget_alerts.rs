//! Thresholds of budgets that were crossed, and who was told.

use store::budgets::{Alert, Delivery, DeliveryState};

use super::input::{Input, Nothing};
use super::paging;
use super::refusal::Refusal;
use super::types::{
    BudgetAlert, BudgetAlertQuery, BudgetAlerts, BudgetDelivery, BudgetDeliveryState, Payload,
};
use crate::call::Call;

pub(super) async fn list(
    cx: Call,
    input: Input<Nothing, BudgetAlertQuery, Nothing>,
) -> Result<BudgetAlerts, Refusal> {
    let query = input.query;
    let limit = paging::limit(query.limit)?;
    let before = paging::after(query.next_token.as_deref())?;
    let budget = query.budget.as_deref();
    if budget.is_some_and(|name| name.contains('\0')) {
        return Err(Refusal::invalid("A budget's name has no character NUL."));
    }
    let found = cx
        .app
        .store
        .budget_alerts(cx.account, budget, before, limit)
        .await;
    let found = found.map_err(|error| Refusal::internal(&error, &cx))?;
    Ok(BudgetAlerts {
        next_token: paging::next(&found, limit, |alert| alert.id),
        alerts: found.into_iter().map(alert).collect(),
    })
}

fn alert(found: Alert) -> BudgetAlert {
    BudgetAlert {
        alert_id: found.id,
        budget: found.budget,
        period_start: found.period_start,
        crossed_at: found.crossed_at,
        message: Payload::of(found.message),
        deliveries: found.deliveries.into_iter().map(delivery).collect(),
    }
}

fn delivery(found: Delivery) -> BudgetDelivery {
    BudgetDelivery {
        address: found.subscriber.address,
        state: match found.state {
            DeliveryState::Queued => BudgetDeliveryState::Queued,
            DeliveryState::Waiting => BudgetDeliveryState::Waiting,
            DeliveryState::Delivered => BudgetDeliveryState::Delivered,
            DeliveryState::Failed => BudgetDeliveryState::Failed,
            DeliveryState::Undelivered => BudgetDeliveryState::Undelivered,
        },
        request_id: found.event,
        attempts: found.attempts,
        next_attempt_at: found.next_at,
        reason: Some(found.reason).filter(|reason| !reason.is_empty()),
    }
}
