//! Filter expressions and planned limits.

use aws_model::budgets::{Expression, ExpressionDimensionValues, TagValues};
use chrono::{DateTime, Months, TimeDelta, TimeZone, Utc};
use domain::price::Sku;

use super::super::watch;
use super::*;
use crate::samples::now;

fn by_region(regions: &[&str], options: &[&str]) -> Expression {
    let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    Expression {
        dimensions: Some(ExpressionDimensionValues {
            key: "REGION".to_owned(),
            values: texts(regions),
            match_options: (!options.is_empty()).then(|| texts(options)),
        }),
        ..Expression::default()
    }
}

fn expressed(budget: &Budget, expression: Expression) -> Budget {
    Budget {
        filter_expression: Some(expression),
        ..budget.clone()
    }
}

/// With the limits of periods `months` long, the first at `from`: 1, 2, 3 ...
fn planned(budget: &Budget, from: DateTime<Utc>, months: u32, count: u32) -> Budget {
    let limit = |number: u32| {
        let start = from + Months::new(number * months);
        let limit = Spend {
            amount: format!("{}.5", number + 1),
            unit: "USD".to_owned(),
        };
        (start.timestamp().to_string(), limit)
    };
    Budget {
        budget_limit: None,
        planned_budget_limits: Some((0..count).map(limit).collect()),
        ..budget.clone()
    }
}

fn first_of(month: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, month, 1, 0, 0, 0).unwrap()
}

#[tokio::test]
async fn an_expression_says_what_is_watched() {
    let world = world().await;
    for (region, quantity) in [
        ("eu-west-1", 6_000_000),
        ("eu-central-1", 5_000_000),
        ("us-east-1", 20_000_000),
    ] {
        world
            .meter(ALICE, now(), &[(region, "f", Sku::Requests, quantity)])
            .await;
    }
    let shown = async |expression: Option<bool>| {
        let input = DescribeBudgetRequest {
            account_id: ACCOUNT.to_owned(),
            budget_name: "b".to_owned(),
            show_filter_expression: expression,
        };
        let answer = handlers::describe(world.call(ALICE), input).await.unwrap();
        answer.budget.unwrap()
    };
    let absent_tag = Expression {
        tags: Some(TagValues {
            key: Some("team".to_owned()),
            values: Some(vec![]),
            match_options: Some(vec!["ABSENT".to_owned()]),
        }),
        ..Expression::default()
    };
    let elsewhere = Expression {
        not: Some(Box::new(by_region(
            &["US-"],
            &["STARTS_WITH", "CASE_INSENSITIVE"],
        ))),
        ..Expression::default()
    };
    let both = Expression {
        and: Some(vec![absent_tag, elsewhere]),
        ..Expression::default()
    };
    let budget = Budget {
        metrics: Some(vec!["UnblendedCost".to_owned()]),
        ..expressed(&monthly("b"), both.clone())
    };
    create(&world, budget.clone(), &[]).await.unwrap();
    let found = shown(Some(true)).await;
    assert_eq!(found.filter_expression, Some(both));
    assert_eq!((found.cost_filters, found.metrics), (None, budget.metrics));
    // The free million goes to the first region.
    let spend = found.calculated_spend.unwrap();
    assert_eq!(spend.actual_spend.amount, "2.0");
    // It is shown to whoever asks for it.
    assert_eq!(shown(None).await.filter_expression, None);

    let input = aws_model::budgets::UpdateBudgetRequest {
        account_id: ACCOUNT.to_owned(),
        new_budget: expressed(&monthly("b"), by_region(&["us-east-1"], &[])),
    };
    handlers::update(world.call(ALICE), input).await.unwrap();
    let spend = shown(None).await.calculated_spend.unwrap();
    assert_eq!(spend.actual_spend.amount, "4.0");
}

#[tokio::test]
async fn each_period_has_the_limit_that_was_planned() {
    let world = world().await;
    let budget = planned(&monthly("b"), first_of(11), 1, 12);
    let told: (f64, &[&str]) = (100.0, &["a@b.c"]);
    create(&world, budget.clone(), &[told]).await.unwrap();
    let found = described(&world, "b").await.unwrap();
    assert_eq!(found.planned_budget_limits, budget.planned_budget_limits);
    assert_eq!(found.budget_limit.unwrap().amount, "1.5");
    // 1.80 dollars are beyond November's limit, and not beyond December's.
    let usage = [("eu-west-1", "f", Sku::Requests, 10_000_000)];
    world.meter(ALICE, now(), &usage).await;
    watch::round(&world.app).await;
    assert_eq!(states(&world, "b").await, [(100.0, "ALARM".to_owned())]);
    world.clock.advance(TimeDelta::days(31));
    world.meter(ALICE, world.app.clock.now(), &usage).await;
    watch::round(&world.app).await;
    assert_eq!(states(&world, "b").await, [(100.0, "OK".to_owned())]);
    let found = described(&world, "b").await.unwrap();
    assert_eq!(found.budget_limit.unwrap().amount, "2.5");
    let quarterly = Budget {
        time_unit: "QUARTERLY".to_owned(),
        ..planned(&monthly("q"), first_of(10), 3, 4)
    };
    create(&world, quarterly, &[]).await.unwrap();
}

#[tokio::test]
async fn what_is_planned_or_expressed_wrongly_is_refused() {
    let world = world().await;
    let one = monthly("b");
    let daily = Budget {
        time_unit: "DAILY".to_owned(),
        ..planned(&one, first_of(11), 1, 12)
    };
    let mut in_euros = planned(&one, first_of(11), 1, 12);
    let limits = in_euros.planned_budget_limits.as_mut().unwrap();
    limits.values_mut().next().unwrap().unit = "EUR".to_owned();
    let both = Budget {
        budget_limit: one.budget_limit.clone(),
        ..planned(&one, first_of(11), 1, 12)
    };
    let filtered = Budget {
        cost_filters: Some(filters("Region", &["eu-west-1"])),
        ..expressed(&one, by_region(&["eu-west-1"], &[]))
    };
    let cases = [
        (both, "either a BudgetLimit or PlannedBudgetLimits"),
        (daily, "MONTHLY or QUARTERLY"),
        (in_euros, "all in one unit"),
        (
            planned(&one, first_of(11), 1, 11),
            "each of 12 periods, got 11",
        ),
        (planned(&one, first_of(12), 1, 12), "is none of them"),
        (planned(&one, first_of(10), 1, 13), "is none of them"),
        (filtered, "either CostFilters or a FilterExpression"),
        (expressed(&one, Expression::default()), "exactly one"),
        (expressed(&one, by_region(&[], &[])), "Values"),
        (expressed(&one, by_region(&["a"], &["LIKE"])), "LIKE"),
        (expressed(&one, by_region(&["\0"], &[])), "NUL"),
    ];
    for (budget, text) in cases {
        refused(
            create(&world, budget, &[]).await,
            "InvalidParameterException",
            text,
        );
    }
}
