use aws_model::budgets::{
    AutoAdjustData, DeleteBudgetRequest, DescribeBudgetsRequest, TimePeriod, UpdateBudgetRequest,
};
use chrono::{TimeDelta, TimeZone, Utc};
use domain::price::Sku;

use super::*;
use crate::samples::{BOB, now};
use crate::times;

#[tokio::test]
async fn a_budget_has_what_was_spent() {
    let world = world().await;
    let day = |day| Utc.with_ymd_and_hms(2026, 11, day, 7, 0, 0).unwrap();
    world
        .meter(
            ALICE,
            day(21),
            &[("eu-west-1", "f", Sku::Requests, 11_000_000)],
        )
        .await;
    world
        .meter(
            ALICE,
            day(22),
            &[("us-east-1", "f", Sku::Requests, 20_000_000)],
        )
        .await;
    let spent = async |budget: Budget| {
        let name = budget.budget_name.clone();
        create(&world, budget, &[]).await.unwrap();
        let spend = described(&world, &name)
            .await
            .unwrap()
            .calculated_spend
            .unwrap();
        let forecast = spend.forecasted_spend.map(|spend| spend.amount);
        (spend.actual_spend.amount, forecast.unwrap_or_default())
    };
    let is = |actual: &str, forecast: &str| (actual.to_owned(), forecast.to_owned());
    // Two dollars and four; three a day from the 23rd to the 30th.
    assert_eq!(spent(monthly("all")).await, is("6.0", "30.0"));
    let daily = Budget {
        time_unit: "DAILY".to_owned(),
        ..monthly("daily")
    };
    assert_eq!(spent(daily).await, is("0.0", "3.0"));
    let europe = Budget {
        cost_filters: Some(filters("Region", &["eu-west-1"])),
        ..monthly("europe")
    };
    assert_eq!(spent(europe).await, is("2.0", "10.0"));
    let usage = Budget {
        budget_type: "USAGE".to_owned(),
        budget_limit: Some(Spend {
            amount: "1000000".to_owned(),
            unit: "Requests".to_owned(),
        }),
        ..monthly("usage")
    };
    assert_eq!(spent(usage).await, is("31000000.0", "155000000.0"));
    // One that is over shows its last period; one to come nothing.
    let over = Budget {
        time_unit: "CUSTOM".to_owned(),
        time_period: Some(TimePeriod {
            start: Some(times::seconds(day(21))),
            end: Some(times::seconds(day(22))),
        }),
        ..monthly("over")
    };
    assert_eq!(spent(over).await, is("2.0", ""));
    let to_come = Budget {
        time_period: Some(TimePeriod {
            start: Some(times::seconds(now() + TimeDelta::days(60))),
            end: None,
        }),
        ..monthly("to come")
    };
    assert_eq!(spent(to_come).await, is("0.0", ""));
}

#[tokio::test]
async fn budgets_come_and_go() {
    let world = world().await;
    create(&world, monthly("b"), &[]).await.unwrap();
    refused(
        create(&world, monthly("b"), &[]).await,
        "DuplicateRecordException",
        "b - the budget already exists",
    );
    let found = described(&world, "b").await.unwrap();
    assert_eq!(found.budget_limit.unwrap().amount, "10.0");
    let types = found.cost_types.unwrap();
    assert_eq!(
        (types.include_tax, types.use_blended),
        (Some(true), Some(false))
    );
    let period = found.time_period.unwrap();
    let november = Utc.with_ymd_and_hms(2026, 11, 1, 0, 0, 0).unwrap();
    assert_eq!(
        (period.start, period.end),
        (Some(times::seconds(november)), Some(3_706_473_600.0))
    );

    let update = async |budget: Budget| {
        let input = UpdateBudgetRequest {
            account_id: ACCOUNT.to_owned(),
            new_budget: budget,
        };
        handlers::update(world.call(ALICE), input).await
    };
    let mut changed = monthly("b");
    changed.budget_limit = Some(Spend {
        amount: "12.50".to_owned(),
        unit: "USD".to_owned(),
    });
    update(changed).await.unwrap();
    assert_eq!(
        described(&world, "b")
            .await
            .unwrap()
            .budget_limit
            .unwrap()
            .amount,
        "12.5"
    );
    refused(
        update(monthly("none")).await,
        "NotFoundException",
        "none - the budget doesn't exist",
    );

    let delete = async || {
        let input = DeleteBudgetRequest {
            account_id: ACCOUNT.to_owned(),
            budget_name: "b".to_owned(),
        };
        handlers::delete(world.call(ALICE), input).await
    };
    delete().await.unwrap();
    refused(
        delete().await,
        "NotFoundException",
        "b - the budget doesn't exist",
    );
    refused(
        described(&world, "b").await,
        "NotFoundException",
        "b - the budget doesn't exist",
    );
}

