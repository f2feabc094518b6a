//! Tables of what is accepted, and the timetable against brute force and against the `cron` crate.

use std::str::FromStr as _;

use chrono::{
    DateTime, Datelike as _, NaiveDate, NaiveDateTime, TimeDelta, TimeZone as _, Timelike as _, Utc,
};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;

use super::*;
use crate::Region;

fn parse(text: &str) -> Result<Expression, String> {
    Expression::parse(text, Dialect::Scheduler).map_err(|error| error.to_string())
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn table(text: &str, zone_name: &str) -> Timetable {
    Timetable {
        expression: parse(text).unwrap(),
        zone: zone(zone_name).unwrap(),
        start_at: None,
        end_at: None,
        anchor_at: instant("2026-01-01T00:00:30Z"),
    }
}

/// The first fires from a moment on.
fn fires(table: &Timetable, from: &str, count: usize) -> Vec<String> {
    let mut from = instant(from);
    let mut fires = Vec::new();
    while fires.len() < count
        && let Some(next) = table.next_from(from)
    {
        fires.push(next.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        from = next + TimeDelta::milliseconds(1);
    }
    fires
}

#[test]
fn what_aws_accepts() {
    for text in [
        "cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)",
        "cron(1-31/30 1-1 ? * 1,7 *)",
        "cron(*/15 * * * ? *)",
        "cron(0-59/10 0-23/2 ? * * *)",
        "cron(15 10 ? * 6L 2019-2027)",
        "cron(15 10 ? * FRIL *)",
        "cron(0 2 ? * SAT#3 *)",
        "cron(0 9 3W * ? *)",
        "cron(0 9 L * ? *)",
        "cron(0 9 LW * ? *)",
        "cron(0/30 20-2 ? * MON-FRI *)",
        "cron(0 0 ? * L *)",
        "cron(0 0 ? * FRI-MON *)",
        "cron(0 0 1 NOV-FEB ? *)",
        "cron(0 12 1 1 ? 2199)",
        "cron(0 12 1 JAN,jul ? 1970-2199/2)",
        "at(2021-12-31T23:59:59)",
        "at(1970-01-01T00:00:00)",
        "rate(1 minute)",
        "rate(1 minutes)",
        "rate(10 minute)",
        "rate(5 hours)",
        "rate(1 day)",
        "rate(7 days)",
    ] {
        assert_eq!(parse(text).err(), None, "{text}");
    }
}

#[test]
fn what_aws_refuses() {
    for text in [
        "cron(0 1 * * * *)",
        "cron(7 20 * * NOT *)",
        "cron(INVALID)",
        "cron()",
        "cron(71 8 1 * ? *)",
        "cron(0 0 ? * ? *)",
        "cron(0 0 ? * 3#1,6#3 *)",
        "cron(0 0 ? * 3#6 *)",
        "cron(0 0 ? * 8 *)",
        "cron(0 0 0 * ? *)",
        "cron(0 0 32W * ? *)",
        "cron(0 0 1 13 ? *)",
        "cron(0 0 1 1 ? 1969)",
        "cron(0 0 1 1 ? 2200)",
        "cron(0 0 1 1 ? 2030-2020)",
        "cron(0/0 * * * ? *)",
        "cron(0 0 1,L * ? *)",
        "cron(0 0 1 * ?)",
        "cron(0 0 1 * ? * *)",
        "cron(+1 0 1 * ? *)",
        "cron(1- 0 1 * ? *)",
        "cron(, 0 1 * ? *)",
        "cron(0 0 1 JANUARY ? *)",
        "Cron(0 0 1 * ? *)",
        "rate(10 seconds)",
        "rate(10 years)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(-10 minutes)",
        "rate( 10 minutes )",
        "rate(0 minutes)",
        "rate(+1 minutes)",
        "rate(10 MINUTES)",
        "rate(99999999999 days)",
        " rate(10 minutes)",
        "rate(10 minutes) ",
        "at(2021-12-31T23:59:59Z)",
        "at(2021-12-31)",
        "at(2021-02-30T00:00:00)",
        "at(2021-12-31T24:00:00)",
        "at(2021-12-31 23:59:59)",
        "at(21-12-31T23:59:59)",
        "",
        "every day",
    ] {
        let want = Err(format!("Invalid Schedule Expression {text}."));
        assert_eq!(parse(text), want);
    }
    assert!(parse(&format!("cron({} * * * ? *)", "1,".repeat(200) + "1")).is_err());
}

#[test]
fn rules_mind_their_grammar() {
    let rule = |text| Expression::parse(text, Dialect::Rule).is_ok();
    for text in [
        "rate(1 minute)",
        "rate(2 minutes)",
        "rate(1 day)",
        "cron(0 12 * * ? *)",
    ] {
        assert!(rule(text), "{text}");
    }
    for text in [
        "rate(1 minutes)",
        "rate(10 minute)",
        "rate(0 minutes)",
        "rate(10 MINUTES)",
        "at(2021-12-31T23:59:59)",
    ] {
        assert!(!rule(text), "{text}");
    }
}

#[test]
fn cron_by_example() {
    let check = |text: &str, want: &[&str]| {
        let got = fires(&table(text, "UTC"), "2026-01-30T00:00:01Z", want.len());
        assert_eq!(got, want, "{text}");
    };
    check(
        "cron(15 12 * * ? *)",
        &["2026-01-30T12:15:00Z", "2026-01-31T12:15:00Z"],
    );
    check(
        "cron(0 9 L * ? *)",
        &["2026-01-31T09:00:00Z", "2026-02-28T09:00:00Z"],
    );
    check(
        "cron(0 9 L-2 * ? *)",
        &["2026-02-26T09:00:00Z", "2026-03-29T09:00:00Z"],
    );
    // 31 January 2026 and 28 February are Saturdays, 31 May is a Sunday.
    check(
        "cron(0 9 LW * ? *)",
        &["2026-01-30T09:00:00Z", "2026-02-27T09:00:00Z"],
    );
    check(
        "cron(0 9 31W * ? *)",
        &["2026-01-30T09:00:00Z", "2026-03-31T09:00:00Z"],
    );
    check("cron(0 9 31W 5 ? *)", &["2026-05-29T09:00:00Z"]);
    check("cron(0 9 1W 8 ? *)", &["2026-08-03T09:00:00Z"]);
    check(
        "cron(0 9 ? * 6L *)",
        &["2026-01-30T09:00:00Z", "2026-02-27T09:00:00Z"],
    );
    check(
        "cron(0 9 ? * SAT#5 *)",
        &["2026-01-31T09:00:00Z", "2026-05-30T09:00:00Z"],
    );
    check(
        "cron(0 9 ? * L *)",
        &["2026-01-31T09:00:00Z", "2026-02-07T09:00:00Z"],
    );
    check(
        "cron(0 0 29 2 ? *)",
        &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"],
    );
    check("cron(0 0 30 2 ? *)", &[]);
    check("cron(0 0 1 1 ? 2199)", &["2199-01-01T00:00:00Z"]);
    assert_eq!(
        fires(
            &table("cron(0 0 30 2 ? *)", "UTC"),
            "2026-01-01T00:00:00Z",
            1
        ),
        [""; 0]
    );
    assert_eq!(
        fires(
            &table("cron(0 0 1 1 ? 2020)", "UTC"),
            "2026-01-01T00:00:00Z",
            1
        ),
        [""; 0]
    );
    check(
        "cron(0/30 22-1/3 ? * FRI *)",
        &[
            "2026-01-30T01:00:00Z",
            "2026-01-30T01:30:00Z",
            "2026-01-30T22:00:00Z",
        ],
    );
}

#[test]
fn a_gap_is_left_out_and_a_repeat_fires_once() {
    let check = |text: &str, zone: &str, from: &str, want: &[&str]| {
        assert_eq!(
            fires(&table(text, zone), from, want.len()),
            want,
            "{text} {zone}"
        );
    };
    // New York, 8 March 2026: 02:00 is 03:00.
    check(
        "cron(30 2 * * ? *)",
        "America/New_York",
        "2026-03-07T00:00:00Z",
        &["2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z"],
    );
    // 1 November 2026: 02:00 is 01:00 again.
    check(
        "cron(30 1 * * ? *)",
        "America/New_York",
        "2026-10-31T06:00:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    );
    check(
        "cron(0/30 * * * ? *)",
        "America/New_York",
        "2026-11-01T05:00:00Z",
        &[
            "2026-11-01T05:00:00Z",
            "2026-11-01T05:30:00Z",
            "2026-11-01T07:00:00Z",
        ],
    );
    // Asked in the second pass.
    check(
        "cron(30 1 * * ? *)",
        "America/New_York",
        "2026-11-01T06:10:00Z",
        &["2026-11-02T06:30:00Z"],
    );
    // A change of half an hour, and a day that never was.
    check(
        "cron(15 2 * * ? *)",
        "Australia/Lord_Howe",
        "2026-10-03T12:00:00Z",
        &["2026-10-04T15:15:00Z"],
    );
    check(
        "cron(0 12 * 12 ? 2011)",
        "Pacific/Apia",
        "2011-12-29T20:00:00Z",
        &["2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z"],
    );
    // A day of a rate has 24 hours.
    let mut daily = table("rate(1 day)", "America/New_York");
    daily.anchor_at = instant("2026-03-07T12:00:00Z");
    let want = [
        "2026-03-07T12:00:00Z",
        "2026-03-08T12:00:00Z",
        "2026-03-09T12:00:00Z",
    ];
    assert_eq!(fires(&daily, "2026-03-01T00:00:00Z", 3), want);
}

#[test]
fn once_is_once() {
    let check = |text: &str, zone: &str, from: &str, want: &[&str]| {
        assert_eq!(fires(&table(text, zone), from, 2), want);
    };
    check(
        "at(2026-05-01T08:00:00)",
        "Asia/Tokyo",
        "2026-01-01T00:00:00Z",
        &["2026-04-30T23:00:00Z"],
    );
    check(
        "at(2026-05-01T08:00:00)",
        "UTC",
        "2026-05-01T08:00:01Z",
        &[],
    );
    // In a gap: as if the clock had not been moved yet.
    check(
        "at(2026-03-08T02:30:00)",
        "America/New_York",
        "2026-01-01T00:00:00Z",
        &["2026-03-08T07:30:00Z"],
    );
    check(
        "at(2011-12-30T12:00:00)",
        "Pacific/Apia",
        "2011-01-01T00:00:00Z",
        &["2011-12-30T22:00:00Z"],
    );
    // Bounds are not for it.
    let mut bounded = table("at(2026-05-01T08:00:00)", "UTC");
    bounded.start_at = Some(instant("2027-01-01T00:00:00Z"));
    bounded.end_at = Some(instant("2026-01-01T00:00:00Z"));
    assert_eq!(
        fires(&bounded, "2026-01-01T00:00:00Z", 1),
        ["2026-05-01T08:00:00Z"]
    );
}

#[test]
fn bounds_belong_to_the_table() {
    let mut bounded = table("cron(0 12 * * ? *)", "UTC");
    bounded.start_at = Some(instant("2026-02-01T12:00:00Z"));
    bounded.end_at = Some(instant("2026-02-02T12:00:00Z"));
    let want = ["2026-02-01T12:00:00Z", "2026-02-02T12:00:00Z"];
    assert_eq!(fires(&bounded, "2026-01-01T00:00:00Z", 3), want);
    let (last, count) = bounded.last_between(
        instant("2026-01-01T00:00:00Z"),
        instant("2026-03-01T00:00:00Z"),
    );
    assert_eq!((last, count), (Some(instant("2026-02-02T12:00:00Z")), 2));
    let mut rate = table("rate(90 minutes)", "UTC");
    assert_eq!(
        fires(&rate, "2026-01-01T00:00:30Z", 2),
        ["2026-01-01T00:00:30Z", "2026-01-01T01:30:30Z"]
    );
    rate.end_at = Some(instant("2026-01-01T01:00:00Z"));
    assert_eq!(
        fires(&rate, "2025-01-01T00:00:30Z", 2),
        ["2026-01-01T00:00:30Z"]
    );
}

/// A minute's fields, matched one by one: what an expression means, without any search.
fn matches(fields: &[String; 5], wall: NaiveDateTime) -> bool {
    let one = |text: &str, value: u32, first: u32, last: u32| {
        text.split(',').any(|part| {
            let (span, step) = part.split_once('/').unwrap_or((part, ""));
            let (from, to) = match span.split_once('-') {
                _ if span == "*" => (first, last),
                Some((from, to)) => (from.parse().unwrap(), to.parse().unwrap()),
                None if step.is_empty() => (span.parse().unwrap(), span.parse().unwrap()),
                None => (span.parse().unwrap(), last),
            };
            let step: u32 = if step.is_empty() {
                1
            } else {
                step.parse().unwrap()
            };
            let mut at = from;
            let mut left = if from <= to {
                to - from
            } else {
                to + (last - first + 1) - from
            } + 1;
            while left > 0 {
                if at == value {
                    return true;
                }
                for _ in 0..step {
                    at = if at == last { first } else { at + 1 };
                    left = left.saturating_sub(1);
                }
            }
            false
        })
    };
    let days_in = |date: NaiveDate| u32::from(date.num_days_in_month());
    let of_week = |date: NaiveDate| date.weekday().num_days_from_sunday() + 1;
    let weekend = |date: NaiveDate| matches!(of_week(date), 1 | 7);
    let date = wall.date();
    let day_fits = match (fields[2].as_str(), fields[4].as_str()) {
        ("L", "?") => date.day() == days_in(date),
        (text, "?") if text.ends_with('W') => {
            let last = days_in(date);
            let want = if text == "LW" {
                last
            } else {
                text.trim_end_matches('W').parse().unwrap()
            };
            // The nearest of all weekdays of the month; of two as near, no day has any.
            want <= last
                && (1..=last)
                    .filter_map(|day| date.with_day(day))
                    .filter(|date| !weekend(*date))
                    .min_by_key(|date| date.day().abs_diff(want))
                    == Some(date)
        }
        (text, "?") => one(text, date.day(), 1, 31),
        ("?", "L") => of_week(date) == 7,
        ("?", text) if text.ends_with('L') => {
            of_week(date).to_string() == text.trim_end_matches('L')
                && date.day() + 7 > days_in(date)
        }
        ("?", text) if text.contains('#') => {
            let (day, nth) = text.split_once('#').unwrap();
            of_week(date).to_string() == day
                && (date.day() - 1) / 7 + 1 == nth.parse::<u32>().unwrap()
        }
        ("?", text) => one(text, of_week(date), 1, 7),
        _ => unreachable!(),
    };
    one(&fields[0], wall.minute(), 0, 59)
        && one(&fields[1], wall.hour(), 0, 23)
        && one(&fields[3], date.month(), 1, 12)
        && day_fits
}

fn list(first: u32, last: u32) -> impl Strategy<Value = String> {
    let value = first..=last;
    let part = prop_oneof![
        3 => value.clone().prop_map(|a| a.to_string()),
        2 => (value.clone(), value.clone()).prop_map(|(a, b)| format!("{a}-{b}")),
        1 => (value.clone(), 1..=last).prop_map(|(a, step)| format!("{a}/{step}")),
        1 => (value.clone(), value, 1..=last).prop_map(|(a, b, step)| format!("{a}-{b}/{step}")),
        1 => (1..=last).prop_map(|step| format!("*/{step}")),
    ];
    prop_oneof![
        2 => Just("*".to_owned()),
        3 => prop::collection::vec(part, 1..4).prop_map(|parts| parts.join(",")),
    ]
}

fn days() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        4 => list(1, 31).prop_map(|text| (text, "?".to_owned())),
        1 => Just(("L".to_owned(), "?".to_owned())),
        1 => Just(("LW".to_owned(), "?".to_owned())),
        2 => (1..=31u32).prop_map(|day| (format!("{day}W"), "?".to_owned())),
        3 => list(1, 7).prop_map(|text| ("?".to_owned(), text)),
        1 => Just(("?".to_owned(), "L".to_owned())),
        2 => (1..=7u32).prop_map(|day| ("?".to_owned(), format!("{day}L"))),
        2 => (1..=7u32, 1..=5u32).prop_map(|(day, nth)| ("?".to_owned(), format!("{day}#{nth}"))),
    ]
}

fn fields() -> impl Strategy<Value = [String; 5]> {
    (list(0, 59), list(0, 23), list(1, 12), days()).prop_map(
        |(minutes, hours, months, (of_month, of_week))| [minutes, hours, of_month, months, of_week],
    )
}

/// A moment in ten years, near a change of some clock as often as not.
fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    (0..10 * 366 * 24 * 60i64, 0..60i64).prop_map(|(minute, second)| {
        Utc.with_ymd_and_hms(2020, 1, 1, 0, 0, 0).unwrap()
            + TimeDelta::minutes(minute)
            + TimeDelta::seconds(second)
    })
}

