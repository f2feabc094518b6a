use std::sync::LazyLock;

use chrono::{DateTime, TimeZone, Utc};
use proptest::prelude::*;

use super::{Dimension, Report, Span, Tags, check_dimensions};
use crate::bill::{Rated, UsageRow, rate};
use crate::price::{Book, FreeTier, Sku};
use crate::{AccountId, Architecture};

static BOOK: LazyLock<Book> =
    LazyLock::new(|| Book::parse(include_str!("../../../../../data/price-book.csv")).unwrap());

fn hour(day: u32, hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, day, hour, 0, 0).unwrap()
}

fn arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000001:function:{name}")
}

fn account(number: u64) -> AccountId {
    AccountId::new(number).unwrap()
}

fn row(at: DateTime<Utc>, region: &str, sku: Sku, name: &str, quantity: i128) -> UsageRow {
    UsageRow {
        hour: at,
        region: region.parse().unwrap(),
        sku,
        resource: arn(name),
        coverable: true,
        quantity,
    }
}

fn tags() -> Tags {
    let of = |team: &str| [("team".to_owned(), team.to_owned())].into();
    [(arn("f"), of("red")), (arn("g"), of("blue"))].into()
}

fn report(by: &[&str], rated: &Rated) -> Report {
    let by: Vec<Dimension> = by.iter().map(|text| text.parse().unwrap()).collect();
    check_dimensions(&by).unwrap();
    let mut report = Report::new(by);
    for statement in &rated.statements {
        for (charge, number) in statement.charges.iter().zip(0..) {
            report.add(account(1 + number % 2), statement.currency, charge, &tags());
        }
    }
    rated
        .unpriced
        .iter()
        .for_each(|row| report.add_unpriced(row));
    report
}

fn shown(report: &Report) -> Vec<(String, i128)> {
    let groups = report.groups.iter();
    groups
        .map(|(key, group)| (key.values.join(" "), group.amount_e10))
        .collect()
}

#[test]
fn charges_fall_into_groups() {
    let requests = Sku::Requests;
    let rows = vec![
        row(hour(2, 5), "us-east-1", requests, "f", 5),
        row(hour(2, 6), "us-east-1", requests, "f", 10),
        row(hour(3, 5), "eu-west-1", requests, "g", 20),
        row(hour(3, 5), "eu-west-1", requests, "untagged", 40),
        row(hour(3, 5), "il-central-1", Sku::EphemeralStorage, "f", 7),
    ];
    let rated = rate(&BOOK, FreeTier::none(), rows).unwrap();
    let check = |by: &[&str], want: &[(&str, i128)]| {
        let want: Vec<_> = want
            .iter()
            .map(|(key, units)| ((*key).to_owned(), units * 2_000))
            .collect();
        assert_eq!(shown(&report(by, &rated)), want, "{by:?}");
    };
    check(&[], &[("", 75)]);
    check(&["day"], &[("2026-11-02", 15), ("2026-11-03", 60)]);
    check(
        &["hour"],
        &[
            ("2026-11-02T05:00:00Z", 5),
            ("2026-11-02T06:00:00Z", 10),
            ("2026-11-03T05:00:00Z", 60),
        ],
    );
    check(&["tag:team"], &[("", 40), ("blue", 20), ("red", 15)]);
    check(&["tag:other"], &[("", 75)]);
    check(
        &["region", "tag:team"],
        &[
            ("eu-west-1 ", 40),
            ("eu-west-1 blue", 20),
            ("us-east-1 red", 15),
        ],
    );
    check(&["sku"], &[("requests", 75)]);
    check(&["account"], &[("000000000001", 25), ("000000000002", 50)]);
    let report = report(&["function"], &rated);
    assert_eq!(report.groups.len(), 3);
    let unpriced: Vec<_> = report.unpriced.into_iter().collect();
    let place = ("il-central-1".parse().unwrap(), Sku::EphemeralStorage);
    assert_eq!(unpriced, [(place, 7)]);
}

#[test]
fn dimensions_and_spans_are_checked() {
    for text in [
        "day", "hour", "function", "region", "sku", "account", "tag:a:b",
    ] {
        assert_eq!(text.parse::<Dimension>().unwrap().to_string(), text);
    }
    for text in ["", "week", "tag:", "Day"] {
        assert!(text.parse::<Dimension>().is_err(), "{text}");
    }
    let by = |names: &[&str]| {
        let by: Vec<Dimension> = names.iter().map(|name| name.parse().unwrap()).collect();
        check_dimensions(&by).is_ok()
    };
    assert!(by(&[]) && by(&["tag:a", "tag:b"]));
    assert!(!by(&["day", "day"]) && !by(&["day", "sku", "region"]));
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let span = |from: &str, to: &str| Span::new(at(from), at(to));
    let months = span("2026-11-30T23:00:00Z", "2027-01-01T01:00:00Z").unwrap();
    let months: Vec<_> = months.months().map(|month| month.to_string()).collect();
    assert_eq!(months, ["2026-11", "2026-12", "2027-01"]);
    assert!(span("2024-12-31T00:00:00Z", "2026-11-01T01:00:00Z").is_ok());
    assert!(span("2024-11-30T23:00:00Z", "2026-11-01T01:00:00Z").is_err());
    assert!(span("2026-11-01T00:30:00Z", "2026-11-02T00:00:00Z").is_err());
    assert!(span("2026-11-02T00:00:00Z", "2026-11-02T00:00:00Z").is_err());
}

fn any_row() -> impl Strategy<Value = UsageRow> {
    let skus = [
        Sku::Requests,
        Sku::Duration(Architecture::X86_64),
        Sku::Duration(Architecture::Arm64),
        Sku::EphemeralStorage,
    ];
    let places = ["us-east-1", "eu-west-1", "cn-north-1", "il-central-1"];
    let parts = (1_u32..30, 0_u32..24, 0_usize..4, 0_usize..4, 0_usize..3);
    (parts, 1_i128..1_000_000_000_000).prop_map(move |((day, at, place, sku, name), quantity)| {
        let name = ["f", "g", "untagged"][name];
        row(hour(day, at), places[place], skus[sku], name, quantity)
    })
}

proptest! {
    /// Invariant I12.
    #[test]
    fn every_grouping_adds_up_to_the_same_total(rows in proptest::collection::vec(any_row(), 0..40), free: bool) {
        let free = if free { FreeTier::month() } else { FreeTier::none() };
        let rated = rate(&BOOK, free, rows).unwrap();
        let whole = report(&[], &rated).totals();
        for statement in &rated.statements {
            prop_assert_eq!(whole[&statement.currency].amount_e10, statement.accrued_e10());
        }
        prop_assert_eq!(whole.len(), rated.statements.len());
        let all = ["account", "day", "hour", "function", "region", "sku", "tag:team", "tag:none"];
        for first in all {
            prop_assert_eq!(&report(&[first], &rated).totals(), &whole);
            for second in all.iter().filter(|second| **second != first) {
                prop_assert_eq!(&report(&[first, second], &rated).totals(), &whole);
            }
        }
    }
}
