//! Schedules: shown, paused, fired by request; what became of their times.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::event::{Condition, EventId, Verdict};
use domain::schedule::{FireResult, Occasion};
use serde_json::{Value, json};
use store::fires::Due;
use store::rules::{RuleName, RuleSettings, RuleTarget};
use store::schedule_controls::Name;
use store::schedules::{Policy, RETRY_AGE_MAX_S, RETRY_ATTEMPTS_MAX, ScheduleName, Settings};

use super::{Queue, refused, send, served};
use crate::lambda::tests::create;
use crate::samples::{ALICE, BOB, World, now};

/// A schedule of this account's for a function of its own, in Berlin's time.
async fn schedule(world: &World, account: u64, name: &str, expression: &str) {
    let call = world.call(account);
    let settings = Settings {
        enabled: true,
        expression: expression.to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        start_at: None,
        end_at: None,
        window_min: None,
        target: crate::api::names::arn(&call, "f").unwrap(),
        role_arn: None,
        input: Some("\"<aws.scheduler.scheduled-time>\"".to_owned()),
        retry_attempts_max: RETRY_ATTEMPTS_MAX,
        retry_age_max_s: RETRY_AGE_MAX_S,
        dead_letter_arn: None,
        kms_key_arn: None,
        delete_after: false,
        description: None,
    };
    let name = ScheduleName {
        account: call.account,
        region: call.region,
        group: "default".to_owned(),
        name: name.to_owned(),
    };
    let id = world.app.ids.ordered(now());
    let (store, policy) = (&world.app.store, Policy::default());
    let created = store.create_schedule(&name, id, &settings, policy, None, now());
    assert_eq!(created.await.unwrap(), store::schedules::Creation::Created);
}

/// A rule of Alice's with one target.
async fn rule(world: &World, name: &str) {
    let call = world.call(ALICE);
    let rule = RuleName {
        account: call.account,
        region: call.region.clone(),
        name: name.to_owned(),
    };
    let settings = RuleSettings {
        expression: "rate(5 minutes)".to_owned(),
        enabled: true,
        description: None,
        role_arn: None,
    };
    let (store, ids) = (&world.app.store, world.app.ids);
    let (rule_id, id) = (ids.ordered(now()), ids.ordered(now()));
    let tags = BTreeMap::new();
    let put = store.put_rule(&rule, rule_id, &settings, &tags, now());
    put.await.unwrap();
    let target = RuleTarget {
        id: "1".to_owned(),
        target: crate::api::names::arn(&call, "f").unwrap(),
        role_arn: None,
        input: None,
        retry_attempts_max: RETRY_ATTEMPTS_MAX,
        retry_age_max_s: RETRY_AGE_MAX_S,
        dead_letter_arn: None,
    };
    let targets = [(id, target)];
    let put = store.put_rule_targets(&rule, &targets, 5, now());
    put.await.unwrap();
}

/// A time of Alice's schedule has come, so many seconds before now.
async fn comes(world: &World, name: &str, seconds: i64) -> EventId {
    let (app, call) = (&world.app, world.call(ALICE));
    let name = Name::InGroup {
        group: "default".to_owned(),
        name: name.to_owned(),
    };
    let found = app
        .store
        .controlled_schedule(call.account, &call.region, &name);
    let schedule = found.await.unwrap().unwrap().id;
    let event = EventId::new(app.ids.ordered(now())).unwrap();
    let due = Due {
        schedule,
        generation: None,
        scheduled_at: now() - TimeDelta::seconds(seconds),
        occasion: Occasion::Time,
        result: FireResult::Fired,
        event,
        trace: "Root=1-6b042fa0-000000000000000000000001".to_owned(),
    };
    let fired = app.store.fire(&[due], now()).await.unwrap().unwrap();
    assert_eq!(fired.events.len(), 1);
    event
}

/// Takes out when a fire happened: as long as committing it took after so many seconds.
fn fired_in_time(fire: &mut Value, seconds: i64) {
    let time =
        |name: &str| -> DateTime<Utc> { serde_json::from_value(fire[name].clone()).unwrap() };
    let late = time("fired_at") - time("scheduled_at");
    assert!(
        (seconds..seconds + 10).contains(&late.num_seconds()),
        "{fire}"
    );
    fire["fired_at"].take();
}

