use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use proptest::prelude::*;

use super::forecast::history;
use super::sums::amount_text;
use super::usage_type::{location, unit, usage_type};
use super::*;
use crate::bill::{UsageRow, rate};
use crate::price::{Book, FreeTier, Sku};
use crate::{AccountId, Architecture, Region};

const X86: Sku = Sku::Duration(Architecture::X86_64);
const ARM: Sku = Sku::Duration(Architecture::Arm64);
const GB_S: i128 = 1_024_000;

fn at(day: u32, hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, day, hour, 0, 0).unwrap()
}

fn account() -> AccountId {
    AccountId::new(111_111_111_111).unwrap()
}

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn arn(place: &str, name: &str) -> String {
    format!("arn:aws:lambda:{place}:111111111111:function:{name}")
}

fn row(hour: DateTime<Utc>, place: &str, name: &str, sku: Sku, quantity: i128) -> UsageRow {
    UsageRow {
        hour,
        region: region(place),
        sku,
        resource: arn(place, name),
        coverable: true,
        quantity,
    }
}

fn rated(rows: Vec<UsageRow>, free: FreeTier) -> crate::bill::Rated {
    let book = Book::parse(include_str!("../../../../../data/price-book.csv")).unwrap();
    rate(&book, free, rows).unwrap()
}

/// `a` has a team, `b` has none; both run in two regions.
fn usage() -> Vec<UsageRow> {
    vec![
        row(at(1, 9), "us-east-1", "a", Sku::Requests, 1_000_000),
        row(at(1, 9), "us-east-1", "a", X86, 100 * GB_S),
        row(at(2, 9), "us-east-1", "b", Sku::Requests, 500_000),
        row(at(2, 23), "eu-central-1", "a", ARM, 200 * GB_S),
    ]
}

fn tags() -> FunctionTags {
    let team = |name: &str| BTreeMap::from([("team".to_owned(), name.to_owned())]);
    FunctionTags::from([
        (arn("us-east-1", "a"), team("Core")),
        (arn("eu-central-1", "a"), team("core")),
    ])
}

#[test]
fn usage_types_are_those_of_bills() {
    let check = |place: &str, sku, want: &str| assert_eq!(usage_type(&region(place), sku), want);
    check("us-east-1", Sku::Requests, "Request");
    check("us-east-1", ARM, "Lambda-GB-Second-ARM");
    check("eu-central-1", X86, "EUC1-Lambda-GB-Second");
    check(
        "us-west-2",
        Sku::EphemeralStorage,
        "USW2-Lambda-Storage-GB-Second",
    );
    check("my-cellar-1", Sku::Requests, "my-cellar-1-Request");
    assert_eq!(location(&region("eu-west-1")), "EU (Ireland)");
    assert_eq!(location(&region("my-cellar-1")), "my-cellar-1");
    assert_eq!(
        (unit(Sku::Requests), unit(X86)),
        ("Requests", "Lambda-GB-Second")
    );
}

#[test]
fn every_dimension_has_a_name_and_a_value() {
    let (rated, tags) = (rated(usage(), FreeTier::none()), tags());
    let item = items(account(), &rated, &tags).next().unwrap();
    let check = |name: &str, want: &str| {
        let dimension: Dimension = name.parse().unwrap();
        assert_eq!((dimension.as_str(), &*dimension.of(&item)), (name, want));
    };
    check("SERVICE", "AWS Lambda");
    check("REGION", "us-east-1");
    check("USAGE_TYPE", "Request");
    check("OPERATION", "Invoke");
    check("LINKED_ACCOUNT", "111111111111");
    check("RESOURCE_ID", &arn("us-east-1", "a"));
    check("RECORD_TYPE", "Usage");
    check("INSTANCE_TYPE", "NoInstanceType");
    for name in Dimension::names() {
        assert_eq!(name.parse::<Dimension>().unwrap().as_str(), name);
    }
    assert!("COLOUR".parse::<Dimension>().is_err());
}

/// The requests and GB-seconds that pass, in the order of usage.
fn passing(filter: &Filter) -> Vec<(String, Sku)> {
    let (rated, tags) = (rated(usage(), FreeTier::none()), tags());
    let passing = items(account(), &rated, &tags).filter(|item| filter.passes(item));
    let mut found: Vec<_> = passing
        .map(|item| (item.hour, item.region.to_string(), item.sku))
        .collect();
    found.sort();
    found
        .into_iter()
        .map(|(_, place, sku)| (place, sku))
        .collect()
}

