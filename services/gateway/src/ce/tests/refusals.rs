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
async fn what_makes_no_sense_is_said() {
    let world = used().await;
    let check = async |change: fn(&mut GetCostAndUsageRequest), code: &str, text: &str| {
        let mut input = request("MONTHLY", "2026-11-01", "2026-12-01");
        change(&mut input);
        refused(get(&world, input).await, code, text);
    };
    let invalid = "ValidationException";
    check(
        |input| input.metrics.clear(),
        invalid,
        "At least one metric",
    )
    .await;
    check(
        |input| input.metrics.push("Cost".to_owned()),
        invalid,
        "Metric \"Cost\" is invalid",
    )
    .await;
    check(
        |input| input.group_by = Some(vec![by("TAG", "a"), by("TAG", "b"), by("TAG", "c")]),
        invalid,
        "two keys",
    )
    .await;
    check(
        |input| input.group_by = Some(vec![by("DIMENSION", "COLOUR")]),
        invalid,
        "COLOUR is not a dimension",
    )
    .await;
    check(
        |input| input.group_by = Some(vec![GroupDefinition::default()]),
        invalid,
        "Type and a Key",
    )
    .await;
    check(
        |input| input.filter = Some(Expression::default()),
        invalid,
        "exactly one of",
    )
    .await;
    check(
        |input| input.filter = Some(dimension("REGION", &[])),
        invalid,
        "need Values",
    )
    .await;
    check(
        |input| input.filter = Some(dimension("RIGHTSIZING_TYPE", &["x"])),
        invalid,
        "not a dimension",
    )
    .await;
    check(
        |input| input.filter = Some(tag("a", &["EQUALS", "CONTAINS"], &["x"])),
        invalid,
        "do not go together",
    )
    .await;
    check(
        |input| input.filter = Some(tag("a", &["GREATER_THAN_OR_EQUAL"], &["1"])),
        invalid,
        "are not served",
    )
    .await;
    check(
        |input| {
            input.filter = Some(Expression {
                or: Some(vec![]),
                ..Expression::default()
            })
        },
        invalid,
        "need operands",
    )
    .await;
    check(
        |input| input.filter = Some(dimension("REGION", &["x"; 1_001])),
        "LimitExceededException",
        "1000 conditions",
    )
    .await;
    let two = |input: &mut GetCostAndUsageRequest| {
        input.filter = Some(Expression {
            tags: tag("a", &[], &["b"]).tags,
            ..dimension("REGION", &["x"])
        });
    };
    check(two, invalid, "exactly one of").await;
    let view = "arn:aws:billing::222222222222:billingview/primary";
    let mut input = request("MONTHLY", "2026-11-01", "2026-12-01");
    input.billing_view_arn = Some(view.to_owned());
    refused(get(&world, input).await, "ResourceNotFoundException", view);
    let mut input = request("MONTHLY", "2026-11-01", "2026-12-01");
    input.billing_view_arn = Some("arn:aws:billing::111111111111:billingview/primary".to_owned());
    get(&world, input).await.unwrap();
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