fn names(page: &Value) -> String {
    let all = page["schedules"].as_array().unwrap().iter();
    let names = all.map(|one| {
        let text = |name: &str| one[name].as_str().unwrap().to_owned();
        format!("{}/{}", text("group"), text("name"))
    });
    names.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn lists_tell_of_the_next_time_and_the_last() {
    let world = World::new().await;
    create(&world, "f").await;
    schedule(&world, ALICE, "b", "cron(0 9 ? * MON-FRI *)").await;
    schedule(&world, ALICE, "a", "rate(1 minute)").await;
    schedule(&world, BOB, "theirs", "rate(1 minute)").await;
    rule(&world, "nightly").await;
    let event = comes(&world, "b", 5).await;
    let mut page = served(&world, "GET", "/schedules", "").await;
    assert_eq!(names(&page), "default/a default/b rule:nightly/1");
    let one = served(&world, "GET", "/schedules/default/b", "").await;
    assert_eq!(one, page["schedules"][1]);
    fired_in_time(&mut page["schedules"][1]["last_fire"], 5);
    assert_eq!(
        page["schedules"][1],
        json!({
            "kind": "schedule", "group": "default", "name": "b", "state": "ENABLED", "expression": "cron(0 9 ? * MON-FRI *)",
            "timezone": "Europe/Berlin", "start_at": null, "end_at": null, "window_min": null,
            "target": "arn:aws:lambda:eu-west-1:111111111111:function:f",
            "policy": {"missed": "all", "catch_up_s": 86_400, "overlap": "allow"},
            "next_at": "2026-11-24T08:00:00Z",
            "last_fire": {
                "scheduled_at": "2026-11-23T09:59:55.250Z", "fired_at": null, "occasion": "schedule",
                "result": "fired", "request_id": event.to_string(),
            },
        })
    );
    assert_eq!(
        (
            &page["schedules"][2]["kind"],
            &page["schedules"][2]["last_fire"]
        ),
        (&json!("rule"), &Value::Null)
    );
    let list = async |query: &str| {
        let page = served(&world, "GET", &format!("/schedules?{query}"), "").await;
        (names(&page), page["next_token"].as_str().map(str::to_owned))
    };
    assert_eq!(list("group=rule:nightly").await.0, "rule:nightly/1");
    assert_eq!(list("group=default&name_prefix=b").await.0, "default/b");
    assert_eq!(list("name_prefix=n").await.0, "rule:nightly/1");
    let mut seen = Vec::new();
    let mut query = "limit=1".to_owned();
    loop {
        let (names, next) = list(&query).await;
        let Some(next) = next else {
            assert_eq!(names, "");
            break;
        };
        seen.push(names);
        query = format!("limit=1&next_token={next}");
    }
    assert_eq!(seen, ["default/a", "default/b", "rule:nightly/1"]);
    refused(
        &world,
        ["GET", "/schedules?next_token=x", ""],
        400,
        "ValidationException",
        "next_token is not one that was given out here.",
    )
    .await;
}

#[tokio::test]
async fn times_of_expressions_and_of_schedules() {
    let world = World::new().await;
    let times = async |path: &str| {
        let answer = served(&world, "GET", path, "").await;
        let times = answer["times"].as_array().cloned().unwrap();
        let at = times
            .iter()
            .map(|one| one["at"].as_str().unwrap().to_owned());
        (at.collect::<Vec<_>>(), answer)
    };
    // Where clocks go back, on 25 October 2026.
    let (at, answer) = times(
        "/schedules/next-times?expression=cron(30%202%20*%20*%20%3F%20*)&timezone=Europe/Berlin&start=2026-10-24T12:00:00Z&count=2",
    )
    .await;
    assert_eq!(at, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    assert_eq!(answer["times"][0]["local"], "2026-10-25T02:30:00+02:00");
    assert_eq!(
        (&answer["timezone"], &answer["state"]),
        (&json!("Europe/Berlin"), &Value::Null)
    );
    let (at, _) =
        times("/schedules/next-times?expression=rate(1%20day)&end=2026-11-25T12:00:00Z").await;
    assert_eq!(
        at,
        [
            "2026-11-23T10:00:00.250Z",
            "2026-11-24T10:00:00.250Z",
            "2026-11-25T10:00:00.250Z"
        ]
    );
    let (at, _) = times("/schedules/next-times?expression=at(2026-11-23T09:00:00)").await;
    assert!(at.is_empty());
    schedule(&world, ALICE, "a", "cron(0 9 ? * MON-FRI *)").await;
    let (at, answer) = times("/schedules/default/a/next-times").await;
    assert_eq!((at.len(), &at[0][..]), (10, "2026-11-24T08:00:00Z"));
    assert_eq!(answer["state"], "ENABLED");
    let check = async |query: &str, text: &str| {
        let path = format!("/schedules/next-times?{query}");
        refused(&world, ["GET", &path, ""], 400, "ValidationException", text).await;
    };
    check(
        "expression=rate(0%20days)",
        "Invalid Schedule Expression rate(0 days).",
    )
    .await;
    check(
        "expression=rate(1%20day)&timezone=Mars",
        "\"Mars\" is no time zone of the IANA database",
    )
    .await;
    check(
        "expression=rate(1%20day)&count=101",
        "count must be 1 to 100.",
    )
    .await;
    check(
        "expression=rate(1%20day)&end=2026-11-22T00:00:00Z",
        "end must not be before start, which is now where it is left out.",
    )
    .await;
}

#[tokio::test]
async fn the_history_says_what_became_of_each_time() {
    let world = World::new().await;
    create(&world, "f").await;
    schedule(&world, ALICE, "a", "rate(1 minute)").await;
    let queue = Queue::of(&world, ALICE, "f").await;
    let (old, failed, new) = (
        comes(&world, "a", 120).await,
        comes(&world, "a", 60).await,
        comes(&world, "a", 0).await,
    );
    queue.settle(old, 1, Verdict::Success, b"").await;
    let dead = Verdict::Dead(Condition::RetriesExhausted);
    queue.bury(failed, dead, b"{}").await;
    let mut history = served(&world, "GET", "/schedules/default/a/fires", "").await;
    assert_eq!(history["next_before"], Value::Null);
    let late_ms = history["fires"][1]["lateness_ms"].take().as_i64();
    assert!(
        late_ms.is_some_and(|ms| (60_000..70_000).contains(&ms)),
        "{late_ms:?}"
    );
    fired_in_time(&mut history["fires"][1], 60);
    assert_eq!(
        history["fires"][1],
        json!({
            "scheduled_at": "2026-11-23T09:59:00.250Z", "fired_at": null, "lateness_ms": null,
            "occasion": "schedule", "result": "fired", "request_id": failed.to_string(), "status": "dead",
            "condition": "RetriesExhausted", "error": "what went wrong",
        })
    );
    let told = |fires: &Value| {
        let fires = fires["fires"].as_array().cloned().unwrap();
        let short = fires
            .iter()
            .map(|one| (one["request_id"].clone(), one["status"].clone()));
        short.collect::<Vec<_>>()
    };
    let want = [(new, "queued"), (failed, "dead"), (old, "succeeded")];
    let want = want.map(|(id, status)| (json!(id.to_string()), json!(status)));
    assert_eq!(told(&history), want);
    let page = served(&world, "GET", "/schedules/default/a/fires?limit=1", "").await;
    let before = page["next_before"].as_str().unwrap();
    let path = format!("/schedules/default/a/fires?before={before}");
    let rest = served(&world, "GET", &path, "").await;
    assert_eq!(told(&rest), want[1..]);
    // A day later the queue has forgotten them; the history has not.
    world.clock.advance(TimeDelta::hours(40));
    let later = served(&world, "GET", "/schedules/default/a/fires", "").await;
    assert_eq!(later["fires"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_policy_is_set_and_shown() {
    let world = World::new().await;
    schedule(&world, ALICE, "a", "rate(1 minute)").await;
    let path = "/schedules/default/a/policy";
    let aws = json!({"missed": "all", "catch_up_s": 86_400, "overlap": "allow"});
    assert_eq!(served(&world, "GET", path, "").await, aws);
    let body = "{\"missed\": \"last\", \"catch_up_s\": 60, \"overlap\": \"buffer_one\"}";
    let set = json!({"missed": "last", "catch_up_s": 60, "overlap": "buffer_one"});
    assert_eq!(served(&world, "PUT", path, body).await, set);
    assert_eq!(served(&world, "GET", path, "").await, set);
    assert_eq!(served(&world, "PUT", path, "{}").await, aws);
    refused(
        &world,
        ["PUT", path, "{\"catch_up_s\": 86401}"],
        400,
        "ValidationException",
        "catch_up_s must be 0 to 86400.",
    )
    .await;
    refused(
        &world,
        ["PUT", path, "{\"overlap\": \"both\"}"],
        400,
        "ValidationException",
        "The body cannot be read: unknown variant `both`, expected one of `allow`, `skip`, `buffer_one`, `cancel_other` at line 1 column 18",
    )
    .await;
    rule(&world, "nightly").await;
    let path = "/schedules/rule:nightly/1/policy";
    assert_eq!(served(&world, "PUT", path, body).await, set);
}

#[tokio::test]
async fn a_pause_ends_with_the_times_that_come_then() {
    let world = World::new().await;
    create(&world, "f").await;
    schedule(&world, ALICE, "a", "rate(1 minute)").await;
    let paused = served(&world, "POST", "/schedules/default/a/pause", "").await;
    assert_eq!(
        (&paused["state"], &paused["next_at"]),
        (&json!("DISABLED"), &Value::Null)
    );
    let next = served(&world, "GET", "/schedules/default/a/next-times?count=1", "").await;
    assert_eq!(next["state"], "DISABLED");
    world.clock.advance(TimeDelta::seconds(90));
    // By request it fires all the same.
    let run = served(&world, "POST", "/schedules/default/a/run", "").await;
    assert_eq!(run["result"], "fired");
    for _ in 0..2 {
        let resumed = served(&world, "POST", "/schedules/default/a/resume", "").await;
        assert_eq!(
            (&resumed["state"], &resumed["next_at"]),
            (&json!("ENABLED"), &json!("2026-11-23T10:02:00.250Z"))
        );
    }
    rule(&world, "nightly").await;
    refused(
        &world,
        ["POST", "/schedules/rule:nightly/1/pause", ""],
        400,
        "ValidationException",
        "The targets of a rule are paused and resumed together: call DisableRule of EventBridge for rule nightly.",
    )
    .await;
}

#[tokio::test]
async fn what_is_run_by_request_is_an_event() {
    let world = World::new().await;
    create(&world, "f").await;
    schedule(&world, ALICE, "a", "rate(1 minute)").await;
    let run = served(&world, "POST", "/schedules/default/a/run", "").await;
    assert_eq!(run["scheduled_at"], "2026-11-23T10:00:00.250Z");
    let path = format!("/events/{}", run["request_id"].as_str().unwrap());
    let event = served(&world, "GET", &path, "").await;
    assert_eq!(
        (&event["status"], &event["source"], &event["function"]),
        (&json!("queued"), &json!("schedule"), &json!("f"))
    );
    let history = served(&world, "GET", "/schedules/default/a/fires", "").await;
    let fire = &history["fires"][0];
    assert_eq!(
        (&fire["occasion"], &fire["lateness_ms"], &fire["request_id"]),
        (&json!("run_now"), &Value::Null, &run["request_id"])
    );
    refused(
        &world,
        ["POST", "/schedules/default/a/run", ""],
        409,
        "ConflictException",
        "The schedule was run at this very moment already: that was not done again.",
    )
    .await;
    // Bob has no such function.
    schedule(&world, BOB, "a", "rate(1 minute)").await;
    let call = world.call(BOB);
    let key = super::super::types::ScheduleKey {
        group: "default".to_owned(),
        name: "a".to_owned(),
    };
    let nothing = super::super::input::Nothing {};
    let input = super::super::input::Input {
        path: key,
        query: nothing,
        body: nothing,
    };
    let run = super::super::fires::run(call, input).await.unwrap();
    assert_eq!(run.result, super::super::types::FireResult::Dead);
}

#[tokio::test]
async fn a_range_is_fired_once() {
    let world = World::new().await;
    create(&world, "f").await;
    schedule(&world, ALICE, "a", "cron(0/5 * * * ? *)").await;
    let fill = async |body: Value| {
        let body = body.to_string();
        served(&world, "POST", "/schedules/default/a/backfill", &body).await
    };
    let mut body =
        json!({"from": "2026-11-20T00:00:00Z", "to": "2026-11-22T00:00:00Z", "dry_run": true});
    let mut want = json!({
        "dry_run": true, "count": 576, "first_at": "2026-11-20T00:00:00Z", "last_at": "2026-11-21T23:55:00Z",
        "fired": 0, "known": 0, "dead": 0,
    });
    assert_eq!(fill(body.clone()).await, want);
    body["dry_run"] = json!(false);
    (want["dry_run"], want["fired"]) = (json!(false), json!(576));
    assert_eq!(fill(body.clone()).await, want);
    body["to"] = json!("2026-11-22T00:05:00Z");
    let again = fill(body).await;
    assert_eq!(
        (&again["fired"], &again["known"]),
        (&json!(1), &json!(1 + 575))
    );
    let history = served(&world, "GET", "/schedules/default/a/fires?limit=1000", "").await;
    let fires = history["fires"].as_array().unwrap();
    assert_eq!(fires.len(), 577);
    // The events come in the order of the times.
    let ids: Vec<&str> = fires
        .iter()
        .map(|one| one["request_id"].as_str().unwrap())
        .collect();
    assert!(ids[77..].is_sorted_by(|one, before| one > before));
    assert_eq!(fires[0]["occasion"], "backfill");
    let event = served(&world, "GET", &format!("/events/{}", ids[0]), "").await;
    assert_eq!(event["status"], "queued");
}

#[tokio::test]
async fn ranges_have_bounds() {
    let world = World::new().await;
    schedule(&world, ALICE, "a", "cron(* * * * ? *)").await;
    let check = async |from: &str, to: &str, text: &str| {
        let body = json!({"from": from, "to": to}).to_string();
        let request = ["POST", "/schedules/default/a/backfill", &body];
        refused(&world, request, 400, "ValidationException", text).await;
    };
    check(
        "2026-11-23T10:00:00Z",
        "2026-11-23T10:00:00Z",
        "from must be before to.",
    )
    .await;
    check(
        "2026-11-23T10:00:00Z",
        "2026-11-23T10:00:01Z",
        "to must not be in the future: those times fire when they come.",
    )
    .await;
    check(
        "2026-11-01T00:00:00Z",
        "2026-11-23T00:00:00Z",
        "The range has more than 10000 times, and one request fires no more: ask for it in parts, the first one to \
         2026-11-07T22:40:00Z.",
    )
    .await;
    // Nobody has asked for a function: it is missing, and so are the events.
    let body = "{\"from\": \"2026-11-23T09:00:00Z\", \"to\": \"2026-11-23T09:02:00Z\"}";
    let done = served(&world, "POST", "/schedules/default/a/backfill", body).await;
    assert_eq!(
        (&done["count"], &done["fired"], &done["dead"]),
        (&json!(2), &json!(0), &json!(2))
    );
}

#[tokio::test]
async fn schedules_that_do_not_exist() {
    let world = World::new().await;
    schedule(&world, BOB, "theirs", "rate(1 minute)").await;
    let range = "{\"from\": \"2026-11-20T00:00:00Z\", \"to\": \"2026-11-20T01:00:00Z\"}";
    for (method, below, body) in [
        ("GET", "", ""),
        ("GET", "/next-times", ""),
        ("GET", "/fires", ""),
        ("GET", "/policy", ""),
        ("PUT", "/policy", "{}"),
        ("POST", "/pause", ""),
        ("POST", "/resume", ""),
        ("POST", "/run", ""),
        ("POST", "/backfill", range),
    ] {
        let path = format!("/schedules/default/theirs{below}");
        let text = "There is no schedule theirs in group default.";
        refused(
            &world,
            [method, &path, body],
            404,
            "ResourceNotFoundException",
            text,
        )
        .await;
        let path = format!("/schedules/rule:r/1{below}");
        let (status, ..) = send(&world, method, &path, body).await;
        assert_eq!(status, 404, "{method} {path}");
    }
}
