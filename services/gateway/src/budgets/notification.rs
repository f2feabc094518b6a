//! `CreateNotification`, `UpdateNotification`, `DeleteNotification`, `DescribeNotificationsForBudget`.

use aws_model::budgets::{
    CreateNotificationRequest, CreateNotificationResponse, DeleteNotificationRequest,
    DeleteNotificationResponse, DescribeNotificationsForBudgetRequest,
    DescribeNotificationsForBudgetResponse, UpdateNotificationRequest, UpdateNotificationResponse,
};
use wire::Fault;

use super::{answer, faults, request};
use crate::call::Call;

pub(super) async fn create(
    cx: Call,
    input: CreateNotificationRequest,
) -> Result<CreateNotificationResponse, Fault> {
    let budget = named(
        &cx,
        &input.account_id,
        input.budget_name,
        "create notification",
    )?;
    let new = request::new_notification(&cx, &input.notification, input.subscribers)?;
    let made = cx
        .app
        .store
        .create_budget_notification(cx.account, &budget, &new);
    made.await
        .map_err(|error| crate::internal(&error, &cx))?
        .map(|()| CreateNotificationResponse {})
        .map_err(|refusal| faults::refused("create notification", &budget, refusal))
}

pub(super) async fn update(
    cx: Call,
    input: UpdateNotificationRequest,
) -> Result<UpdateNotificationResponse, Fault> {
    let budget = named(
        &cx,
        &input.account_id,
        input.budget_name,
        "update notification",
    )?;
    let old = request::notification(&input.old_notification)?;
    let new = request::notification(&input.new_notification)?;
    let updated = cx
        .app
        .store
        .update_budget_notification(cx.account, &budget, &old, &new);
    updated
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .map(|()| UpdateNotificationResponse {})
        .map_err(|refusal| faults::refused("update notification", &budget, refusal))
}

pub(super) async fn delete(
    cx: Call,
    input: DeleteNotificationRequest,
) -> Result<DeleteNotificationResponse, Fault> {
    let budget = named(
        &cx,
        &input.account_id,
        input.budget_name,
        "delete notification",
    )?;
    let said = request::notification(&input.notification)?;
    let deleted = cx
        .app
        .store
        .delete_budget_notification(cx.account, &budget, &said);
    deleted
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .map(|()| DeleteNotificationResponse {})
        .map_err(|refusal| faults::refused("delete notification", &budget, refusal))
}

/// A budget has so few notifications that all of them fit on a page.
pub(super) async fn list(
    cx: Call,
    input: DescribeNotificationsForBudgetRequest,
) -> Result<DescribeNotificationsForBudgetResponse, Fault> {
    let what = "get notifications";
    let budget = named(&cx, &input.account_id, input.budget_name, what)?;
    if input.next_token.is_some_and(|token| !token.is_empty()) {
        return Err(faults::bad_token());
    }
    let internal = |error| crate::internal(&error, &cx);
    let store = &cx.app.store;
    let missing = || faults::no_budget(what, &budget);
    let stored = store.budget(cx.account, &budget).await.map_err(internal)?;
    let period = stored
        .ok_or_else(missing)?
        .budget
        .period(cx.app.clock.now());
    let period = period.map(|period| period.start);
    let found = store
        .budget_notifications(cx.account, &budget, period)
        .await;
    let found = found.map_err(internal)?.ok_or_else(missing)?;
    let shown = found
        .iter()
        .map(|one| answer::notification(&one.notification, one.alarm));
    Ok(DescribeNotificationsForBudgetResponse {
        notifications: Some(shown.collect()),
        next_token: None,
    })
}

/// The budget that a request names, if there can be one.
pub(super) fn named(cx: &Call, account: &str, budget: String, what: &str) -> Result<String, Fault> {
    request::check_account(cx, account)?;
    if budget.contains('\0') {
        return Err(faults::no_budget(what, &budget));
    }
    Ok(budget)
}
