use chrono::{DateTime, TimeZone, Utc};

use super::*;

fn at(month: u32, day: u32, hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, month, day, hour, 0, 0).unwrap()
}

fn reporter(number: u128, covers_until: DateTime<Utc>) -> Reporter {
    Reporter {
        executor: Uuid::from_u128(number),
        boot_epoch: 1,
        covers_until,
        lost_at: None,
        unreported: 0,
    }
}

#[test]
fn days_are_complete_when_the_slowest_has_reported_them() {
    let now = at(10, 5, 12);
    let of = |times: &[DateTime<Utc>]| {
        Reporters(times.iter().map(|time| reporter(1, *time)).collect()).complete_until(now)
    };
    assert_eq!(of(&[]), at(10, 5, 0));
    assert_eq!(of(&[at(10, 5, 11), at(10, 4, 23)]), at(10, 4, 0));
    assert_eq!(of(&[at(10, 5, 0)]), at(10, 5, 0));
    // A clock that is ahead does not make days complete that are not over.
    assert_eq!(of(&[at(10, 9, 0)]), at(10, 5, 0));
    let mut lost = reporter(1, at(10, 1, 0));
    lost.lost_at = Some(now);
    assert_eq!(Reporters(vec![lost]).complete_until(now), at(10, 5, 0));
}

#[test]
fn a_month_is_closed_once_complete_or_by_force() {
    let month: Month = "2026-09".parse().unwrap();
    let (good, late) = (reporter(1, at(10, 1, 0)), reporter(2, at(9, 30, 23)));
    let both = Reporters(vec![good.clone(), late.clone()]);
    let alone = Reporters(vec![good]);
    let due = |missing: &[&Reporter]| Closing::Due {
        missing: missing.iter().map(|one| (*one).clone()).collect(),
    };
    assert_eq!(
        alone.closing(month, at(10, 1, 23), false),
        Closing::NotBefore(at(10, 2, 0))
    );
    assert_eq!(alone.closing(month, at(10, 2, 0), false), due(&[]));
    assert_eq!(
        both.closing(month, at(10, 3, 23), false),
        Closing::Waits {
            missing: vec![late.clone()],
            until: at(10, 4, 0)
        }
    );
    assert_eq!(both.closing(month, at(10, 4, 0), false), due(&[&late]));
    assert_eq!(both.closing(month, at(10, 1, 0), true), due(&[&late]));
    assert_eq!(
        both.closing(month, at(9, 30, 23), true),
        Closing::NotBefore(at(10, 1, 0))
    );
    let mut lost = late;
    lost.lost_at = Some(at(10, 1, 1));
    let given_up = Reporters(vec![lost.clone()]);
    assert_eq!(given_up.closing(month, at(10, 2, 0), false), due(&[&lost]));
    assert!(lost.note(month).contains("declared lost on 2026-10-01"));
    assert!(!lost.note(month).contains("at least"));
    for (records, known) in [(1, "at least 1 execution)"), (7, "at least 4 executions)")] {
        let mut witnessed = lost.clone();
        witnessed.unreported = records;
        assert!(witnessed.note(month).contains(known));
    }
    // It is on the bills of the months in which it may have run something, and on no later one.
    assert_eq!(given_up.missing(month.next()), [lost]);
    assert_eq!(given_up.missing(month.next().next()), []);
}

#[test]
fn the_last_month_that_is_due_has_all_before_it_due() {
    let month = |text: &str| text.parse::<Month>().unwrap();
    let nobody = Reporters::default();
    assert_eq!(nobody.due(at(10, 1, 23)), month("2026-08"));
    assert_eq!(nobody.due(at(10, 2, 0)), month("2026-09"));
    // One that was last heard of in July is waited for until 72 hours after each month's end.
    let silent = Reporters(vec![reporter(1, at(7, 3, 0))]);
    assert_eq!(silent.due(at(10, 3, 23)), month("2026-08"));
    assert_eq!(silent.due(at(10, 4, 0)), month("2026-09"));
    for now in [at(10, 1, 23), at(10, 2, 0), at(10, 3, 23), at(10, 4, 0)] {
        let due = silent.due(now);
        for (month, may) in [(due.previous(), true), (due, true), (due.next(), false)] {
            let closing = silent.closing(month, now, false);
            let is_due = matches!(closing, Closing::Due { .. });
            assert_eq!(is_due, may, "{month} at {now}: {closing:?}");
        }
    }
}
