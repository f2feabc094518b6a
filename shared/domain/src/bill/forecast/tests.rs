use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use proptest::prelude::*;

use super::{WINDOW_HOURS, project};
use crate::bill::{Month, UsageRow, rate};
use crate::price::{Book, FreeTier, Sku};

fn at(day: u32, hour: u32, minute: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, day, hour, minute, 0)
        .unwrap()
}

fn row(hour: DateTime<Utc>, quantity: i128) -> UsageRow {
    UsageRow {
        hour,
        region: "us-east-1".parse().unwrap(),
        sku: Sku::Requests,
        resource: "f".to_owned(),
        coverable: true,
        quantity,
    }
}

fn month() -> Month {
    Month::of(at(1, 0, 0))
}

fn quantities(used: &[UsageRow], now: DateTime<Utc>) -> Vec<(String, i128)> {
    let rows = project(used, month(), now).unwrap().rows;
    rows.iter()
        .map(|row| (row.hour.format("%d %H").to_string(), row.quantity))
        .collect()
}

#[test]
fn the_last_seven_days_go_on_by_the_day() {
    // 24 an hour in the last week, and much more before it.
    let now = at(28, 6, 0);
    let mut used = vec![row(at(20, 0, 0), 1_000_000)];
    used.extend((1..=WINDOW_HOURS).map(|hours| row(now - TimeDelta::hours(hours), 24)));
    let rows = [("28 06", 432), ("29 00", 576), ("30 00", 576)];
    let want = rows.map(|(day, quantity)| (day.to_owned(), quantity));
    assert_eq!(quantities(&used, now), want);
    // What the hour that runs has used does not say what an hour uses; half of it is left.
    used.push(row(now, 5_000));
    let half = quantities(&used, at(28, 6, 30));
    assert_eq!(half[0], ("28 06".to_owned(), 420));
}

#[test]
fn before_a_week_is_full_the_time_since_the_first_usage_counts() {
    let used = [row(at(29, 20, 0), 300)];
    let projection = project(&used, month(), at(29, 23, 10)).unwrap();
    assert_eq!(projection.window_hours, 3);
    // 100 an hour: 50 minutes of today, and tomorrow.
    let left: Vec<_> = projection.rows.iter().map(|row| row.quantity).collect();
    assert_eq!(left, [83, 2_400]);
    let nothing = project(&used, month(), at(29, 20, 59)).unwrap();
    assert_eq!((nothing.window_hours, nothing.rows), (0, Vec::new()));
}

#[test]
fn a_month_to_come_is_expected_whole() {
    let used = [row(at(29, 23, 0), 10)];
    let december = month().next();
    let projection = project(&used, december, at(30, 0, 0)).unwrap();
    assert_eq!(projection.rows.len(), 31);
    let expected: i128 = projection.rows.iter().map(|row| row.quantity).sum();
    assert_eq!(expected, 10 * 24 * 31);
    assert_eq!(projection.rows[0].hour, december.start());
}

/// Half the month has used up half the free tier: the other half is free as well, though carrying cost on would say so by luck
/// only.
#[test]
fn the_free_tier_is_in_it() {
    let book = Book::parse(include_str!("../../../../../data/price-book.csv")).unwrap();
    let now = at(16, 0, 0);
    let cost = |per_hour: i128| {
        let mut used: Vec<_> = (1..=15 * 24)
            .map(|hours| row(now - TimeDelta::hours(hours), per_hour))
            .collect();
        used.extend(project(&used, month(), now).unwrap().rows);
        let rated = rate(&book, FreeTier::month(), used).unwrap();
        rated.statements[0].subtotal().amount()
    };
    assert_eq!(cost(1_388), "0.00");
    // 3,600,000 in the month, of which 2,600,000 are paid.
    assert_eq!(cost(5_000), "0.52");
}

proptest! {
    #[test]
    fn no_quantum_is_lost_between_days(
        per_hour in proptest::collection::vec(0_i128..1_000_000, 1..200),
        day in 1_u32..=30, hour in 0_u32..24, minute in 0_u32..60,
    ) {
        let now = at(day, hour, minute);
        let start = at(day, hour, 0);
        let rows = (1..).zip(&per_hour).map(|(hours, quantity)| row(start - TimeDelta::hours(hours), *quantity));
        let used: Vec<_> = rows.collect();
        let projection = project(&used, month(), now).unwrap();
        let in_window = per_hour.len().min(usize::try_from(WINDOW_HOURS).unwrap());
        let sum: i128 = per_hour[..in_window].iter().sum();
        let left_s = i128::from((month().end() - now).num_seconds());
        let expected: i128 = projection.rows.iter().map(|row| row.quantity).sum();
        let window_s = i128::try_from(in_window).unwrap() * 3_600;
        let error = expected * window_s - sum * left_s;
        prop_assert!(2 * error.abs() <= window_s, "{expected} of {sum}");
    }
}
