use domain::bill::rate;
use domain::bill::{Month, Statement};
use store::billing_terms::Books;

use super::*;
use crate::samples::BOB;

#[tokio::test]
async fn costs_by_month_day_and_hour() {
    let world = used().await;
    let answer = get(&world, request("MONTHLY", "2026-10-01", "2026-12-01"))
        .await
        .unwrap();
    // 2 million requests beyond the free ones; 100,000 GB-seconds beyond them. In November half a million and ten.
    let want = [
        "2026-10-01 total: 2.06667 USD, 3500000 N/A",
        "2026-11-01 total: 0.100002 USD, 1500017 N/A",
    ];
    assert_eq!(shown(&answer), want);
    let results = answer.results_by_time.unwrap();
    assert_eq!(
        [results[0].estimated, results[1].estimated],
        [Some(false), Some(true)]
    );
    assert_eq!(
        (answer.group_definitions, answer.next_page_token),
        (None, None)
    );

    let answer = get(&world, request("DAILY", "2026-11-19", "2026-11-21"))
        .await
        .unwrap();
    let want = [
        "2026-11-19 total: 0 USD, 0 N/A",
        "2026-11-20 total: 0.1 USD, 1500000 Requests",
    ];
    assert_eq!(shown(&answer), want);
    // An end is not part of the span, a start is; days within a month are no months of their own.
    let answer = get(&world, request("MONTHLY", "2026-10-31", "2026-11-20"))
        .await
        .unwrap();
    let want = [
        "2026-10-31 total: 1.66667 USD, 500000 Lambda-GB-Second",
        "2026-11-01 total: 0 USD, 0 N/A",
    ];
    assert_eq!(shown(&answer), want);
    let answer = get(
        &world,
        request("HOURLY", "2026-11-22T08:00:00Z", "2026-11-22T10:00:00Z"),
    )
    .await
    .unwrap();
    let want = [
        "2026-11-22T08:00:00Z total: 0 USD, 0 N/A",
        "2026-11-22T09:00:00Z total: 0.000002 USD, 17 N/A",
    ];
    assert_eq!(shown(&answer), want);
}

#[tokio::test]
async fn groups_take_the_place_of_totals() {
    let world = used().await;
    tagged(&world, "us-east-1", "a", "team", "core").await;
    let grouped = async |groups: Vec<GroupDefinition>| {
        let mut input = request("MONTHLY", "2026-10-01", "2026-11-01");
        input.group_by = Some(groups);
        shown(&get(&world, input).await.unwrap())
    };
    let dimension = |key: &str| by("DIMENSION", key);
    assert_eq!(
        grouped(vec![dimension("SERVICE"), dimension("USAGE_TYPE")]).await,
        [
            "2026-10-01 AWS Lambda EU-Lambda-GB-Second: 1.66667 USD, 500000 Lambda-GB-Second",
            "2026-10-01 AWS Lambda Request: 0.4 USD, 3000000 Requests",
        ]
    );
    assert_eq!(
        grouped(vec![by("TAG", "team"), dimension("REGION")]).await,
        [
            "2026-10-01 team$ eu-west-1: 1.66667 USD, 500000 Lambda-GB-Second",
            "2026-10-01 team$core us-east-1: 0.4 USD, 3000000 Requests",
        ]
    );
    assert_eq!(
        grouped(vec![
            dimension("INSTANCE_TYPE"),
            dimension("LINKED_ACCOUNT")
        ])
        .await,
        ["2026-10-01 NoInstanceType 111111111111: 2.06667 USD, 3500000 N/A"]
    );
    // A month without usage has neither groups nor a total.
    let mut input = request("MONTHLY", "2026-08-01", "2026-09-01");
    input.group_by = Some(vec![dimension("SERVICE")]);
    assert_eq!(
        shown(&get(&world, input).await.unwrap()),
        ["2026-08-01 nothing"]
    );
}

#[tokio::test]
async fn filters_choose_charges() {
    let world = used().await;
    tagged(&world, "us-east-1", "a", "team", "core").await;
    let october = async |filter: Expression| {
        let mut input = request("MONTHLY", "2026-10-01", "2026-11-01");
        input.filter = Some(filter);
        shown(&get(&world, input).await.unwrap()).remove(0)
    };
    let requests = "2026-10-01 total: 0.4 USD, 3000000 Requests";
    let compute = "2026-10-01 total: 1.66667 USD, 500000 Lambda-GB-Second";
    let nothing = "2026-10-01 total: 0 USD, 0 N/A";
    assert_eq!(
        october(dimension("REGION", &["us-east-1", "ap-east-1"])).await,
        requests
    );
    assert_eq!(october(dimension("REGION", &["nowhere-1"])).await, nothing);
    assert_eq!(october(tag("team", &[], &["core"])).await, requests);
    assert_eq!(october(tag("team", &["ABSENT"], &[])).await, compute);
    assert_eq!(
        october(tag("team", &["EQUALS", "CASE_INSENSITIVE"], &["CORE"])).await,
        requests
    );
    let not = Expression {
        not: Some(Box::new(dimension("USAGE_TYPE", &["Request"]))),
        ..Expression::default()
    };
    assert_eq!(october(not.clone()).await, compute);
    let both = |list| Expression {
        and: Some(list),
        ..Expression::default()
    };
    assert_eq!(
        october(both(vec![not, dimension("SERVICE", &["AWS Lambda"])])).await,
        compute
    );
    let either = Expression {
        or: Some(vec![
            dimension("REGION", &["eu-west-1"]),
            tag("team", &[], &["core"]),
        ]),
        ..Expression::default()
    };
    assert_eq!(
        october(either).await,
        "2026-10-01 total: 2.06667 USD, 3500000 N/A"
    );
}

