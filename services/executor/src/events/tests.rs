//! What the end of an attempt means, as a table; and what the rest does without a function.

use std::collections::BTreeMap;

use chassis::Ids;
use chrono::{DateTime, TimeDelta, Utc};
use domain::event::{Condition, EventId, Source, Verdict};
use domain::execution::{Execution, Outcome};
use domain::retry::Age;
use domain::{AccountId, Architecture, Egress, FunctionSpec, Version};
use rpc::executor::{AsyncWork, Target as WireTarget, target};
use store::events::{Settlement, Target, TargetKind};
use tonic::Code;
use uuid::Uuid;

use super::{Attempted, Refused, Running, Work, settlement};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000042:q";

fn accepted_at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_428_000, 0).unwrap()
}

fn spec() -> FunctionSpec {
    FunctionSpec {
        spec_id: "spec".to_owned(),
        account: AccountId::new(42).unwrap(),
        region: "us-east-1".parse().unwrap(),
        name: "f".parse().unwrap(),
        version: Version::Latest,
        runtime: "python3.11".to_owned(),
        handler: "app.handler".to_owned(),
        architecture: Architecture::X86_64,
        memory_mb: 256,
        timeout_s: 10,
        ephemeral_mb: 512,
        environment: BTreeMap::new(),
        egress: Egress::None,
        code_sha256: String::new(),
        code_size: 0,
    }
}

fn target(kind: TargetKind, lane: Result<i64, &str>) -> Target {
    Target {
        kind,
        arn: QUEUE.to_owned(),
        lane: lane.map_err(str::to_owned),
        qualifier: "live".to_owned(),
    }
}

/// The second attempt of an event whose greatest age is an hour, with a minute before the next one.
fn work() -> Work {
    Work {
        event: EventId::floor(accepted_at()),
        attempt: 2,
        shard: 3,
        epoch: 1,
        lane: 35,
        age: Age {
            accepted_at: accepted_at(),
            max: TimeDelta::hours(1),
        },
        retry_delay: Some(TimeDelta::minutes(1)),
        targets: vec![
            target(TargetKind::OnSuccess, Ok(7)),
            target(TargetKind::OnFailure, Err("not yet")),
            target(TargetKind::DeadLetter, Ok(8)),
        ],
        function_arn: "arn:aws:lambda:us-east-1:000000000042:function:f:live".to_owned(),
        qualifier: "live".to_owned(),
    }
}

/// An execution that ended so many seconds after its event was accepted.
fn execution(outcome: Outcome, second: i64) -> Execution {
    let spec = spec();
    Execution {
        request_id: work().event.uuid(),
        attempt: 2,
        account: spec.account,
        region: spec.region.clone(),
        function_arn: spec.arn().to_string(),
        version: "$LATEST".to_owned(),
        architecture: spec.architecture,
        memory_mb: spec.memory_mb,
        ephemeral_mb: spec.ephemeral_mb,
        init_ns: 0,
        invoke_ns: 1,
        request_bytes: 2,
        response_bytes: 2,
        outcome,
        started_at: accepted_at(),
        ended_at: accepted_at() + TimeDelta::seconds(second),
    }
}

fn settle(work: &Work, execution: Execution, response: &str, cancelled: bool) -> Settlement {
    let attempted = Attempted {
        executor: Uuid::from_u128(1),
        spec: &spec(),
        work,
        execution,
        billed_ms: 3,
        request: br#"{"a":1}"#,
        response: response.as_bytes(),
        trace: "Root=1",
        cancelled,
    };
    settlement(&attempted, Ids)
}

/// What is sent where: the source and lane of events, the kinds of records that stay here.
fn sent(settlement: &Settlement) -> (Vec<(Source, i64)>, Vec<TargetKind>) {
    let events = settlement.deliveries.iter();
    let events = events.map(|one| (one.event.source, one.event.lane));
    let kept = settlement.undelivered.iter().map(|one| one.kind);
    (events.collect(), kept.collect())
}