#[tokio::test]
async fn budgets_are_listed_in_pages() {
    let world = world().await;
    create(&world, monthly("b"), &[]).await.unwrap();
    create(&world, monthly("a"), &[]).await.unwrap();
    let page = async |token: Option<String>| {
        let input = DescribeBudgetsRequest {
            account_id: ACCOUNT.to_owned(),
            max_results: Some(1),
            next_token: token,
            show_filter_expression: None,
        };
        let answer = handlers::list(world.call(ALICE), input).await.unwrap();
        let names = answer
            .budgets
            .unwrap()
            .into_iter()
            .map(|one| one.budget_name);
        (names.collect::<Vec<_>>(), answer.next_token)
    };
    let (first, token) = page(None).await;
    assert_eq!(
        (first, page(token).await),
        (vec!["a".to_owned()], (vec!["b".to_owned()], None))
    );
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused() {
    let world = world().await;
    let one = monthly("b");
    let cases = [
        (
            Budget {
                budget_limit: None,
                ..one.clone()
            },
            "needs either a BudgetLimit",
        ),
        (limited(&one, "1", "EUR"), "price book (CNY, USD), \"EUR\""),
        (limited(&one, "1.00000000001", "USD"), "is not an amount"),
        (typed(&one, "RI_COVERAGE"), "RI_COVERAGE is not supported"),
        (typed(&one, "USAGE"), "units GB, Lambda-GB-Second, Requests"),
        (
            Budget {
                metrics: Some(vec!["UsageQuantity".to_owned()]),
                ..one.clone()
            },
            "has a cost metric",
        ),
        (
            filtered(&one, "Colour", "red"),
            "Colour is not a cost filter",
        ),
        (filtered(&one, "TagKeyValue", "team"), "has no $"),
        (filtered(&one, "Region", "\0"), "NUL"),
        (monthly("a\0"), "NUL"),
        (
            Budget {
                time_unit: "CUSTOM".to_owned(),
                ..one.clone()
            },
            "needs a TimePeriod",
        ),
        (
            living(&one, Some(2e9), Some(1e9)),
            "must end after it starts",
        ),
        (living(&one, Some(-1.0), None), "must end after it starts"),
    ];
    for (budget, text) in cases {
        refused(
            create(&world, budget, &[]).await,
            "InvalidParameterException",
            text,
        );
    }
    let adjusted = Budget {
        auto_adjust_data: Some(AutoAdjustData::default()),
        ..one.clone()
    };
    let adjusted = create(&world, adjusted, &[]).await;
    refused(
        adjusted,
        "InvalidParameterException",
        "AutoAdjustData is not supported",
    );
    let foreign = handlers::create(world.call(BOB), creation(one, &[])).await;
    refused(
        foreign,
        "AccessDeniedException",
        "no access to budgets of account 111111111111",
    );
    refused(
        described(&world, "b").await,
        "NotFoundException",
        "b - the budget doesn't exist",
    );
}

fn limited(budget: &Budget, amount: &str, unit: &str) -> Budget {
    let limit = Spend {
        amount: amount.to_owned(),
        unit: unit.to_owned(),
    };
    Budget {
        budget_limit: Some(limit),
        ..budget.clone()
    }
}

fn typed(budget: &Budget, kind: &str) -> Budget {
    Budget {
        budget_type: kind.to_owned(),
        ..budget.clone()
    }
}

fn filtered(budget: &Budget, name: &str, value: &str) -> Budget {
    Budget {
        cost_filters: Some(filters(name, &[value])),
        ..budget.clone()
    }
}

fn living(budget: &Budget, start: Option<f64>, end: Option<f64>) -> Budget {
    Budget {
        time_period: Some(TimePeriod { start, end }),
        ..budget.clone()
    }
}
