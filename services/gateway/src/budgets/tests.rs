//! Handlers, called as the wire calls them, and the watch, over a real database, metered usage and a real web server.

mod budgets;
mod notifications;
mod plans;
mod watching;

use std::collections::BTreeMap;
use std::fmt::Debug;

use aws_model::budgets::{
    Budget, CreateBudgetRequest, DescribeBudgetRequest, DescribeNotificationsForBudgetRequest,
    Notification, NotificationWithSubscribers, Spend, Subscriber,
};
use wire::Fault;

use super::{budget as handlers, notification as notification_handlers};
use crate::samples::{ALICE, World};

const ACCOUNT: &str = "111111111111";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111111111111:function:told";

async fn world() -> World {
    let world = World::new().await;
    world.app.store.seed_prices().await.unwrap();
    world
}

/// Ten dollars a month.
fn monthly(name: &str) -> Budget {
    Budget {
        budget_name: name.to_owned(),
        budget_limit: Some(Spend {
            amount: "10".to_owned(),
            unit: "USD".to_owned(),
        }),
        time_unit: "MONTHLY".to_owned(),
        budget_type: "COST".to_owned(),
        ..Budget::default()
    }
}

fn percent(threshold: f64) -> Notification {
    Notification {
        notification_type: "ACTUAL".to_owned(),
        comparison_operator: "GREATER_THAN".to_owned(),
        threshold,
        threshold_type: None,
        notification_state: None,
    }
}

fn subscriber(address: &str) -> Subscriber {
    let is_mail = address.contains('@') && !address.starts_with("http");
    let kind = if is_mail { "EMAIL" } else { "SNS" };
    Subscriber {
        subscription_type: kind.to_owned(),
        address: address.to_owned(),
    }
}

fn creation(budget: Budget, told: &[(f64, &[&str])]) -> CreateBudgetRequest {
    let notification = |(threshold, addresses): &(f64, &[&str])| NotificationWithSubscribers {
        notification: percent(*threshold),
        subscribers: addresses.iter().map(|one| subscriber(one)).collect(),
    };
    CreateBudgetRequest {
        account_id: ACCOUNT.to_owned(),
        budget,
        notifications_with_subscribers: Some(told.iter().map(notification).collect()),
        resource_tags: None,
    }
}

async fn create(world: &World, budget: Budget, told: &[(f64, &[&str])]) -> Result<(), Fault> {
    let made = handlers::create(world.call(ALICE), creation(budget, told)).await;
    made.map(|_| ())
}

async fn described(world: &World, name: &str) -> Result<Budget, Fault> {
    let input = DescribeBudgetRequest {
        account_id: ACCOUNT.to_owned(),
        budget_name: name.to_owned(),
        show_filter_expression: None,
    };
    let answer = handlers::describe(world.call(ALICE), input).await?;
    Ok(answer.budget.unwrap())
}

/// Thresholds and states of a budget's notifications.
async fn states(world: &World, name: &str) -> Vec<(f64, String)> {
    let input = DescribeNotificationsForBudgetRequest {
        account_id: ACCOUNT.to_owned(),
        budget_name: name.to_owned(),
        ..DescribeNotificationsForBudgetRequest::default()
    };
    let answer = notification_handlers::list(world.call(ALICE), input).await;
    let list = answer.unwrap().notifications.unwrap();
    list.into_iter()
        .map(|one| (one.threshold, one.notification_state.unwrap()))
        .collect()
}

fn filters(name: &str, values: &[&str]) -> BTreeMap<String, Vec<String>> {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    BTreeMap::from([(name.to_owned(), values)])
}

#[track_caller]
fn refused<T: Debug>(result: Result<T, Fault>, code: &str, text: &str) {
    let fault = result.expect_err("this should be refused");
    assert_eq!((fault.status(), fault.code()), (400, code), "{fault}");
    assert!(fault.message().contains(text), "{fault}");
}