/// The rows of reports are those of the bill: whatever they are put together by, they add up to what was accrued.
#[tokio::test]
async fn groups_add_up_to_the_bill() {
    let world = used().await;
    let account = AccountId::new(ALICE).unwrap();
    let month = Month::of(at(10, 1, 0));
    let store = &world.app.store;
    let (terms, book) = store
        .account_book(account, &Books::default())
        .await
        .unwrap();
    let usage = store.month_usage(account, month).await.unwrap();
    let rated = rate(&book, terms.allowance(), usage).unwrap();
    let accrued: i128 = rated.statements.iter().map(Statement::accrued_e10).sum();
    for key in ["REGION", "USAGE_TYPE", "RESOURCE_ID", "RECORD_TYPE"] {
        let mut input = request("DAILY", "2026-10-01", "2026-11-01");
        input.group_by = Some(vec![by("DIMENSION", key)]);
        let answer = get(&world, input).await.unwrap();
        let results = answer.results_by_time.unwrap();
        let groups = results.iter().flat_map(|one| one.groups.as_ref().unwrap());
        let amounts = groups.map(|group| {
            let amount = group.metrics.as_ref().unwrap()["UnblendedCost"]
                .amount
                .clone();
            domain::bill::budget::parse_amount(&amount.unwrap()).unwrap()
        });
        assert_eq!(amounts.sum::<i128>(), accrued, "{key}");
    }
}

#[tokio::test]
async fn accounts_see_their_own() {
    let world = used().await;
    let input = request("MONTHLY", "2026-10-01", "2026-11-01");
    let answer = cost_and_usage::get(world.call(BOB), input).await.unwrap();
    assert_eq!(shown(&answer), ["2026-10-01 total: 0 USD, 0 N/A"]);
}

#[tokio::test]
async fn every_metric_has_its_amount() {
    let world = used().await;
    let mut input = request("MONTHLY", "2026-10-01", "2026-11-01");
    let names = [
        "BLENDED_COST",
        "NetAmortizedCost",
        "AmortizedCost",
        "NetUnblendedCost",
        "NormalizedUsageAmount",
        "UnblendedCost",
        "UsageQuantity",
    ];
    input.metrics = names.iter().map(|name| (*name).to_owned()).collect();
    let answer = get(&world, input).await.unwrap();
    let total = answer.results_by_time.unwrap()[0].total.clone().unwrap();
    let shown: Vec<_> = total
        .iter()
        .map(|(name, value)| (name.as_str(), value.amount.as_deref().unwrap()))
        .collect();
    let cost = "2.06667";
    let want = [
        ("AmortizedCost", cost),
        ("BlendedCost", cost),
        ("NetAmortizedCost", cost),
        ("NetUnblendedCost", cost),
        ("NormalizedUsageAmount", "0"),
        ("UnblendedCost", cost),
        ("UsageQuantity", "3500000"),
    ];
    assert_eq!(shown, want);
}

#[tokio::test]
async fn many_groups_come_in_pages() {
    let world = used().await;
    let names: Vec<String> = (0..5_001).map(|number| format!("f{number:04}")).collect();
    let usage: Vec<_> = names
        .iter()
        .map(|name| ("eu-west-1", name.as_str(), Sku::Requests, 1))
        .collect();
    world.meter(ALICE, at(11, 3, 0), &usage).await;
    let ask = |token: Option<String>| {
        let mut input = request("MONTHLY", "2026-11-01", "2026-12-01");
        input.group_by = Some(vec![by("DIMENSION", "RESOURCE_ID")]);
        input.next_page_token = token;
        input
    };
    let first = get(&world, ask(None)).await.unwrap();
    let token = first.next_page_token.clone();
    assert!(token.is_some());
    let second = get(&world, ask(token.clone())).await.unwrap();
    assert_eq!(second.next_page_token, None);
    let (first, second) = (shown(&first), shown(&second));
    // `a` and `b` besides.
    assert_eq!((first.len(), second.len()), (5_000, 3));
    assert!(second.iter().all(|line| !first.contains(line)));
    let mut other = ask(token);
    other.metrics.pop();
    refused(
        get(&world, other).await,
        "RequestChangedException",
        "another request",
    );
    refused(
        get(&world, ask(Some("x".to_owned()))).await,
        "InvalidNextTokenException",
        "not one",
    );
}
