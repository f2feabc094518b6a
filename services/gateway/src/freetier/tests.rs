//! Over a real database and metered usage.

use aws_model::freetier::{DimensionValues, Expression, FreeTierUsage, GetFreeTierUsageRequest};
use chrono::{TimeDelta, TimeZone, Utc};
use domain::price::Sku;
use domain::{AccountId, Architecture};
use store::billing_terms::Terms;
use wire::Fault;

use super::usage;
use crate::samples::{ALICE, BOB, World, now};

/// On the 20th a million requests and 30,720 GB-seconds of either architecture, in two regions; on the 23rd nothing yet.
async fn used() -> World {
    let world = World::new().await;
    world.app.store.seed_prices().await.unwrap();
    let at = Utc.with_ymd_and_hms(2026, 11, 22, 7, 0, 0).unwrap();
    let gb_s = 1_024_000;
    let usage = [
        ("us-east-1", "f", Sku::Requests, 900_000),
        ("eu-west-1", "f", Sku::Requests, 100_000),
        (
            "us-east-1",
            "f",
            Sku::Duration(Architecture::X86_64),
            10_000 * gb_s,
        ),
        (
            "eu-west-1",
            "f",
            Sku::Duration(Architecture::Arm64),
            20_000 * gb_s,
        ),
        ("eu-west-1", "f", Sku::EphemeralStorage, 5 * gb_s),
    ];
    world.meter(ALICE, at, &usage).await;
    world
}

async fn get(
    world: &World,
    account: u64,
    input: GetFreeTierUsageRequest,
) -> Result<(Vec<FreeTierUsage>, Option<String>), Fault> {
    let answer = usage::get(world.call(account), input).await?;
    Ok((answer.free_tier_usages, answer.next_token))
}

fn filtered(key: &str, option: &str, value: &str) -> GetFreeTierUsageRequest {
    GetFreeTierUsageRequest {
        filter: Some(Expression {
            dimensions: Some(DimensionValues {
                key: key.to_owned(),
                values: vec![value.to_owned()],
                match_options: vec![option.to_owned()],
            }),
            ..Expression::default()
        }),
        ..GetFreeTierUsageRequest::default()
    }
}

#[tokio::test]
async fn both_offers_with_what_is_used_of_them() {
    let world = used().await;
    let (offers, next) = get(&world, ALICE, GetFreeTierUsageRequest::default())
        .await
        .unwrap();
    assert_eq!(next, None);
    let short: Vec<_> = offers
        .iter()
        .map(|one| {
            let text = |text: &Option<String>| text.clone().unwrap();
            let figures = [
                one.actual_usage_amount,
                one.forecasted_usage_amount,
                one.limit,
            ];
            (
                text(&one.usage_type),
                text(&one.unit),
                text(&one.region),
                figures.map(Option::unwrap),
            )
        })
        .collect();
    // One full day is known; the 23rd to the 30th will be like it.
    let want = |usage_type: &str, unit: &str, figures| {
        (
            usage_type.to_owned(),
            unit.to_owned(),
            "global".to_owned(),
            figures,
        )
    };
    assert_eq!(
        short,
        [
            want(
                "Global-Lambda-GB-Second",
                "Lambda-GB-Second",
                [30_000.0, 270_000.0, 400_000.0]
            ),
            want(
                "Global-Request",
                "Requests",
                [1_000_000.0, 9_000_000.0, 1_000_000.0]
            ),
        ]
    );
    // Another month, another allowance; another account too.
    let (offers, _) = get(&world, BOB, GetFreeTierUsageRequest::default())
        .await
        .unwrap();
    assert!(
        offers
            .iter()
            .all(|one| one.actual_usage_amount == Some(0.0))
    );
    world.clock.advance(TimeDelta::days(10));
    let (offers, _) = get(&world, ALICE, GetFreeTierUsageRequest::default())
        .await
        .unwrap();
    assert!(
        offers
            .iter()
            .all(|one| one.actual_usage_amount == Some(0.0))
    );
}

#[tokio::test]
async fn an_account_without_free_tier_has_no_offer() {
    let world = used().await;
    let terms = Terms {
        free_tier: false,
        ..Terms::default()
    };
    let account = AccountId::new(ALICE).unwrap();
    world
        .app
        .store
        .set_billing_terms(account, &terms, now())
        .await
        .unwrap();
    let (offers, _) = get(&world, ALICE, GetFreeTierUsageRequest::default())
        .await
        .unwrap();
    assert_eq!(offers, []);
}

#[tokio::test]
async fn offers_are_filtered_and_paged() {
    let world = used().await;
    let names = async |input| -> Vec<String> {
        let (offers, _) = get(&world, ALICE, input).await.unwrap();
        offers
            .into_iter()
            .filter_map(|one| one.usage_type)
            .collect()
    };
    let (compute, requests) = ("Global-Lambda-GB-Second", "Global-Request");
    assert_eq!(
        names(filtered("USAGE_TYPE", "EQUALS", requests)).await,
        [requests]
    );
    assert_eq!(
        names(filtered("USAGE_TYPE", "STARTS_WITH", "Global-L")).await,
        [compute]
    );
    assert_eq!(
        names(filtered("DESCRIPTION", "CONTAINS", "compute")).await,
        [compute]
    );
    assert_eq!(
        names(filtered("REGION", "EQUALS", "us-east-1")).await,
        Vec::<String>::new()
    );
    assert_eq!(
        names(filtered("USAGE_PERCENTAGE", "GREATER_THAN_OR_EQUAL", "7.5")).await,
        [compute, requests]
    );
    assert_eq!(
        names(filtered("USAGE_PERCENTAGE", "GREATER_THAN_OR_EQUAL", "7.6")).await,
        [requests]
    );
    let not = GetFreeTierUsageRequest {
        filter: Some(Expression {
            not: filtered("USAGE_TYPE", "EQUALS", requests)
                .filter
                .map(Box::new),
            ..Expression::default()
        }),
        ..GetFreeTierUsageRequest::default()
    };
    assert_eq!(names(not).await, [compute]);
    let page = |token| GetFreeTierUsageRequest {
        max_results: Some(1),
        next_token: token,
        ..GetFreeTierUsageRequest::default()
    };
    let (first, token) = get(&world, ALICE, page(None)).await.unwrap();
    let (second, end) = get(&world, ALICE, page(token)).await.unwrap();
    let both = [&first[0].usage_type, &second[0].usage_type].map(|name| name.clone().unwrap());
    assert_eq!(
        (both, end),
        ([compute.to_owned(), requests.to_owned()], None)
    );
    for (bad, text) in [
        (
            filtered("USAGE_PERCENTAGE", "EQUALS", "7"),
            "goes with USAGE_PERCENTAGE",
        ),
        (
            filtered("USAGE_PERCENTAGE", "GREATER_THAN_OR_EQUAL", "many"),
            "compared with a number",
        ),
        (page(Some("?".to_owned())), "nextToken"),
    ] {
        let fault = get(&world, ALICE, bad).await.unwrap_err();
        assert_eq!(fault.code(), "ValidationException");
        assert!(fault.message().contains(text), "{fault}");
    }
}
