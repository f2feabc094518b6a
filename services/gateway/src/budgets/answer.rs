//! Budgets, notifications and subscribers as clients read them.

use std::collections::BTreeMap;

use aws_model::budgets::{self as shapes, CalculatedSpend, CostTypes, TimePeriod};
use chrono::TimeDelta;
use domain::bill::budget::{Notification, Spend, Subscriber, Watched, amount_text};
use domain::bill::explorer::Period;
use store::budgets::StoredBudget;
use wire::Fault;

use super::expression;
use crate::call::Call;
use crate::times;

/// Budgets with what their periods have cost so far; filter expressions where they are asked for.
pub(super) async fn budgets(
    cx: &Call,
    stored: Vec<StoredBudget>,
    expressions: bool,
) -> Result<Vec<shapes::Budget>, Fault> {
    let now = cx.app.clock.now();
    let periods: Vec<Period> = stored.iter().map(|one| shown_period(one, now)).collect();
    let spans = stored
        .iter()
        .zip(&periods)
        .map(|(one, period)| one.budget.looks_at(*period, now));
    let Some(span) = spans.reduce(|a, b| Period {
        start: a.start.min(b.start),
        end: a.end.max(b.end),
    }) else {
        return Ok(Vec::new());
    };
    let explored = cx.app.store.explore(cx.account, span).await;
    let explored = explored.map_err(|error| crate::internal(&error, cx))?;
    stored
        .into_iter()
        .zip(periods)
        .map(|(one, period)| {
            let spend = one.budget.spend(period, now, explored.items());
            // What cannot be read is not written either.
            let spend = spend.map_err(|_| Fault::internal())?;
            let mut shown = budget(one, period, spend);
            shown.filter_expression.take_if(|_| !expressions);
            Ok(shown)
        })
        .collect()
}

/// The period whose spend is shown: the one that runs; of a budget that is over, its last; of one to come, its first.
fn shown_period(stored: &StoredBudget, now: chrono::DateTime<chrono::Utc>) -> Period {
    let budget = &stored.budget;
    let last = budget.life.end - TimeDelta::nanoseconds(1);
    let at = now.clamp(budget.life.start, last.max(budget.life.start));
    budget.time_unit.period(budget.life, at)
}

fn budget(stored: StoredBudget, period: Period, spend: Spend) -> shapes::Budget {
    let budget = stored.budget;
    let amount = |e10| shapes::Spend {
        amount: amount_text(e10),
        unit: budget.unit.clone(),
    };
    let limit_e10 = budget.limit_of_e10(period);
    let planned = budget.planned_e10.iter();
    let planned = planned.map(|(start, e10)| (start.timestamp().to_string(), amount(*e10)));
    let planned: BTreeMap<String, shapes::Spend> = planned.collect();
    let (cost_filters, filter_expression) = match budget.watched {
        Watched::CostFilters(filters) => (Some(filters), None),
        Watched::Expression(filter) => (None, Some(expression::show(filter))),
    };
    let flag = |name: &str| stored.cost_types.get(name).copied();
    shapes::Budget {
        budget_limit: Some(amount(limit_e10)),
        planned_budget_limits: (!planned.is_empty()).then_some(planned),
        cost_types: Some(CostTypes {
            include_tax: flag("IncludeTax"),
            include_subscription: flag("IncludeSubscription"),
            use_blended: flag("UseBlended"),
            include_refund: flag("IncludeRefund"),
            include_credit: flag("IncludeCredit"),
            include_upfront: flag("IncludeUpfront"),
            include_recurring: flag("IncludeRecurring"),
            include_other_subscription: flag("IncludeOtherSubscription"),
            include_support: flag("IncludeSupport"),
            include_discount: flag("IncludeDiscount"),
            use_amortized: flag("UseAmortized"),
        }),
        time_unit: budget.time_unit.as_str().to_owned(),
        time_period: Some(TimePeriod {
            start: Some(times::seconds(budget.life.start)),
            end: Some(times::seconds(budget.life.end)),
        }),
        calculated_spend: Some(CalculatedSpend {
            actual_spend: amount(spend.actual_e10),
            forecasted_spend: spend.forecast_e10.map(amount),
        }),
        budget_type: budget.kind.as_str().to_owned(),
        last_updated_time: Some(times::seconds(stored.updated_at)),
        cost_filters,
        filter_expression,
        metrics: (!stored.metrics.is_empty()).then_some(stored.metrics),
        budget_name: budget.name,
        ..shapes::Budget::default()
    }
}

pub(super) fn notification(said: &Notification, alarm: bool) -> shapes::Notification {
    let state = if alarm { "ALARM" } else { "OK" };
    shapes::Notification {
        notification_type: said.measure.as_str().to_owned(),
        comparison_operator: said.operator.as_str().to_owned(),
        // The API's own type for thresholds is a float.
        threshold: amount_text(said.threshold_e10).parse().unwrap_or_default(),
        threshold_type: Some(said.threshold_type.as_str().to_owned()),
        notification_state: Some(state.to_owned()),
    }
}

pub(super) fn subscriber(one: Subscriber) -> shapes::Subscriber {
    shapes::Subscriber {
        subscription_type: one.kind.as_str().to_owned(),
        address: one.address,
    }
}