#[test]
fn filters_are_trees() {
    let check = |filter: Filter, want: &[(&str, Sku)]| {
        let want: Vec<(String, Sku)> = want.iter().map(|(r, s)| ((*r).to_owned(), *s)).collect();
        assert_eq!(passing(&filter), want, "{filter:?}");
    };
    let (east, west) = ("us-east-1", "eu-central-1");
    let all = [
        (east, Sku::Requests),
        (east, X86),
        (east, Sku::Requests),
        (west, ARM),
    ];
    let in_region =
        |name: &str| Filter::Dimension(Dimension::Region, Match::one_of(vec![name.to_owned()]));
    let team = |how, case_sensitive, value: &str| {
        let values = vec![value.to_owned()];
        Filter::Tag(
            "team".to_owned(),
            Match {
                values,
                how,
                case_sensitive,
            },
        )
    };
    check(Filter::everything(), &all);
    check(Filter::Or(vec![]), &[]);
    check(in_region(west), &[all[3]]);
    check(Filter::Not(Box::new(in_region(west))), &all[..3]);
    check(Filter::Or(vec![in_region(west), in_region(east)]), &all);
    check(Filter::And(vec![in_region(west), in_region(east)]), &[]);
    check(team(How::Equals, true, "core"), &[all[3]]);
    check(team(How::Equals, false, "CORE"), &[all[0], all[1], all[3]]);
    check(team(How::Equals, true, ""), &[all[2]]);
    check(team(How::Absent, true, "core"), &[all[2]]);
    check(team(How::StartsWith, true, "C"), &all[..2]);
    check(team(How::EndsWith, true, "ore"), &[all[0], all[1], all[3]]);
    check(team(How::Contains, true, "x"), &[]);
    let usage_type =
        |name: &str| Filter::Dimension(Dimension::UsageType, Match::one_of(vec![name.to_owned()]));
    check(usage_type("Lambda-GB-Second-ARM"), &[]);
    check(usage_type("EUC1-Lambda-GB-Second-ARM"), &[all[3]]);
    check(
        Filter::CostCategory("team".to_owned(), Match::one_of(vec!["x".to_owned()])),
        &[],
    );
}

#[test]
fn groups_add_up_by_period() {
    let (rated, tags) = (rated(usage(), FreeTier::none()), tags());
    let span = Period {
        start: at(1, 0),
        end: at(3, 0),
    };
    let periods = span.split(Granularity::Daily);
    let groups = [
        GroupBy::Dimension(Dimension::Region),
        GroupBy::Tag("team".to_owned()),
    ];
    let sums = by_period(&periods, &groups, items(account(), &rated, &tags));
    let shown: Vec<Vec<(String, String, String, &str)>> = sums
        .iter()
        .map(|groups| {
            let groups = groups.iter().map(|(key, sum)| {
                let (usage, unit) = sum.usage_e10();
                (
                    key.join(" "),
                    amount_text(sum.amount_e10),
                    amount_text(usage),
                    unit,
                )
            });
            groups.collect()
        })
        .collect();
    let group = |key: &str, amount: &str, usage: &str, unit| {
        (key.to_owned(), amount.to_owned(), usage.to_owned(), unit)
    };
    assert_eq!(
        shown,
        [
            // A million requests and 100 GB-seconds: unlike units.
            vec![group("us-east-1 team$Core", "0.20166667", "1000100", "N/A")],
            vec![
                group(
                    "eu-central-1 team$core",
                    "0.00266668",
                    "200",
                    "Lambda-GB-Second"
                ),
                group("us-east-1 team$", "0.1", "500000", "Requests"),
            ],
        ]
    );
}

#[test]
fn the_free_tier_and_what_has_no_price_cost_nothing() {
    let rows = vec![
        row(at(1, 9), "us-east-1", "a", Sku::Requests, 1_500_000),
        row(at(1, 9), "my-cellar-1", "a", Sku::Requests, 7),
    ];
    let (rated, tags) = (rated(rows, FreeTier::month()), FunctionTags::new());
    let span = Period {
        start: at(1, 0),
        end: at(2, 0),
    };
    let by_place = [GroupBy::Dimension(Dimension::Region)];
    let sums = by_period(&[span], &by_place, items(account(), &rated, &tags));
    let shown: Vec<_> = sums[0]
        .iter()
        .map(|(key, sum)| {
            (
                key[0].as_str(),
                amount_text(sum.amount_e10),
                sum.usage_e10().0 / 10_i128.pow(10),
                sum.currencies.len(),
            )
        })
        .collect();
    let want = [
        ("my-cellar-1", "0".to_owned(), 7, 0),
        ("us-east-1", "0.1".to_owned(), 1_500_000, 1),
    ];
    assert_eq!(shown, want);
}

