use super::*;

#[tokio::test]
async fn spans_are_checked() {
    let world = used().await;
    let check = async |granularity: &str, start: &str, end: &str, text: &str| {
        refused(
            get(&world, request(granularity, start, end)).await,
            "ValidationException",
            text,
        );
    };
    let order = "Start date (and hour) should be before end date (and hour)";
    check("DAILY", "2026-11-02", "2026-11-02", order).await;
    check("DAILY", "2026-11-03", "2026-11-02", order).await;
    check(
        "DAILY",
        "2026-11-03",
        "2026-12-02",
        "end date past the beginning of next month",
    )
    .await;
    check(
        "DAILY",
        "2026-11-24",
        "2026-11-30",
        "must not be later than today",
    )
    .await;
    check(
        "DAILY",
        "2026-13-01",
        "2026-14-01",
        "2026-13-01 is not a date",
    )
    .await;
    check(
        "DAILY",
        "2026-11-01T00:00:00Z",
        "2026-11-02",
        "Hourly timePeriod is not supported for this request",
    )
    .await;
    check(
        "HOURLY",
        "2026-11-22T00:30:00Z",
        "2026-11-23",
        "no hour of one",
    )
    .await;
    check("HOURLY", "2026-11-08", "2026-11-09", "past 14 days only").await;
    check(
        "MONTHLY",
        "2025-09-02",
        "2025-10-01",
        "needs to be the first day of the month",
    )
    .await;
    check(
        "DAILY",
        "2025-09-01",
        "2025-10-01",
        "Daily data is available for the past 14 months only",
    )
    .await;
    check("MONTHLY", "2023-09-01", "2023-10-01", "past 38 months only").await;
    for (granularity, start, end) in [
        ("HOURLY", "2026-11-09", "2026-11-10"),
        ("DAILY", "2026-11-23", "2026-11-24"),
        ("DAILY", "2025-10-01", "2025-10-02"),
        ("MONTHLY", "2023-10-01", "2026-12-01"),
    ] {
        get(&world, request(granularity, start, end)).await.unwrap();
    }
}

#[tokio::test]
async fn metrics_groups_and_views_are_checked() {
    let world = used().await;
    let check = async |input, code: &str, text: &str| refused(get(&world, input).await, code, text);
    let invalid = "ValidationException";
    let month = || request("MONTHLY", "2026-11-01", "2026-12-01");
    let metrics = |names: &[&str]| GetCostAndUsageRequest {
        metrics: names.iter().map(|name| (*name).to_owned()).collect(),
        ..month()
    };
    check(metrics(&[]), invalid, "At least one metric").await;
    check(
        metrics(&["UnblendedCost", "Cost"]),
        invalid,
        "Metric \"Cost\" is invalid",
    )
    .await;
    let grouped = |groups| GetCostAndUsageRequest {
        group_by: Some(groups),
        ..month()
    };
    let three = vec![by("TAG", "a"), by("TAG", "b"), by("TAG", "c")];
    check(grouped(three), invalid, "two keys").await;
    check(
        grouped(vec![by("DIMENSION", "COLOUR")]),
        invalid,
        "COLOUR is not a dimension",
    )
    .await;
    check(
        grouped(vec![GroupDefinition::default()]),
        invalid,
        "Type and a Key",
    )
    .await;
    let view = |account: &str| GetCostAndUsageRequest {
        billing_view_arn: Some(format!("arn:aws:billing::{account}:billingview/primary")),
        ..month()
    };
    check(
        view("222222222222"),
        "ResourceNotFoundException",
        "no billing view",
    )
    .await;
    get(&world, view("111111111111")).await.unwrap();
}

#[tokio::test]
async fn filters_are_checked() {
    let world = used().await;
    let none = Expression {
        or: Some(vec![]),
        ..Expression::default()
    };
    let two = Expression {
        tags: tag("a", &[], &["b"]).tags,
        ..dimension("REGION", &["x"])
    };
    let invalid = "ValidationException";
    let cases = [
        (Expression::default(), invalid, "exactly one of"),
        (two, invalid, "exactly one of"),
        (none, invalid, "need operands"),
        (dimension("REGION", &[]), invalid, "need Values"),
        (
            dimension("RIGHTSIZING_TYPE", &["x"]),
            invalid,
            "not a dimension",
        ),
        (
            tag("a", &["EQUALS", "CONTAINS"], &["x"]),
            invalid,
            "do not go together",
        ),
        (
            tag("a", &["GREATER_THAN_OR_EQUAL"], &["1"]),
            invalid,
            "are not served",
        ),
        (
            dimension("REGION", &["x"; 1_001]),
            "LimitExceededException",
            "1000 conditions",
        ),
    ];
    for (filter, code, text) in cases {
        let mut input = request("MONTHLY", "2026-11-01", "2026-12-01");
        input.filter = Some(filter);
        refused(get(&world, input).await, code, text);
    }
}

/// Regions of China are charged in their own currency.
#[tokio::test]
async fn currencies_are_not_added() {
    let world = used().await;
    world
        .meter(
            ALICE,
            at(11, 2, 0),
            &[("cn-north-1", "a", Sku::Requests, 2_000_000)],
        )
        .await;
    let input = request("MONTHLY", "2026-11-01", "2026-12-01");
    refused(
        get(&world, input.clone()).await,
        "DataUnavailableException",
        "CNY and USD",
    );
    let mut chinese = input.clone();
    chinese.filter = Some(dimension("REGION", &["cn-north-1"]));
    let shown = shown(&get(&world, chinese).await.unwrap()).remove(0);
    assert!(shown.contains(" CNY, 2000000 Requests"), "{shown}");
    // Usage has no currency.
    let mut usage = input;
    usage.metrics = vec!["UsageQuantity".to_owned()];
    get(&world, usage).await.unwrap();
}