#[test]
fn ends_and_what_follows_from_them() {
    let (ok, bad) = (Outcome::Success, Outcome::FunctionError);
    let last = |work: &mut Work| work.retry_delay = None;
    let as_is = |_: &mut Work| {};
    let hasty = |work: &mut Work| work.age.max = TimeDelta::seconds(60);
    let retry = |second| Verdict::Retry {
        at: accepted_at() + TimeDelta::seconds(second),
    };
    let check = |change: fn(&mut Work), (outcome, second), cancelled, want: Verdict| {
        let mut work = work();
        change(&mut work);
        let end = settle(&work, execution(outcome, second), "{}", cancelled);
        assert_eq!(end.verdict, want);
        let condition = want.condition().filter(|one| *one != Condition::Cancelled);
        let (events, kept) = match condition {
            Some(Condition::Success) => (vec![(Source::Destination, 7)], vec![]),
            Some(_) => (vec![(Source::DeadLetter, 8)], vec![TargetKind::OnFailure]),
            None => (vec![], vec![]),
        };
        assert_eq!(sent(&end), (events, kept), "{want:?}");
        let letter = end.dead_letter.map(|letter| letter.condition);
        assert_eq!(letter, condition.filter(|one| *one != Condition::Success));
        assert!(
            end.ran.is_some() && end.usage.is_some(),
            "it ran, so it is charged"
        );
    };
    check(as_is, (ok, 1), false, Verdict::Success);
    check(last, (ok, 1), false, Verdict::Success);
    check(as_is, (bad, 1), false, retry(61));
    check(
        last,
        (bad, 1),
        false,
        Verdict::Dead(Condition::RetriesExhausted),
    );
    // The look ahead: one that ends in its first moment may still be tried again at the very end of its time.
    check(hasty, (bad, 0), false, retry(60));
    check(
        hasty,
        (bad, 1),
        false,
        Verdict::Dead(Condition::EventAgeExceeded),
    );
    check(as_is, (bad, 1), true, Verdict::Dead(Condition::Cancelled));
    check(last, (bad, 1), true, Verdict::Dead(Condition::Cancelled));
    // It was quicker than the wish to end it.
    check(as_is, (ok, 1), true, Verdict::Success);
}

