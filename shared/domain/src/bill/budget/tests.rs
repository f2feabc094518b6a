use chrono::{TimeZone, Utc};

use super::Measure::{Actual, Forecasted};
use super::Operator::{EqualTo, GreaterThan, LessThan};
use super::SubscriberKind::{Email, Sns};
use super::ThresholdType::{AbsoluteValue, Percentage};
use super::notification::Target;
use super::*;
use crate::bill::explorer::{FunctionTags, How, items};
use crate::bill::{UsageRow, rate};
use crate::price::{Book, FreeTier, Sku};
use crate::{AccountId, Architecture};

fn at(month: u32, day: u32, hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, month, day, hour, 0, 0).unwrap()
}

fn e10(text: &str) -> i128 {
    parse_amount(text).unwrap()
}

fn budget(kind: Kind, time_unit: TimeUnit, unit: &str) -> Budget {
    Budget {
        name: "b".to_owned(),
        kind,
        limit_e10: e10("10"),
        unit: unit.to_owned(),
        time_unit,
        life: Period {
            start: at(2, 10, 0),
            end: no_end(),
        },
        planned_e10: PlannedLimits::new(),
        watched: Watched::CostFilters(CostFilters::new()),
    }
}

#[test]
fn amounts_are_read_and_shown() {
    let check = |text: &str, want: &str| assert_eq!(amount_text(e10(text)), want);
    check("100", "100.0");
    check(".5", "0.5");
    check("12.50", "12.5");
    check("0.0000000001", "0.0000000001");
    check("1000000000000000", "1000000000000000.0");
    check("1.00000000000000", "1.0");
    for bad in [
        "",
        ".",
        "-1",
        "1e3",
        "1.00000000001",
        "1000000000000001",
        "1.2.3",
    ] {
        assert!(parse_amount(bad).is_err(), "{bad}");
    }
}

#[test]
fn periods_are_those_of_the_calendar() {
    let check = |unit: TimeUnit, from, to| {
        let period = budget(Kind::Cost, unit, "USD").period(at(11, 23, 10));
        assert_eq!(
            period,
            Some(Period {
                start: from,
                end: to
            }),
            "{unit:?}"
        );
    };
    let new_year = Utc.with_ymd_and_hms(2027, 1, 1, 0, 0, 0).unwrap();
    check(TimeUnit::Daily, at(11, 23, 0), at(11, 24, 0));
    check(TimeUnit::Monthly, at(11, 1, 0), at(12, 1, 0));
    check(TimeUnit::Quarterly, at(10, 1, 0), new_year);
    check(TimeUnit::Annually, at(1, 1, 0), new_year);
    check(TimeUnit::Custom, at(2, 10, 0), no_end());
    let monthly = budget(Kind::Cost, TimeUnit::Monthly, "USD");
    assert_eq!(monthly.period(at(2, 9, 23)), None);
    assert_eq!(monthly.period(no_end()), None);
    assert_eq!(no_end().to_string(), "2087-06-15 00:00:00 UTC");
}

#[test]
fn thresholds_are_crossed() {
    // Measure, operator, threshold, its type, actual, forecast, whether it is crossed. The limit is 10.
    let cases = [
        (Actual, GreaterThan, "80", Percentage, "8", None, false),
        (
            Actual,
            GreaterThan,
            "80",
            Percentage,
            "8.0000000001",
            None,
            true,
        ),
        (Actual, EqualTo, "80", Percentage, "8", None, true),
        (
            Actual,
            LessThan,
            "80",
            Percentage,
            "7.9999999999",
            None,
            true,
        ),
        (Actual, GreaterThan, "8", AbsoluteValue, "8.1", None, true),
        (Actual, GreaterThan, "9", AbsoluteValue, "8.1", None, false),
        (
            Forecasted,
            GreaterThan,
            "100",
            Percentage,
            "1",
            Some("10.1"),
            true,
        ),
        (
            Forecasted,
            GreaterThan,
            "100",
            Percentage,
            "11",
            None,
            false,
        ),
        (Forecasted, LessThan, "100", Percentage, "1", None, false),
    ];
    for (measure, operator, threshold, threshold_type, actual, forecast, want) in cases {
        let one = notification(measure, operator, threshold, threshold_type);
        let spend = Spend {
            actual_e10: e10(actual),
            forecast_e10: forecast.map(e10),
        };
        assert_eq!(one.is_crossed(spend, e10("10")), want, "{one:?} {spend:?}");
    }
    // Beyond what products can hold.
    let all = Spend {
        actual_e10: AMOUNT_MAX_E10,
        forecast_e10: None,
    };
    let far = notification(Actual, GreaterThan, "15000000000000", Percentage);
    assert!(!far.is_crossed(all, AMOUNT_MAX_E10));
}