#[test]
fn spans_are_cut_at_the_calendar() {
    let check = |granularity, from, to, want: &[(DateTime<Utc>, DateTime<Utc>)]| {
        let periods = Period {
            start: from,
            end: to,
        }
        .split(granularity);
        let got: Vec<_> = periods
            .iter()
            .map(|period| (period.start, period.end))
            .collect();
        assert_eq!(got, want);
    };
    let december = |day| Utc.with_ymd_and_hms(2026, 12, day, 0, 0, 0).unwrap();
    check(
        Granularity::Monthly,
        at(29, 0),
        december(3),
        &[(at(29, 0), december(1)), (december(1), december(3))],
    );
    check(
        Granularity::Daily,
        at(1, 0),
        at(3, 0),
        &[(at(1, 0), at(2, 0)), (at(2, 0), at(3, 0))],
    );
    check(
        Granularity::Hourly,
        at(1, 22),
        at(2, 0),
        &[(at(1, 22), at(1, 23)), (at(1, 23), at(2, 0))],
    );
    check(Granularity::Daily, at(1, 0), at(1, 0), &[]);
    let months = Period {
        start: at(29, 0),
        end: december(1),
    }
    .months();
    assert_eq!(
        months.map(|month| month.to_string()).collect::<Vec<_>>(),
        ["2026-11"]
    );
}

#[test]
fn a_forecast_carries_the_days_on() {
    // Mean 3, sample variance 2.5.
    let days: Vec<i128> = [1, 2, 3, 4, 5]
        .map(|cents: i128| cents * 10_i128.pow(8))
        .to_vec();
    let forecast = Forecast::of(&days).unwrap();
    assert!(forecast.has_interval());
    assert_eq!(amount_text(forecast.day_e10()), "0.03");
    let week = forecast.days(7, 95);
    assert_eq!(amount_text(week.mean_e10), "0.21");
    // 1.96 × √2.5 × √(7 + 49/5) = 12.70 cents.
    let half = week.upper_e10 - week.mean_e10;
    assert!((half - 1_270_200_000).abs() < 300_000, "{half}");
    assert_eq!(week.lower_e10, week.mean_e10 - half);
    // A bound below nothing is nothing.
    assert_eq!(forecast.days(1, 99).lower_e10, 0);
    assert!(forecast.days(7, 80).upper_e10 < week.upper_e10);
    assert_eq!(forecast.today_e10(4 * 10_i128.pow(8)), 4 * 10_i128.pow(8));
    assert_eq!(forecast.today_e10(0), forecast.day_e10());
    assert_eq!(Forecast::of(&[]), None);
    assert!(!Forecast::of(&[5]).unwrap().has_interval());
    // Days that are all alike are certain.
    let alike = Forecast::of(&[7; 10]).unwrap().days(3, 99);
    assert_eq!(
        (alike.lower_e10, alike.mean_e10, alike.upper_e10),
        (21, 21, 21)
    );
}

#[test]
fn history_begins_with_the_first_usage() {
    let now = at(20, 12);
    let check = |figures: &[(DateTime<Utc>, i128)], want: (&[i128], i128)| {
        let got = history(figures.iter().copied(), now);
        assert_eq!((got.0.as_slice(), got.1), want);
    };
    check(&[], (&[], 0));
    check(
        &[
            (at(17, 3), 5),
            (at(17, 4), 1),
            (at(19, 0), 2),
            (at(20, 11), 9),
            (at(20, 13), 100),
        ],
        (&[6, 0, 2], 9),
    );
    // Thirty days are enough.
    let long_ago = at(20, 0) - TimeDelta::days(31);
    check(&[(long_ago, 5), (at(18, 0), 3)], (&[3, 0], 0));
}

proptest! {
    /// Invariant: no grouping and no granularity changes a total.
    #[test]
    fn grouping_never_changes_the_total(
        rows in prop::collection::vec((1_u32..29, 0_u32..24, 0_usize..3, 0_usize..3, 0_usize..3, 1_i128..10_000_000), 0..40),
        granularity in prop::sample::select(vec![Granularity::Hourly, Granularity::Daily, Granularity::Monthly]),
    ) {
        let places = ["us-east-1", "eu-central-1", "my-cellar-1"];
        let rows = rows.into_iter().map(|(day, hour, place, name, sku, quantity)| {
            row(at(day, hour), places[place], ["a", "b", "c"][name], [Sku::Requests, X86, ARM][sku], quantity)
        });
        let rated = rated(rows.collect(), FreeTier { requests: 1_000_000, duration: GB_S });
        let accrued: i128 = rated.statements.iter().map(crate::bill::Statement::accrued_e10).sum();
        let tags = tags();
        let periods = Period { start: at(1, 0), end: at(30, 0) }.split(granularity);
        let groups = [
            vec![],
            vec![GroupBy::Dimension(Dimension::Region)],
            vec![GroupBy::Tag("team".to_owned()), GroupBy::Dimension(Dimension::UsageType)],
        ];
        for groups in &groups {
            let sums = by_period(&periods, groups, items(account(), &rated, &tags));
            let total: i128 = sums.iter().flat_map(BTreeMap::values).map(|sum| sum.amount_e10).sum();
            prop_assert_eq!(total, accrued);
        }
    }
}