/// Every minute of the zone's clock from `from` on, for `minutes`, by counting UTC minutes in steps: each wall-clock minute when it
/// comes first.
fn brute(
    fields: &[String; 5],
    zone: Tz,
    from: DateTime<Utc>,
    minutes: i64,
    step: i16,
) -> Vec<DateTime<Utc>> {
    let first = (from.timestamp() - 1).div_euclid(60) + 1;
    let first = first + (-first).rem_euclid(step.into());
    (first..first + minutes)
        .step_by(step.unsigned_abs().into())
        .map(|minute| DateTime::from_timestamp(minute * 60, 0).unwrap())
        .filter(|at| {
            let wall = at.with_timezone(&zone).naive_local();
            wall.second() == 0 && matches(fields, wall) && {
                let first_pass = zone.from_local_datetime(&wall).earliest();
                first_pass.map(|first| first.with_timezone(&Utc)) == Some(*at)
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Over all zones and ten years: what a search finds is what trying every minute finds.
    #[test]
    fn a_search_finds_what_trying_every_minute_finds(
        fields in fields(),
        zone in prop::sample::select(&TZ_VARIANTS[..]),
        from in moment(),
    ) {
        let [minutes, hours, of_month, months, of_week] = &fields;
        let mut table = table(&format!("cron({minutes} {hours} {of_month} {months} {of_week} *)"), "UTC");
        table.zone = zone;
        let span = 36 * 60;
        let end = from + TimeDelta::minutes(span);
        let mut found = Vec::new();
        let mut next = table.next_from(from);
        while let Some(at) = next.filter(|at| *at < end) {
            found.push(at);
            next = table.next_from(at + TimeDelta::milliseconds(1));
        }
        prop_assert_eq!(found, brute(&fields, zone, from, span, 1));
    }

    /// The `cron` crate agrees wherever it knows the grammar, in UTC.
    #[test]
    fn the_cron_crate_agrees(fields in fields(), from in moment()) {
        let [minutes, hours, of_month, months, of_week] = &fields;
        let text = format!("0 {minutes} {hours} {of_month} {months} {of_week} *");
        let Ok(other) = ::cron::Schedule::from_str(&text) else {
            return Ok(());
        };
        let table = table(&format!("cron({minutes} {hours} {of_month} {months} {of_week} *)"), "UTC");
        let want: Vec<_> = other.after(&from).take(3).filter(|at| at.year() < 2100).collect();
        let mut got = Vec::new();
        let mut next = table.next_from(from + TimeDelta::milliseconds(1));
        while let Some(at) = next.filter(|at| at.year() < 2100)
            && got.len() < 3
        {
            got.push(at);
            next = table.next_from(at + TimeDelta::milliseconds(1));
        }
        prop_assert_eq!(got, want);
    }

    /// Whatever is typed is answered, not died of.
    #[test]
    fn nonsense_is_refused(text in ".{0,40}", inner in "[0-9A-Za-z*?,/# -]{0,24}") {
        let _ = parse(&text);
        for kind in ["cron", "rate", "at"] {
            let _ = parse(&format!("{kind}({inner})"));
        }
        let _ = Crontab::parse(&text);
        let _ = Crontab::parse(&inner);
    }
}

/// Around every clock change of every zone in ten years: no time of a half-hourly schedule is missing but those in gaps, none twice.
#[test]
fn around_every_clock_change() {
    let half_hourly = ["0,30", "*", "*", "*", "?"].map(str::to_owned);
    let mut changes = 0;
    for zone in TZ_VARIANTS {
        let mut before = None;
        // Changes of clocks are found by looking at the offset at noon of each day.
        for day in 0..3_653 {
            let noon = Utc.with_ymd_and_hms(2020, 1, 1, 12, 0, 0).unwrap() + TimeDelta::days(day);
            let offset = chrono::Offset::fix(noon.with_timezone(&zone).offset());
            if before.replace(offset).is_none_or(|before| before == offset) {
                continue;
            }
            changes += 1;
            let from = noon - TimeDelta::hours(30);
            let mut table = table("cron(0,30 * * * ? *)", "UTC");
            table.zone = zone;
            let mut found = Vec::new();
            let mut next = table.next_from(from);
            while let Some(at) = next.filter(|at| *at < from + TimeDelta::hours(36)) {
                found.push(at);
                next = table.next_from(at + TimeDelta::milliseconds(1));
            }
            assert_eq!(
                found,
                brute(&half_hourly, zone, from, 36 * 60, 15),
                "{zone} {noon}"
            );
        }
    }
    assert!(changes > 1_000, "{changes} changes found");
}

#[test]
fn inputs_are_filled_in() {
    let region: Region = "eu-west-1".parse().unwrap();
    let fire = Fire {
        arn: "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/a",
        by_rule: false,
        account: crate::AccountId::new(123_456_789_012).unwrap(),
        region: &region,
        scheduled_at: instant("2026-05-01T08:00:00.250Z"),
        execution_id: Uuid::from_u128(7),
        attempt: 2,
    };
    let check = |input: Option<&str>, fire: &Fire<'_>, want: &str| {
        assert_eq!(String::from_utf8(render(input, fire)).unwrap(), want);
    };
    check(
        Some(
            r#"{"a":"<aws.scheduler.schedule-arn>","t":"<aws.scheduler.scheduled-time>","e":"<aws.scheduler.execution-id>","n":<aws.scheduler.attempt-number>}"#,
        ),
        &fire,
        r#"{"a":"arn:aws:scheduler:eu-west-1:123456789012:schedule/default/a","t":"2026-05-01T08:00:00Z","e":"00000000-0000-0000-0000-000000000007","n":3}"#,
    );
    check(Some("7"), &fire, "7");
    check(
        None,
        &fire,
        r#"{"version":"0","id":"00000000-0000-0000-0000-000000000007","detail-type":"Scheduled Event","source":"aws.scheduler","account":"123456789012","time":"2026-05-01T08:00:00Z","region":"eu-west-1","resources":["arn:aws:scheduler:eu-west-1:123456789012:schedule/default/a"],"detail":"{}"}"#,
    );
    let rule = Fire {
        arn: "arn:aws:events:eu-west-1:123456789012:rule/r",
        by_rule: true,
        ..fire
    };
    check(
        None,
        &rule,
        r#"{"version":"0","id":"00000000-0000-0000-0000-000000000007","detail-type":"Scheduled Event","source":"aws.events","account":"123456789012","time":"2026-05-01T08:00:00Z","region":"eu-west-1","resources":["arn:aws:events:eu-west-1:123456789012:rule/r"],"detail":{}}"#,
    );
    check(
        Some("\"<aws.scheduler.execution-id>\""),
        &rule,
        "\"<aws.scheduler.execution-id>\"",
    );
    assert!(check_input(r#"{"n": <aws.scheduler.attempt-number>}"#).is_ok());
    assert!(check_input("plain").is_err());
}

#[test]
fn a_crontab_is_read() {
    let text = "# jobs\nMAILTO=ops@example.com\nCRON_TZ = \"Europe/Berlin\"\n\n*/5 * * * *  poll --fast\n\
                0 22 * * 1-5 backup\\%all%to%tape\n0 0 1,15 * fri  both\n@daily clean\n@reboot start\n\
                0 0 */2 * 1 odd\n61 * * * * wrong\n0 0 * * 5-7 weekend\n0 0 * * * \n* * * *\n";
    let crontab = Crontab::parse(text);
    assert_eq!(
        crontab.passed_over,
        [(2, "MAILTO=ops@example.com".to_owned())]
    );
    let entries: Vec<(usize, &str, Option<Vec<&str>>)> = crontab
        .entries
        .iter()
        .map(|entry| {
            let expressions = entry.expressions.as_ref().ok();
            let expressions = expressions.map(|all| all.iter().map(String::as_str).collect());
            (entry.line, entry.command.as_str(), expressions)
        })
        .collect();
    assert_eq!(
        entries,
        [
            (5, "poll --fast", Some(vec!["cron(*/5 * * * ? *)"])),
            (
                6,
                "backup%all",
                Some(vec!["cron(0 22 ? * MON,TUE,WED,THU,FRI *)"])
            ),
            (
                7,
                "both",
                Some(vec!["cron(0 0 1,15 * ? *)", "cron(0 0 ? * FRI *)"])
            ),
            (8, "clean", Some(vec!["cron(0 0 * * ? *)"])),
            (9, "start", None),
            (10, "odd", None),
            (11, "wrong", None),
            (12, "weekend", Some(vec!["cron(0 0 ? * FRI,SAT,SUN *)"])),
            (13, "", None),
            (14, "", None),
        ]
    );
    assert_eq!(crontab.entries[1].stdin.as_deref(), Some("to\ntape"));
    assert_eq!(
        crontab.entries[0].timezone.as_deref(),
        Some("Europe/Berlin")
    );
}

#[test]
fn shards_and_days_have_their_places() {
    assert_eq!(shard(Uuid::from_u128(0x25)), 5);
    let at = instant("1970-01-10T23:59:59Z");
    assert_eq!((day(at), day_bucket(day(at))), (9, 1));
    assert_eq!(day_bucket(-1), 7);
}

#[test]
fn words_have_numbers() {
    for one in Overlap::ALL {
        assert_eq!(Overlap::from_number(one.number()), Some(*one));
        assert_eq!(one.as_str().parse(), Ok(*one));
    }
    let wrong = "never".parse::<Missed>().unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "\"never\" is no policy for missed runs: one of all, last, skip"
    );
}
