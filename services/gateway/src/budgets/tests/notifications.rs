use aws_model::budgets::{
    CreateNotificationRequest, CreateSubscriberRequest, DeleteNotificationRequest,
    DeleteSubscriberRequest, DescribeSubscribersForNotificationRequest, UpdateNotificationRequest,
};

use super::*;
use crate::budgets::subscriber as subscriber_handlers;

async fn add(world: &World, threshold: f64, addresses: &[&str]) -> Result<(), Fault> {
    let input = CreateNotificationRequest {
        account_id: ACCOUNT.to_owned(),
        budget_name: "b".to_owned(),
        notification: percent(threshold),
        subscribers: addresses.iter().map(|one| subscriber(one)).collect(),
    };
    let made = notification_handlers::create(world.call(ALICE), input).await;
    made.map(|_| ())
}

async fn addresses(world: &World, threshold: f64) -> Result<Vec<String>, Fault> {
    let input = DescribeSubscribersForNotificationRequest {
        account_id: ACCOUNT.to_owned(),
        budget_name: "b".to_owned(),
        notification: percent(threshold),
        ..DescribeSubscribersForNotificationRequest::default()
    };
    let answer = subscriber_handlers::list(world.call(ALICE), input).await?;
    let list = answer.subscribers.unwrap().into_iter();
    Ok(list.map(|one| one.address).collect())
}

#[tokio::test]
async fn notifications_and_subscribers() {
    let world = world().await;
    refused(
        add(&world, 80.0, &["a@b"]).await,
        "NotFoundException",
        "the budget doesn't exist",
    );
    create(&world, monthly("b"), &[(80.5, &["a@b", FUNCTION])])
        .await
        .unwrap();
    add(&world, 100.0, &["https://example.org/x"])
        .await
        .unwrap();
    refused(
        add(&world, 100.0, &["a@b"]).await,
        "DuplicateRecordException",
        "the same already",
    );
    refused(
        add(&world, 90.0, &[]).await,
        "InvalidParameterException",
        "needs a subscriber",
    );
    let ok = |threshold| (threshold, "OK".to_owned());
    assert_eq!(states(&world, "b").await, [ok(80.5), ok(100.0)]);
    assert_eq!(addresses(&world, 80.5).await.unwrap(), ["a@b", FUNCTION]);
    refused(
        addresses(&world, 81.0).await,
        "NotFoundException",
        "no such notification",
    );

    let input = UpdateNotificationRequest {
        account_id: ACCOUNT.to_owned(),
        budget_name: "b".to_owned(),
        old_notification: percent(100.0),
        new_notification: percent(95.0),
    };
    notification_handlers::update(world.call(ALICE), input)
        .await
        .unwrap();
    assert_eq!(states(&world, "b").await, [ok(80.5), ok(95.0)]);

    let remove = async || {
        let input = DeleteNotificationRequest {
            account_id: ACCOUNT.to_owned(),
            budget_name: "b".to_owned(),
            notification: percent(95.0),
        };
        notification_handlers::delete(world.call(ALICE), input).await
    };
    remove().await.unwrap();
    refused(remove().await, "NotFoundException", "no such notification");
    assert_eq!(states(&world, "b").await, [ok(80.5)]);
}

#[tokio::test]
async fn subscribers_come_and_go() {
    let world = world().await;
    create(&world, monthly("b"), &[(95.0, &["https://example.org/x"])])
        .await
        .unwrap();
    let subscribe = async |address: &str| {
        let input = CreateSubscriberRequest {
            account_id: ACCOUNT.to_owned(),
            budget_name: "b".to_owned(),
            notification: percent(95.0),
            subscriber: subscriber(address),
        };
        subscriber_handlers::create(world.call(ALICE), input).await
    };
    subscribe("arn:aws:sns:us-east-1:111111111111:topic")
        .await
        .unwrap();
    refused(
        subscribe("arn:aws:sns:us-east-1:111111111111:topic").await,
        "DuplicateRecordException",
        "the same",
    );
    let invalid = "InvalidParameterException";
    refused(
        subscribe("ftp://example.org").await,
        invalid,
        "An SNS address is",
    );
    refused(subscribe("http://").await, invalid, "is not a URL");
    refused(
        subscribe("https://user:secret@example.org").await,
        invalid,
        "without a user",
    );
    refused(
        subscribe("arn:aws:lambda:eu-west-1:222222222222:function:f").await,
        invalid,
        "another account's function",
    );
    refused(
        subscribe(&format!("https://example.org/{}", "x".repeat(2_048))).await,
        invalid,
        "2048 bytes",
    );
    let unsubscribe = async |address: &str| {
        let input = DeleteSubscriberRequest {
            account_id: ACCOUNT.to_owned(),
            budget_name: "b".to_owned(),
            notification: percent(95.0),
            subscriber: subscriber(address),
        };
        subscriber_handlers::delete(world.call(ALICE), input).await
    };
    unsubscribe("arn:aws:sns:us-east-1:111111111111:topic")
        .await
        .unwrap();
    refused(
        unsubscribe("nobody@x").await,
        "NotFoundException",
        "no such subscriber",
    );
    refused(
        unsubscribe("https://example.org/x").await,
        invalid,
        "one subscriber at least",
    );
}
