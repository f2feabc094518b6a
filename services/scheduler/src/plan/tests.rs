use super::*;

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-03-01T{text}Z").parse().unwrap()
}

fn planned(number: u128, expression: &str) -> Planned {
    Planned {
        id: Uuid::from_u128(number),
        shard: 3,
        generation: 1,
        enabled: true,
        by_rule: false,
        expression: expression.to_owned(),
        timezone: "UTC".to_owned(),
        start_at: None,
        end_at: None,
        anchor_at: at("00:00:00"),
        valid_from: at("00:00:00"),
        window_min: None,
        retry_age_max_s: 86_400,
        missed: Missed::All.number(),
        catch_up_s: 86_400,
        delete_after: false,
        input_bytes: 10,
    }
}

fn plan(planned: &[Planned]) -> Plan {
    let mut plan = Plan::default();
    for one in planned {
        assert_eq!(plan.put(one, None), None);
    }
    plan
}

/// Fires all that is due by `now`; answers what fired, and what was written down as missed.
fn fire(plan: &mut Plan, now: DateTime<Utc>) -> (Vec<String>, Vec<String>) {
    let text = |at: DateTime<Utc>| at.format("%H:%M").to_string();
    let (mut fired, mut missed) = (Vec::new(), Vec::new());
    loop {
        let taken = plan.take(now, 2, usize::MAX);
        if taken.is_empty() {
            return (fired, missed);
        }
        for one in taken {
            missed.extend(one.missed_at.map(text));
            fired.extend(one.fire_at.map(text));
            plan.advance(&one);
        }
    }
}

#[test]
fn times_come_in_order_and_once() {
    let mut plan = plan(&[
        planned(1, "cron(0/20 * * * ? *)"),
        planned(2, "rate(15 minutes)"),
    ]);
    assert_eq!(plan.next_due(), Some(at("00:00:00")));
    let first = plan.take(at("00:00:00"), 10, usize::MAX);
    assert_eq!(first.len(), 2);
    // Both are out until they are committed.
    assert_eq!(plan.take(at("00:40:00"), 10, usize::MAX), []);
    plan.put_back(&first[0]);
    plan.advance(&first[1]);
    assert_eq!(plan.take(at("00:00:00"), 10, usize::MAX), [first[0]]);
    plan.advance(&first[0]);
    assert_eq!(plan.next_due(), Some(at("00:15:00")));
    assert_eq!(fire(&mut plan, at("00:14:59")).0, [""; 0]);
    assert_eq!(fire(&mut plan, at("00:15:00")).0, ["00:15"]);
    assert_eq!(fire(&mut plan, at("00:20:30")).0, ["00:20"]);
}