fn notification(
    measure: Measure,
    operator: Operator,
    threshold: &str,
    threshold_type: ThresholdType,
) -> Notification {
    Notification {
        measure,
        operator,
        threshold_e10: e10(threshold),
        threshold_type,
    }
}

fn usage(at: DateTime<Utc>, sku: Sku, quantity: i128) -> UsageRow {
    UsageRow {
        hour: at,
        region: "us-east-1".parse().unwrap(),
        sku,
        resource: "arn:aws:lambda:us-east-1:111111111111:function:f".to_owned(),
        coverable: true,
        quantity,
    }
}

fn spend(budget: &Budget, now: DateTime<Utc>, rows: Vec<UsageRow>) -> Spend {
    let book = Book::parse(include_str!("../../../../../data/price-book.csv")).unwrap();
    let rated = rate(&book, FreeTier::none(), rows).unwrap();
    let team = BTreeMap::from([("team".to_owned(), "core".to_owned())]);
    let tags = FunctionTags::from([(
        "arn:aws:lambda:us-east-1:111111111111:function:f".to_owned(),
        team,
    )]);
    let account = AccountId::new(111_111_111_111).unwrap();
    let items = items(account, &rated, &tags);
    let period = budget.period(now).unwrap();
    budget.spend(period, now, items).unwrap()
}

/// Five million requests a day since the 28th of October; noon of the 3rd of November.
fn requests() -> Vec<UsageRow> {
    let days = [
        at(10, 28, 5),
        at(10, 29, 5),
        at(10, 30, 5),
        at(10, 31, 5),
        at(11, 1, 5),
        at(11, 2, 5),
    ];
    let mut rows: Vec<UsageRow> = days
        .into_iter()
        .map(|day| usage(day, Sku::Requests, 5_000_000))
        .collect();
    rows.push(usage(at(11, 3, 11), Sku::Requests, 2_000_000));
    rows.push(usage(
        at(11, 3, 11),
        Sku::Duration(Architecture::X86_64),
        1_024_000,
    ));
    rows
}

#[test]
fn spend_is_that_of_the_period_and_goes_on() {
    let now = at(11, 3, 12);
    let check = |budget: &Budget, actual: &str, forecast: &str| {
        let spend = spend(budget, now, requests());
        let got = (
            amount_text(spend.actual_e10),
            spend.forecast_e10.map(amount_text),
        );
        assert_eq!(got, (actual.to_owned(), Some(forecast.to_owned())));
    };
    // Twice a dollar, then 40 cents and a GB-second; 60 cents are left of today's dollar, and 27 days follow.
    check(
        &budget(Kind::Cost, TimeUnit::Monthly, "USD"),
        "2.4000166667",
        "30.0",
    );
    check(
        &budget(Kind::Cost, TimeUnit::Daily, "USD"),
        "0.4000166667",
        "1.0",
    );
    check(
        &budget(Kind::Usage, TimeUnit::Monthly, "Requests"),
        "12000000.0",
        "150000000.0",
    );
    check(
        &budget(Kind::Usage, TimeUnit::Monthly, "Lambda-GB-Second"),
        "1.0",
        "1.0",
    );
    // Another currency than the book's has not been spent.
    check(&budget(Kind::Cost, TimeUnit::Monthly, "EUR"), "0.0", "0.0");
    let spend = spend(
        &budget(Kind::Cost, TimeUnit::Monthly, "USD"),
        at(11, 3, 12),
        requests().split_off(6),
    );
    assert_eq!(spend.forecast_e10, None);
}

#[test]
fn cost_filters_say_which_charges() {
    let check = |name: &str, values: &[&str], want: &str| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let mut filtered = budget(Kind::Cost, TimeUnit::Monthly, "USD");
        filtered.watched = Watched::CostFilters([(name.to_owned(), values)].into());
        let spend = spend(&filtered, at(11, 3, 12), requests());
        assert_eq!(amount_text(spend.actual_e10), want, "{name}");
    };
    check("Service", &["AWS Lambda"], "2.4000166667");
    check("Service", &["AWSLambda"], "2.4000166667");
    check("Service", &["Amazon EC2"], "0.0");
    check("Region", &["eu-west-1", "us-east-1"], "2.4000166667");
    check("UsageType", &["Lambda-GB-Second"], "0.0000166667");
    check("LinkedAccount", &["111111111111"], "2.4000166667");
    check("TagKeyValue", &["user:team$core"], "2.4000166667");
    check("TagKeyValue", &["user:team$other"], "0.0");
    for (name, value) in [("Colour", "red"), ("TagKeyValue", "team")] {
        let filters = CostFilters::from([(name.to_owned(), vec![value.to_owned()])]);
        assert!(filter(&filters).is_err(), "{name}");
    }
}

