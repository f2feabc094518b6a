use proptest::prelude::*;

use super::*;

#[test]
fn destinations() {
    let check = |text: &str, want: Option<&str>| {
        let got = text.parse::<Destination>().ok();
        let kind = got.as_ref().map(|destination| match destination {
            Destination::Function(_) => "function",
            Destination::Sqs(_) => "sqs",
            Destination::Sns(_) => "sns",
            Destination::EventBridge(_) => "bus",
            Destination::S3(_) => "s3",
        });
        assert_eq!(kind, want, "{text}");
        if let Some(destination) = got {
            assert_eq!(destination.to_string(), text);
        }
    };
    let f = "arn:aws:lambda:eu-west-1:111111111111:function:f";
    check(f, Some("function"));
    check(&format!("{f}:prod"), Some("function"));
    check(&format!("{f}:prod:x"), None);
    check("f", None);
    check("111111111111:function:f", None);
    check("arn:aws:lambda:eu-west-1:111111111111:layer:f", None);
    check("arn:aws:sqs:eu-west-1:111111111111:q-1", Some("sqs"));
    check("arn:aws:sqs:eu-west-1:111111111111:q.fifo", Some("sqs"));
    check("arn:aws-cn:sqs:cn-north-1:111111111111:q", Some("sqs"));
    check("arn:aws:sqs:eu-west-1:111111111111:", None);
    check("arn:aws:sqs:eu-west-1:111111111111:a/b", None);
    check("arn:aws:sqs::111111111111:q", None);
    check("arn:aws:sqs:eu-west-1:11:q", None);
    check("arn:aws_x:sqs:eu-west-1:111111111111:q", None);
    check("arn:other:sqs:eu-west-1:111111111111:q", None);
    check("arn:aws:sns:eu-west-1:111111111111:topic", Some("sns"));
    check("arn:aws:sns:eu-west-1:111111111111:topic:sub", None);
    check(
        "arn:aws:events:eu-west-1:111111111111:event-bus/default",
        Some("bus"),
    );
    check("arn:aws:events:eu-west-1:111111111111:rule/x", None);
    check("arn:aws:s3:::my.bucket-1", Some("s3"));
    check("arn:aws:s3:::my-bucket/key", None);
    check("arn:aws:s3:eu-west-1:111111111111:my-bucket", None);
    check("arn:aws:kinesis:eu-west-1:111111111111:stream/s", None);
    check("kafka://topic", None);
    check("", None);
}

fn exponential(first_s: u32, factor: f64, max_s: u32, jitter: f64) -> Backoff {
    Backoff::Exponential {
        first_s,
        factor,
        max_s,
        jitter,
    }
}

#[test]
fn waits() {
    let check = |backoff: &Backoff, want: &[u64]| {
        let got: Vec<u64> = (1..)
            .take(want.len())
            .map(|n| backoff.wait_ms(n, 0.5))
            .collect();
        assert_eq!(got, want, "{backoff:?}");
    };
    check(&Backoff::List(vec![1, 5]), &[1_000, 5_000, 5_000, 5_000]);
    check(
        &exponential(2, 2.0, 10, 0.0),
        &[2_000, 4_000, 8_000, 10_000, 10_000],
    );
    check(&exponential(10, 1.0, 10, 0.5), &[7_500, 7_500]);
    check(&exponential(1, 1.5, 60, 0.0), &[1_000, 1_500, 2_250]);
    // Powers beyond what a float can hold end at the longest wait too.
    let far = exponential(1, Backoff::FACTOR_MAX, 86_400, 0.0).wait_ms(u32::MAX, 0.0);
    assert_eq!(far, 86_400_000);
}