#[test]
fn records_and_letters_carry_the_event() {
    let mut work = work();
    work.retry_delay = None;
    let end = settle(&work, execution(Outcome::FunctionError, 1), "{}", false);
    let letter = &end.deliveries[0];
    assert_eq!(letter.event.payload, br#"{"a":1}"#, "as it came");
    assert_eq!(
        (letter.event.qualifier.as_str(), letter.event.trace.as_str()),
        ("live", "Root=1")
    );
    assert_eq!(
        (letter.kind, letter.target.as_str()),
        (TargetKind::DeadLetter, QUEUE)
    );
    let record = &end.undelivered[0];
    assert_eq!(
        (record.target.as_str(), record.reason.as_str()),
        (QUEUE, "not yet")
    );
    let record: serde_json::Value = serde_json::from_slice(&record.body).unwrap();
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(record["responseContext"]["functionError"], "Unhandled");
    let kept = end.dead_letter.unwrap();
    assert_eq!(
        (kept.lane, kept.function.as_str(), kept.qualifier.as_str()),
        (35, "f", "live")
    );
    assert_eq!((kept.attempts, &kept.payload[..]), (2, &br#"{"a":1}"#[..]));
}

#[test]
fn one_line_says_what_went_wrong() {
    let check = |response: &str, want: &str| {
        let failed = execution(Outcome::FunctionError, 1);
        assert_eq!(settle(&work(), failed, response, false).error, want);
    };
    check(
        r#"{"errorType":"ValueError","errorMessage":"no","stackTrace":[]}"#,
        "ValueError: no",
    );
    check(r#"{"errorMessage":"no"}"#, "no");
    check(r#"{"errorType":"Boom"}"#, "Boom: ");
    check("null", "null");
    check("plain text", "plain text");
    check(
        r#"{"errorMessage":{"deep":1}}"#,
        r#"{"errorMessage":{"deep":1}}"#,
    );
    let fine = settle(&work(), execution(Outcome::Success, 1), "{}", false);
    assert_eq!(fine.error, "");
}

#[test]
fn large_events_are_several_requests() {
    const KB: u64 = 1024;
    let check = |bytes: u64, want: u32| {
        let large = Execution {
            request_bytes: bytes,
            ..execution(Outcome::Success, 1)
        };
        let usage = settle(&work(), large, "{}", false).usage.unwrap();
        assert_eq!(usage.requests, want, "{bytes}");
    };
    check(0, 1);
    check(256 * KB, 1);
    check(256 * KB + 1, 2);
    check(320 * KB, 2);
    check(320 * KB + 1, 3);
    check(1_024 * KB, 13);
}

#[test]
fn who_speaks_for_a_shard_counts_from_his_first_word() {
    let running = Running::default();
    let (alice, bob) = (AccountId::new(42).unwrap(), AccountId::new(43).unwrap());
    let claim = |shard, epoch, event: u128, attempt| {
        let event = EventId::floor(accepted_at()).uuid().as_u128() + event;
        let work = Work {
            event: EventId::new(Uuid::from_u128(event)).unwrap(),
            attempt,
            shard,
            epoch,
            ..work()
        };
        running.claim(&work, alice)
    };
    let first = claim(3, 2, 1, 1).unwrap();
    assert_eq!(claim(3, 2, 1, 1).err(), Some(Refused::Here));
    assert_eq!(claim(3, 1, 2, 1).err(), Some(Refused::OutOfDate));
    // A later owner hears that it is here; from then on the one before is out of date, whatever it asks for.
    assert_eq!(claim(3, 3, 1, 1).err(), Some(Refused::Here));
    assert_eq!(claim(3, 2, 2, 1).err(), Some(Refused::OutOfDate));
    let other_shard = claim(4, 1, 2, 1).unwrap();
    let next_attempt = claim(3, 3, 1, 2).unwrap();
    assert_eq!(running.list().len(), 3);

    let event = Uuid::parse_str(&running.list()[0].request_id).unwrap();
    assert!(!running.cancel(event, bob));
    let one = EventId::floor(accepted_at()).uuid().as_u128() + 1;
    assert!(running.cancel(Uuid::from_u128(one), alice));
    let ended = [&first, &next_attempt, &other_shard].map(|claim| claim.cancel.is_cancelled());
    assert_eq!(ended, [true, true, false]);
    drop((first, next_attempt, other_shard));
    assert_eq!(running.list(), []);
    assert!(!running.cancel(Uuid::from_u128(one), alice));
    assert!(claim(3, 3, 1, 1).is_ok());
}

#[test]
fn what_comes_with_an_event_is_checked() {
    let id = EventId::floor(accepted_at()).uuid();
    let good = || AsyncWork {
        shard: 3,
        epoch: 1,
        accepted_at_ms: accepted_at().timestamp_millis(),
        age_max_s: 60,
        retry_delay_ms: Some(60_000),
        targets: vec![WireTarget {
            kind: target::Kind::OnSuccess.into(),
            arn: QUEUE.to_owned(),
            lane_id: None,
            qualifier: String::new(),
            reason: "not yet".to_owned(),
        }],
        function_arn: "arn".to_owned(),
        lane_id: 35,
        qualifier: String::new(),
    };
    let read = Work::read(id, 1, good()).unwrap();
    assert_eq!(read.targets[0].lane, Err("not yet".to_owned()));
    assert_eq!(read.retry_delay, Some(TimeDelta::minutes(1)));
    let check = |id: Uuid, attempt: u32, change: fn(&mut AsyncWork), what: &str| {
        let mut work = good();
        change(&mut work);
        let refused = Work::read(id, attempt, work).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(refused.message(), format!("{what} of an event is not one"));
    };
    check(Uuid::from_u128(1), 1, |_| {}, "request_id");
    check(id, 70_000, |_| {}, "attempt");
    check(
        id,
        1,
        |work| work.accepted_at_ms = i64::MAX,
        "accepted_at_ms",
    );
    check(
        id,
        1,
        |work| work.retry_delay_ms = Some(u64::MAX),
        "retry_delay_ms",
    );
    check(id, 1, |work| work.targets[0].kind = 0, "target");
}