/// An expression says what it says in Cost Explorer, also when it was stored.
#[test]
fn expressions_say_which_charges() {
    let tag = |value: &str| Filter::Tag("team".to_owned(), Match::one_of(vec![value.to_owned()]));
    let check = |expression: Filter, want: &str| {
        let stored = serde_json::to_value(&expression).unwrap();
        assert_eq!(
            serde_json::from_value::<Filter>(stored).unwrap(),
            expression
        );
        let mut filtered = budget(Kind::Cost, TimeUnit::Monthly, "USD");
        filtered.watched = Watched::Expression(expression);
        let spend = spend(&filtered, at(11, 3, 12), requests());
        assert_eq!(amount_text(spend.actual_e10), want);
    };
    let usage_type = |text: &str| {
        let one = Match::one_of(vec![text.to_owned()]);
        Filter::Dimension(Dimension::UsageType, one)
    };
    check(tag("core"), "2.4000166667");
    check(Filter::Not(Box::new(tag("core"))), "0.0");
    check(
        Filter::And(vec![tag("core"), usage_type("Lambda-GB-Second")]),
        "0.0000166667",
    );
    check(Filter::Or(vec![tag("other"), usage_type("Request")]), "2.4");
    for name in Dimension::names() {
        let dimension = Filter::Dimension(
            name.parse().unwrap(),
            Match {
                values: Vec::new(),
                how: How::Absent,
                case_sensitive: false,
            },
        );
        check(dimension, "0.0");
    }
}

#[test]
fn a_planned_period_has_a_limit_of_its_own() {
    let mut planned = budget(Kind::Cost, TimeUnit::Monthly, "USD");
    planned.planned_e10 = [(at(3, 1, 0), e10("30")), (at(4, 1, 0), e10("40"))].into();
    let limit = |month| {
        let period = TimeUnit::Monthly.period(planned.life, at(month, 5, 0));
        amount_text(planned.limit_of_e10(period))
    };
    let limits: Vec<String> = [2, 3, 4, 5, 12].into_iter().map(limit).collect();
    assert_eq!(limits, ["10.0", "30.0", "40.0", "40.0", "40.0"]);
}

#[test]
fn addresses_say_where_to() {
    let target = |kind, address: &str| {
        Subscriber {
            kind,
            address: address.to_owned(),
        }
        .target()
    };
    let arn = "arn:aws:lambda:eu-west-1:111111111111:function:f:live";
    assert_eq!(target(Sns, arn), Ok(Target::Function(arn.parse().unwrap())));
    assert_eq!(
        target(Sns, "https://h/x"),
        Ok(Target::Webhook("https://h/x".to_owned()))
    );
    assert!(matches!(
        target(Sns, "arn:aws:sns:us-east-1:111111111111:t"),
        Ok(Target::Nowhere(_))
    ));
    assert!(matches!(target(Email, "a@b"), Ok(Target::Nowhere(_))));
    for (kind, bad) in [
        (Email, "nobody"),
        (Sns, "ftp://h"),
        (Sns, "arn:aws:lambda:x"),
        (Sns, "arn:aws:s3:::b"),
    ] {
        assert!(target(kind, bad).is_err(), "{bad}");
    }
}

#[test]
fn a_message_tells_all() {
    let budget = budget(Kind::Cost, TimeUnit::Monthly, "USD");
    let notification = notification(Actual, GreaterThan, "80", Percentage);
    let message = Message {
        id: uuid::Uuid::from_u128(7),
        account: AccountId::new(42).unwrap(),
        at: at(11, 23, 10),
        budget: &budget,
        period: budget.period(at(11, 23, 10)).unwrap(),
        notification: &notification,
        spend: Spend {
            actual_e10: e10("8.25"),
            forecast_e10: None,
        },
    };
    let text = String::from_utf8(message.to_json()).unwrap();
    assert_eq!(
        text,
        r#"{"version":"1.0","source":"tollgate.budgets","id":"00000000-0000-0000-0000-000000000007","account":"000000000042","time":"2026-11-23T10:00:00Z","budget":{"name":"b","budgetType":"COST","timeUnit":"MONTHLY","limit":{"amount":"10.0","unit":"USD"}},"notification":{"notificationType":"ACTUAL","comparisonOperator":"GREATER_THAN","threshold":"80.0","thresholdType":"PERCENTAGE"},"period":{"start":"2026-11-01T00:00:00Z","end":"2026-12-01T00:00:00Z"},"actualSpend":{"amount":"8.25","unit":"USD"},"forecastedSpend":null}"#
    );
}
