//! `CreateSubscriber`, `DeleteSubscriber`, `DescribeSubscribersForNotification`.

use aws_model::budgets::{
    CreateSubscriberRequest, CreateSubscriberResponse, DeleteSubscriberRequest,
    DeleteSubscriberResponse, DescribeSubscribersForNotificationRequest,
    DescribeSubscribersForNotificationResponse,
};
use wire::Fault;

use super::notification::named;
use super::{answer, faults, request};
use crate::call::Call;

pub(super) async fn create(
    cx: Call,
    input: CreateSubscriberRequest,
) -> Result<CreateSubscriberResponse, Fault> {
    let budget = named(
        &cx,
        &input.account_id,
        input.budget_name,
        "create subscriber",
    )?;
    let notification = request::notification(&input.notification)?;
    let subscriber = request::subscriber(&cx, input.subscriber)?;
    let store = &cx.app.store;
    let made = store.create_budget_subscriber(cx.account, &budget, &notification, &subscriber);
    made.await
        .map_err(|error| crate::internal(&error, &cx))?
        .map(|()| CreateSubscriberResponse {})
        .map_err(|refusal| faults::refused("create subscriber", &budget, refusal))
}

pub(super) async fn delete(
    cx: Call,
    input: DeleteSubscriberRequest,
) -> Result<DeleteSubscriberResponse, Fault> {
    let budget = named(
        &cx,
        &input.account_id,
        input.budget_name,
        "delete subscriber",
    )?;
    let notification = request::notification(&input.notification)?;
    let subscriber = request::subscriber(&cx, input.subscriber)?;
    let store = &cx.app.store;
    let deleted = store.delete_budget_subscriber(cx.account, &budget, &notification, &subscriber);
    deleted
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .map(|()| DeleteSubscriberResponse {})
        .map_err(|refusal| faults::refused("delete subscriber", &budget, refusal))
}

/// A notification has so few subscribers that all of them fit on a page.
pub(super) async fn list(
    cx: Call,
    input: DescribeSubscribersForNotificationRequest,
) -> Result<DescribeSubscribersForNotificationResponse, Fault> {
    let budget = named(&cx, &input.account_id, input.budget_name, "get subscribers")?;
    if input.next_token.is_some_and(|token| !token.is_empty()) {
        return Err(faults::bad_token());
    }
    let notification = request::notification(&input.notification)?;
    let found = cx
        .app
        .store
        .budget_subscribers(cx.account, &budget, &notification);
    let found = found
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .map_err(|refusal| faults::refused("get subscribers", &budget, refusal))?;
    Ok(DescribeSubscribersForNotificationResponse {
        subscribers: Some(found.into_iter().map(answer::subscriber).collect()),
        next_token: None,
    })
}