#[test]
fn what_was_missed_is_a_policys_matter() {
    let check = |missed, catch_up_s, want_fired: &[&str], want_missed: &[&str]| {
        let mut one = planned(1, "rate(10 minutes)");
        (one.missed, one.catch_up_s) = (missed, catch_up_s);
        let mut plan = plan(&[one]);
        let (fired, noted) = fire(&mut plan, at("01:00:30"));
        assert_eq!((fired, noted), (owned(want_fired), owned(want_missed)));
        // From here on it is in time again.
        assert_eq!(fire(&mut plan, at("01:10:00")).0, ["01:10"]);
    };
    let all = [
        "00:00", "00:10", "00:20", "00:30", "00:40", "00:50", "01:00",
    ];
    check(Missed::All.number(), 86_400, &all, &[]);
    check(Missed::All.number(), 1_200, &all[5..], &["00:40"]);
    check(Missed::All.number(), 0, &["01:00"], &["00:50"]);
    check(Missed::Last.number(), 86_400, &["01:00"], &["00:50"]);
    check(Missed::Last.number(), 60, &["01:00"], &["00:50"]);
    check(Missed::Skip.number(), 86_400, &["01:00"], &["00:50"]);
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn late_by_more_than_a_minute_is_missed() {
    let check = |missed: Missed, now, want_fired: &[&str], want_missed: &[&str]| {
        let mut one = planned(1, "rate(60 minutes)");
        one.missed = missed.number();
        let mut plan = plan(&[one]);
        assert_eq!(
            fire(&mut plan, at(now)),
            (owned(want_fired), owned(want_missed))
        );
    };
    for missed in [Missed::All, Missed::Last, Missed::Skip] {
        check(missed, "00:01:00", &["00:00"], &[]);
    }
    check(Missed::Skip, "00:01:01", &[], &["00:00"]);
    check(Missed::All, "00:01:01", &["00:00"], &[]);
    check(Missed::Last, "00:01:01", &["00:00"], &[]);
}

#[test]
fn the_retry_policys_age_limits_catching_up() {
    let mut one = planned(1, "rate(10 minutes)");
    one.retry_age_max_s = 1_200;
    let mut plan = plan(&[one]);
    assert_eq!(fire(&mut plan, at("01:00:30")).0, ["00:50", "01:00"]);
}

#[test]
fn a_window_moves_all_fires_by_the_same() {
    for number in 1..200 {
        let mut one = planned((number << 64) | (number * 7919), "rate(60 minutes)");
        one.window_min = Some(15);
        let plan = plan(&[one]);
        let due = plan.next_due().unwrap();
        assert!(due >= at("00:00:00") && due < at("00:15:00"), "{due}");
    }
    let mut one = planned((0xabc << 64) | 5, "rate(60 minutes)");
    one.window_min = Some(1_440);
    let mut plan = plan(&[one]);
    let due = plan.next_due().unwrap();
    let taken = plan.take(due, 1, usize::MAX);
    // What it fires for is the time that was scheduled.
    assert_eq!(taken[0].fire_at, Some(at("00:00:00")));
    plan.advance(&taken[0]);
    assert_eq!(plan.next_due(), Some(due + TimeDelta::hours(1)));
}

#[test]
fn the_newest_generation_counts() {
    let old = planned(1, "rate(10 minutes)");
    let mut plan = plan(std::slice::from_ref(&old));
    let taken = plan.take(at("00:00:00"), 1, usize::MAX);
    let mut new = planned(1, "rate(7 minutes)");
    (new.generation, new.valid_from, new.anchor_at) = (2, at("00:03:00"), at("00:03:00"));
    plan.put(&new, None);
    plan.put(&old, None);
    // Of what is no more, nothing comes back.
    plan.advance(&taken[0]);
    plan.put_back(&taken[0]);
    plan.forget(old.id, 1);
    assert_eq!(fire(&mut plan, at("00:10:30")).0, ["00:03", "00:10"]);
    new.generation = 3;
    new.enabled = false;
    plan.put(&new, None);
    assert_eq!((plan.len(), fire(&mut plan, at("23:00:00")).0), (0, vec![]));
}

#[test]
fn what_was_fired_before_does_not_come_again() {
    let mut plan = Plan::default();
    plan.put(&planned(1, "rate(10 minutes)"), Some(at("00:25:00")));
    assert_eq!(fire(&mut plan, at("00:30:00")).0, ["00:30"]);
    // But nothing before the schedule was as it is.
    let mut late = planned(2, "rate(10 minutes)");
    late.valid_from = at("00:55:00");
    plan.put(&late, Some(at("00:25:00")));
    plan.forget(Uuid::from_u128(1), 1);
    assert_eq!(fire(&mut plan, at("01:00:00")).0, ["01:00"]);
}

#[test]
fn what_is_completed_says_so() {
    let mut once = planned(1, "at(2026-03-01T00:05:00)");
    once.delete_after = true;
    let mut plan = plan(&[once.clone()]);
    let taken = plan.take(at("00:05:00"), 1, usize::MAX);
    assert_eq!(plan.advance(&taken[0]), Some((once.id, 1)));
    assert_eq!(plan.len(), 0);
    // In the past from the beginning, or fired by whoever had it before.
    assert_eq!(
        Plan::default().put(&once, Some(at("00:06:00"))),
        Some((once.id, 1))
    );
    once.delete_after = false;
    assert_eq!(Plan::default().put(&once, Some(at("00:06:00"))), None);
}

#[test]
fn a_step_has_its_size() {
    let all: Vec<Planned> = (0..10).map(|n| planned(n, "rate(10 minutes)")).collect();
    let mut plan = plan(&all);
    assert_eq!(plan.take(at("00:00:00"), 3, usize::MAX).len(), 3);
    assert_eq!(plan.take(at("00:00:00"), 100, 15).len(), 2);
    assert_eq!(plan.take(at("00:00:00"), 100, usize::MAX).len(), 5);
}

#[test]
fn shards_and_old_nodes_go() {
    let mut other = planned(1, "rate(10 minutes)");
    other.shard = 4;
    let mut plan = plan(&[planned(2, "rate(10 minutes)"), other]);
    plan.keep_shards(&[4]);
    assert_eq!(
        (plan.len(), plan.take(at("00:00:00"), 9, usize::MAX).len()),
        (1, 1)
    );
    // A schedule that is changed very often leaves no heap of old nodes behind.
    for generation in 2..5_000 {
        let mut one = planned(2, "rate(10 minutes)");
        one.generation = generation;
        plan.put(&one, None);
    }
    assert!(plan.heap.len() < 3 * STALE_MAX);
}
