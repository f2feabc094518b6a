//! Handlers, called as the wire calls them, over a real database and metered usage.

mod costs;
mod forecasts;
mod refusals;
mod values;

use std::fmt::Debug;

use aws_model::ce::{
    DateInterval, DimensionValues, Expression, GetCostAndUsageRequest, GetCostAndUsageResponse,
    GroupDefinition, TagValues,
};
use base64::Engine as _;
use chrono::{DateTime, TimeZone, Utc};
use domain::price::Sku;
use domain::{AccountId, Architecture};
use wire::Fault;

use super::cost_and_usage;
use crate::samples::{ALICE, World, zip};

const GB_S: i128 = 1_024_000;
const X86: Sku = Sku::Duration(Architecture::X86_64);

/// What October and November have: the world's time is the 23rd of November, 10:00.
async fn used() -> World {
    let world = World::new().await;
    world.app.store.seed_prices().await.unwrap();
    let (east, west) = ("us-east-1", "eu-west-1");
    // The free tier of October is used up by the first of these, but for 1 GB-second.
    world
        .meter(
            ALICE,
            at(10, 30, 5),
            &[(east, "a", Sku::Requests, 3_000_000)],
        )
        .await;
    world
        .meter(ALICE, at(10, 31, 23), &[(west, "b", X86, 500_000 * GB_S)])
        .await;
    world
        .meter(
            ALICE,
            at(11, 20, 7),
            &[(east, "a", Sku::Requests, 1_500_000)],
        )
        .await;
    world
        .meter(
            ALICE,
            at(11, 22, 9),
            &[(west, "b", Sku::Requests, 10), (west, "b", X86, 7 * GB_S)],
        )
        .await;
    world
}

fn at(month: u32, day: u32, hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, month, day, hour, 0, 0).unwrap()
}

fn interval(start: &str, end: &str) -> DateInterval {
    DateInterval {
        start: start.to_owned(),
        end: end.to_owned(),
    }
}

fn request(granularity: &str, start: &str, end: &str) -> GetCostAndUsageRequest {
    GetCostAndUsageRequest {
        time_period: interval(start, end),
        granularity: granularity.to_owned(),
        metrics: vec!["UnblendedCost".to_owned(), "UsageQuantity".to_owned()],
        ..GetCostAndUsageRequest::default()
    }
}

async fn get(
    world: &World,
    input: GetCostAndUsageRequest,
) -> Result<GetCostAndUsageResponse, Fault> {
    cost_and_usage::get(world.call(ALICE), input).await
}

/// Results in short: start, what the group is (or `total`), cost and unit, usage and unit.
fn shown(answer: &GetCostAndUsageResponse) -> Vec<String> {
    let mut lines = Vec::new();
    for result in answer.results_by_time.as_ref().unwrap() {
        let start = &result.time_period.as_ref().unwrap().start;
        let total = result.total.as_ref().unwrap();
        let groups = result.groups.as_ref().unwrap();
        if total.is_empty() && groups.is_empty() {
            lines.push(format!("{start} nothing"));
        }
        let total = Some(("total".to_owned(), total)).filter(|(_, total)| !total.is_empty());
        let groups = groups.iter().map(|group| {
            let keys = group.keys.as_ref().unwrap().join(" ");
            (keys, group.metrics.as_ref().unwrap())
        });
        for (name, metrics) in total.into_iter().chain(groups) {
            let value = |metric: &str| {
                let value = &metrics[metric];
                let (amount, unit) = (value.amount.as_ref(), value.unit.as_ref());
                format!("{} {}", amount.unwrap(), unit.unwrap())
            };
            let (cost, usage) = (value("UnblendedCost"), value("UsageQuantity"));
            lines.push(format!("{start} {name}: {cost}, {usage}"));
        }
    }
    lines
}

fn by(kind: &str, key: &str) -> GroupDefinition {
    GroupDefinition {
        r#type: Some(kind.to_owned()),
        key: Some(key.to_owned()),
    }
}

fn dimension(key: &str, values: &[&str]) -> Expression {
    Expression {
        dimensions: Some(DimensionValues {
            key: Some(key.to_owned()),
            values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
            match_options: None,
        }),
        ..Expression::default()
    }
}

fn tag(key: &str, options: &[&str], values: &[&str]) -> Expression {
    let list = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
    Expression {
        tags: Some(TagValues {
            key: Some(key.to_owned()),
            values: list(values),
            match_options: list(options),
        }),
        ..Expression::default()
    }
}

/// Makes a function with a tag.
async fn tagged(world: &World, region: &str, name: &str, key: &str, value: &str) {
    let zip = base64::engine::general_purpose::STANDARD.encode(zip("f.py", "print(1)"));
    let body = serde_json::json!({
        "FunctionName": name,
        "Runtime": "python3.11",
        "Handler": "f.handler",
        "Role": "arn:aws:iam::111111111111:role/r",
        "Code": {"ZipFile": zip},
        "Tags": {key: value},
    });
    let request = http::Request::post("/2015-03-31/functions").body(body.to_string().into());
    let mut call = world.call(ALICE);
    call.region = region.parse().unwrap();
    let answer = crate::lambda::service()
        .serve(call, "1", request.unwrap())
        .await;
    assert_eq!(answer.status(), 201, "{:?}", answer.body());
}

#[track_caller]
fn refused<T: Debug>(result: Result<T, Fault>, code: &str, text: &str) {
    let fault = result.expect_err("this should be refused");
    assert_eq!((fault.status(), fault.code()), (400, code), "{fault}");
    assert!(fault.message().contains(text), "{fault}");
}
