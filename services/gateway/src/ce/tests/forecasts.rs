use aws_model::ce::{GetCostForecastRequest, GetCostForecastResponse};

use super::*;
use crate::ce::forecast;

fn asked(granularity: &str, start: &str, end: &str) -> GetCostForecastRequest {
    GetCostForecastRequest {
        time_period: interval(start, end),
        metric: "UNBLENDED_COST".to_owned(),
        granularity: granularity.to_owned(),
        ..GetCostForecastRequest::default()
    }
}

async fn get(
    world: &World,
    input: GetCostForecastRequest,
) -> Result<GetCostForecastResponse, Fault> {
    forecast::get(world.call(ALICE), input).await
}

/// Two, four and six dollars on the days before the 23rd, 50 cents on it; the free million aside.
async fn spending() -> World {
    let world = World::new().await;
    world.app.store.seed_prices().await.unwrap();
    for (day, million) in [(20, 11), (21, 20), (22, 30)] {
        world
            .meter(
                ALICE,
                at(11, day, 7),
                &[("eu-west-1", "f", Sku::Requests, million * 1_000_000)],
            )
            .await;
    }
    world
        .meter(
            ALICE,
            at(11, 23, 9),
            &[("us-east-1", "f", Sku::Requests, 2_500_000)],
        )
        .await;
    world
}

#[tokio::test]
async fn the_days_behind_are_carried_on() {
    let world = spending().await;
    let answer = get(&world, asked("MONTHLY", "2026-11-23", "2026-12-03"))
        .await
        .unwrap();
    let total = answer.total.unwrap();
    assert_eq!(
        (total.amount.as_deref(), total.unit.as_deref()),
        (Some("40"), Some("USD"))
    );
    let results = answer.forecast_results_by_time.unwrap();
    let means: Vec<_> = results
        .iter()
        .map(|one| {
            (
                one.time_period.clone().unwrap().start,
                one.mean_value.clone().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        means,
        [
            ("2026-11-23".to_owned(), "32".to_owned()),
            ("2026-12-01".to_owned(), "8".to_owned())
        ]
    );
    let number = |text: &Option<String>| {
        domain::bill::budget::parse_amount(text.as_deref().unwrap()).unwrap()
    };
    for one in &results {
        let (lower, mean, upper) = (
            number(&one.prediction_interval_lower_bound),
            number(&one.mean_value),
            number(&one.prediction_interval_upper_bound),
        );
        assert!(lower < mean && mean < upper, "{one:?}");
    }
    let mut sure = asked("MONTHLY", "2026-11-23", "2026-12-03");
    sure.prediction_interval_level = Some(99);
    let wider = get(&world, sure)
        .await
        .unwrap()
        .forecast_results_by_time
        .unwrap();
    assert!(
        number(&wider[0].prediction_interval_upper_bound)
            > number(&results[0].prediction_interval_upper_bound)
    );
    let mut filtered = asked("DAILY", "2026-11-24", "2026-11-26");
    filtered.filter = Some(dimension("REGION", &["eu-west-1"]));
    let days = get(&world, filtered)
        .await
        .unwrap()
        .forecast_results_by_time
        .unwrap();
    assert_eq!(
        days.iter()
            .map(|one| one.mean_value.as_deref().unwrap())
            .collect::<Vec<_>>(),
        ["4", "4"]
    );
}

#[tokio::test]
async fn what_cannot_be_known_is_not_told() {
    let world = used().await;
    let check = async |input: GetCostForecastRequest, code: &str, text: &str| {
        refused(get(&world, input).await, code, text);
    };
    let invalid = "ValidationException";
    check(
        asked("HOURLY", "2026-11-23", "2026-11-24"),
        invalid,
        "HOURLY forecast",
    )
    .await;
    check(
        asked("DAILY", "2026-11-22", "2026-11-24"),
        invalid,
        "must start today or later",
    )
    .await;
    check(
        asked("DAILY", "2026-11-23", "2027-03-01"),
        invalid,
        "within 3 months",
    )
    .await;
    check(
        asked("MONTHLY", "2026-11-23", "2028-06-01"),
        invalid,
        "within 18 months",
    )
    .await;
    let mut usage = asked("DAILY", "2026-11-23", "2026-11-24");
    usage.metric = "USAGE_QUANTITY".to_owned();
    check(usage, invalid, "is invalid").await;
    let mut none = asked("DAILY", "2026-11-23", "2026-11-24");
    none.filter = Some(dimension("REGION", &["nowhere-1"]));
    check(
        none,
        "DataUnavailableException",
        "Insufficient amount of historical data",
    )
    .await;
}
