//! Events: what became of them, lists of them, ending them.

use chrono::TimeDelta;
use domain::event::{Condition, Verdict};
use serde_json::{Value, json};

use super::{Queue, refused, send, served};
use crate::samples::{ALICE, BOB, World, now};

#[tokio::test]
async fn an_event_is_told_with_its_attempts_and_result() {
    let world = World::new().await;
    let queue = Queue::of(&world, ALICE, "f").await;
    let id = queue.event(0, b"{}").await;
    let path = format!("/events/{id}");
    let open = served(&world, "GET", &path, "").await;
    assert_eq!(
        (&open["status"], &open["function"], &open["result"]),
        (&json!("queued"), &json!("f"), &Value::Null)
    );
    let at = now() + TimeDelta::seconds(60);
    queue
        .settle(id, 1, Verdict::Retry { at }, b"{\"errorMessage\":\"no\"}")
        .await;
    let waiting = served(&world, "GET", &path, "").await;
    assert_eq!(waiting["status"], "waiting");
    assert_eq!(waiting["next_attempt_at"], json!(at));
    assert_eq!(waiting["attempts"][0]["error"], "what went wrong");
    assert_eq!(waiting["result"], Value::Null, "not before the end");
    world.clock.advance(TimeDelta::seconds(61));
    let due = served(&world, "GET", &path, "").await;
    assert_eq!(due["status"], "queued");
    queue
        .settle(id, 2, Verdict::Success, b"{\"n\":  1.0}")
        .await;
    let done = served(&world, "GET", &path, "").await;
    assert_eq!(done["status"], "succeeded");
    assert_eq!(done["attempts"].as_array().map(Vec::len), Some(2));
    assert_eq!(done["attempts"][1]["executed_version"], "$LATEST");
    assert_eq!(done["result"], json!({"json": {"n": 1.0}}));
    assert_eq!(
        (&done["next_attempt_at"], &done["condition"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn events_of_others_and_ids_that_are_none_are_not_there() {
    let world = World::new().await;
    let theirs = Queue::of(&world, BOB, "f").await.event(0, b"{}").await;
    let random = "7d1b1b1e-0000-4000-8000-000000000000";
    for id in [theirs.to_string(), random.to_owned()] {
        let text = format!("There is no event {id}, or it was longer ago than events are kept.");
        for (method, path) in [("GET", ""), ("POST", "/cancel")] {
            let path = format!("/events/{id}{path}");
            let code = "ResourceNotFoundException";
            refused(&world, [method, &path, ""], 404, code, &text).await;
        }
    }
    let (status, _, error) = send(&world, "GET", "/events/nonsense", "").await;
    assert_eq!(
        (status.as_u16(), &error["code"]),
        (400, &json!("ValidationException"))
    );
    assert_eq!(
        served(&world, "GET", "/events", "").await["events"],
        json!([])
    );
}

#[tokio::test]
async fn lists_are_filtered_and_come_in_pages() {
    let world = World::new().await;
    let (f, g) = (
        Queue::of(&world, ALICE, "f").await,
        Queue::of(&world, ALICE, "g").await,
    );
    let old = f.event(-7_200, b"{}").await;
    let done = f.event(-10, b"{}").await;
    let dead = f.event(-9, b"{}").await;
    let other = g.event(-8, b"{}").await;
    f.settle(done, 1, Verdict::Success, b"1").await;
    f.settle(dead, 1, Verdict::Dead(Condition::RetriesExhausted), b"")
        .await;
    let ids = async |query: &str| {
        let page = served(&world, "GET", &format!("/events{query}"), "").await;
        let events = page["events"].as_array().cloned().unwrap_or_default();
        let ids: Vec<String> = events
            .iter()
            .map(|event| event["request_id"].as_str().unwrap_or_default().to_owned())
            .collect();
        (ids, page["next_token"].as_str().map(str::to_owned))
    };
    let texts = |ids: &[domain::event::EventId]| -> Vec<String> {
        ids.iter().map(ToString::to_string).collect()
    };
    assert_eq!(ids("").await, (texts(&[other, dead, done, old]), None));
    assert_eq!(ids("?function=f&status=dead").await.0, texts(&[dead]));
    assert_eq!(ids("?status=queued").await.0, texts(&[other, old]));
    assert_eq!(ids("?status=running").await.0, texts(&[]));
    assert_eq!(ids("?function=nobody").await.0, texts(&[]));
    assert_eq!(
        ids("?since=2026-11-23T09:59:00Z").await.0,
        texts(&[other, dead, done])
    );
    // Over an hour's end, and exactly at a page's.
    let (first, token) = ids("?limit=3").await;
    assert_eq!(first, texts(&[other, dead, done]));
    let token = token.unwrap();
    let (rest, end) = ids(&format!("?limit=3&next_token={token}")).await;
    assert_eq!((rest, end), (texts(&[old]), None));
    let code = "ValidationException";
    let check = async |query: &str, text: &str| {
        refused(
            &world,
            ["GET", &format!("/events{query}"), ""],
            400,
            code,
            text,
        )
        .await;
    };
    check("?limit=0", "limit must be 1 to 1000.").await;
    check(
        "?next_token=x",
        "next_token is not one that was given out here.",
    )
    .await;
    check(
        "?function=a%20b",
        "function name must be 1 to 64 letters, digits, dashes or underscores, got \"a b\"",
    )
    .await;
    check(
        "?status=lost",
        "Failed to deserialize query string: status: unknown variant `lost`, expected one of `queued`, `waiting`, \
         `running`, `succeeded`, `dead`, `cancelled`",
    )
    .await;
}

#[tokio::test]
async fn what_waits_is_cancelled_once_and_what_has_ended_is_not() {
    let world = World::new().await;
    let queue = Queue::of(&world, ALICE, "f").await;
    let (queued, waiting, done) = (
        queue.event(0, b"{}").await,
        queue.event(0, b"{}").await,
        queue.event(0, b"{}").await,
    );
    let at = now() + TimeDelta::seconds(60);
    queue.settle(waiting, 1, Verdict::Retry { at }, b"").await;
    queue.settle(done, 1, Verdict::Success, b"").await;
    for id in [queued, waiting, queued] {
        let path = format!("/events/{id}/cancel");
        let answer = served(&world, "POST", &path, "").await;
        assert_eq!(
            answer,
            json!({"request_id": id.to_string(), "status": "cancelled"})
        );
        let event = served(&world, "GET", &format!("/events/{id}"), "").await;
        assert_eq!(event["status"], "cancelled");
    }
    let text = format!("Event {done} has ended already: succeeded.");
    let path = format!("/events/{done}/cancel");
    refused(&world, ["POST", &path, ""], 409, "ConflictException", &text).await;
}