#[test]
fn policies_that_may_not_be() {
    let check = |policy: AsyncPolicy, ok: bool| {
        assert_eq!(policy.refusal().is_none(), ok, "{policy:?}");
    };
    let none = AsyncPolicy::default;
    check(none(), true);
    for (attempts, ok) in [(0, false), (1, true), (185, true), (186, false)] {
        let max_attempts = Some(attempts);
        check(
            AsyncPolicy {
                max_attempts,
                ..none()
            },
            ok,
        );
    }
    for (age, ok) in [(59, false), (60, true), (86_400, true), (86_401, false)] {
        let max_event_age_s = Some(age);
        check(
            AsyncPolicy {
                max_event_age_s,
                ..none()
            },
            ok,
        );
    }
    let check = |backoff: Backoff, ok: bool| {
        let backoff = Some(backoff);
        check(AsyncPolicy { backoff, ..none() }, ok);
    };
    check(Backoff::List(vec![0, 86_400]), true);
    check(Backoff::List(vec![86_401]), false);
    check(Backoff::List(vec![]), false);
    check(Backoff::List(vec![1; 184]), true);
    check(Backoff::List(vec![1; 185]), false);
    check(exponential(1, 2.0, 300, 0.25), true);
    check(exponential(0, 2.0, 300, 0.25), false);
    check(exponential(301, 2.0, 300, 0.25), false);
    check(exponential(1, 2.0, 86_401, 0.25), false);
    check(exponential(1, 0.5, 300, 0.25), false);
    check(exponential(1, 101.0, 300, 0.25), false);
    check(exponential(1, f64::NAN, 300, 0.25), false);
    check(exponential(1, 2.0, 300, 1.5), false);
    check(exponential(1, 2.0, 300, f64::NAN), false);
}

#[test]
fn names_are_read_as_they_are_written() {
    for priority in Priority::ALL {
        assert_eq!(priority.as_str().parse(), Ok(priority));
    }
    assert!("High".parse::<Priority>().is_err());
    for setting in [RecursiveLoop::Allow, RecursiveLoop::Terminate] {
        assert_eq!(setting.as_str().parse(), Ok(setting));
    }
    assert!("allow".parse::<RecursiveLoop>().is_err());
    let written = serde_json::to_value(exponential(1, 2.0, 300, 0.25)).unwrap();
    assert_eq!(
        serde_json::from_value::<Backoff>(written).unwrap(),
        exponential(1, 2.0, 300, 0.25)
    );
    let list = serde_json::json!({ "list": [1, 2] });
    assert_eq!(
        serde_json::from_value::<Backoff>(list).unwrap(),
        Backoff::List(vec![1, 2])
    );
}

fn any_backoff() -> impl Strategy<Value = Backoff> {
    let list = proptest::collection::vec(0_u32..=86_400, 1..=184).prop_map(Backoff::List);
    let steps = (1_u32..=86_400, 1.0..=100.0, 0_u32..=86_400, 0.0..=1.0);
    let grown = steps.prop_map(|(first, factor, more, jitter)| {
        exponential(
            first,
            factor,
            first.saturating_add(more).min(86_400),
            jitter,
        )
    });
    prop_oneof![list, grown]
}

proptest! {
    #[test]
    fn no_wait_is_longer_than_a_day(backoff in any_backoff(), attempt in any::<u32>(), draw in 0.0..1.0) {
        let policy = AsyncPolicy { backoff: Some(backoff.clone()), ..AsyncPolicy::default() };
        prop_assert_eq!(policy.refusal(), None);
        prop_assert!(backoff.wait_ms(attempt, draw) <= 86_400_000);
    }

    #[test]
    fn exponential_waits_grow_and_chance_only_shortens_them(
        first_s in 1_u32..=3_600,
        factor in 1.0..=100.0,
        more_s in 0_u32..=3_600,
        jitter in 0.0..=1.0,
        attempt in 1_u32..200,
        draw in 0.0..1.0,
    ) {
        let backoff = exponential(first_s, factor, first_s + more_s, jitter);
        prop_assert!(backoff.wait_ms(attempt, draw) <= backoff.wait_ms(attempt, 0.0));
        prop_assert!(backoff.wait_ms(attempt, draw) <= backoff.wait_ms(attempt + 1, draw));
        prop_assert_eq!(backoff.wait_ms(1, 0.0), u64::from(first_s) * 1_000);
    }

    #[test]
    fn any_text_is_refused_or_comes_back(text in "arn:aws:(sqs|sns|s3|events|lambda):[a-z0-9-]{0,9}:([0-9]{12})?:.{0,30}") {
        if let Ok(destination) = text.parse::<Destination>() {
            prop_assert_eq!(destination.to_string(), text);
        }
    }
}
