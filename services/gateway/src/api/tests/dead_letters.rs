//! Dead letters, redrives, records that were not delivered.

use domain::event::{Condition, Verdict};
use serde_json::json;

use super::{Queue, refused, send, served};
use crate::samples::{ALICE, BOB, World};

const DEAD: Verdict = Verdict::Dead(Condition::RetriesExhausted);

#[tokio::test]
async fn dead_letters_are_kept_with_their_payload_and_found_by_filters() {
    let world = World::new().await;
    let (f, g) = (
        Queue::of(&world, ALICE, "f").await,
        Queue::of(&world, ALICE, "g").await,
    );
    let first = f.event(0, b"{\"a\": 1}").await;
    let second = g.event(1, b"\xff").await;
    Queue::of(&world, BOB, "f")
        .await
        .bury(f.event(2, b"{}").await, DEAD, b"{}")
        .await;
    f.bury(first, DEAD, b"{\"a\": 1}").await;
    g.bury(second, Verdict::Dead(Condition::EventAgeExceeded), b"\xff")
        .await;
    let ids = async |query: &str| {
        let page = served(&world, "GET", &format!("/dead-letters{query}"), "").await;
        let letters = page["dead_letters"].as_array().cloned().unwrap_or_default();
        let ids: Vec<_> = letters
            .iter()
            .map(|one| one["request_id"].clone())
            .collect();
        ids
    };
    let (a, b) = (json!(first.to_string()), json!(second.to_string()));
    assert_eq!(ids("").await, [b.clone(), a.clone()]);
    assert_eq!(
        ids("?function=f&condition=RetriesExhausted").await,
        vec![a.clone()]
    );
    assert_eq!(
        ids("?condition=EventAgeExceeded&redriven=false").await,
        vec![b.clone()]
    );
    assert!(ids("?redriven=true").await.is_empty());
    assert!(ids("?until=2026-11-23T10:00:00Z").await.is_empty());
    let count = served(&world, "GET", "/dead-letters/count?function=g", "").await;
    assert_eq!(count, json!({"count": 1}));
    let one = served(&world, "GET", &format!("/dead-letters/{first}"), "").await;
    assert_eq!(one["payload"], json!({"json": {"a": 1}}));
    assert_eq!(
        (
            &one["dead_letter"]["condition"],
            &one["dead_letter"]["attempts"]
        ),
        (&json!("RetriesExhausted"), &json!(1))
    );
    let other = served(&world, "GET", &format!("/dead-letters/{second}"), "").await;
    assert_eq!(other["payload"], json!({"base64": "/w=="}));
    refused(
        &world,
        ["GET", "/dead-letters?condition=Boredom", ""],
        400,
        "ValidationException",
        "\"Boredom\" is no condition of an event's end",
    )
    .await;
}

#[tokio::test]
async fn a_purge_takes_what_it_is_told_and_not_everything_by_mistake() {
    let world = World::new().await;
    let (f, g) = (
        Queue::of(&world, ALICE, "f").await,
        Queue::of(&world, ALICE, "g").await,
    );
    for queue in [&f, &g] {
        queue.bury(queue.event(0, b"{}").await, DEAD, b"{}").await;
    }
    refused(
        &world,
        ["DELETE", "/dead-letters", ""],
        400,
        "ValidationException",
        "Say which dead letters to delete, or all=true for all of them.",
    )
    .await;
    let purge = async |query: &str| {
        let path = format!("/dead-letters?{query}");
        served(&world, "DELETE", &path, "").await["purged"].clone()
    };
    assert_eq!(purge("function=g").await, json!(1));
    assert_eq!(purge("all=true").await, json!(1));
    assert_eq!(purge("all=true").await, json!(0));
}

#[tokio::test]
async fn a_redrive_is_begun_looked_at_and_stopped() {
    let world = World::new().await;
    let queue = Queue::of(&world, ALICE, "f").await;
    queue.bury(queue.event(0, b"{}").await, DEAD, b"{}").await;
    world.clock.advance(chrono::TimeDelta::seconds(5));
    let body = "{\"filter\": {\"function\": \"f\"}, \"rate_per_s\": 7}";
    let (status, _, begun) = send(&world, "POST", "/dead-letters/redrive", body).await;
    assert_eq!(status, 202);
    assert_eq!(
        (
            &begun["status"],
            &begun["total"],
            &begun["done"],
            &begun["rate_per_s"]
        ),
        (&json!("running"), &json!(1), &json!(0), &json!(7))
    );
    let path = format!("/redrives/{}", begun["redrive_id"].as_str().unwrap());
    assert_eq!(served(&world, "GET", &path, "").await, begun);
    let cancel = format!("{path}/cancel");
    for _ in 0..2 {
        let stopped = served(&world, "POST", &cancel, "").await;
        assert_eq!(stopped["status"], "cancelled");
    }
    for rate in [0, 10_001] {
        refused(
            &world,
            [
                "POST",
                "/dead-letters/redrive",
                &format!("{{\"rate_per_s\": {rate}}}"),
            ],
            400,
            "ValidationException",
            "rate_per_s must be 1 to 10000.",
        )
        .await;
    }
    let nobody = "0196b7a2-5b7a-7000-8000-000000000000";
    refused(
        &world,
        ["GET", &format!("/redrives/{nobody}"), ""],
        404,
        "ResourceNotFoundException",
        &format!("There is no redrive {nobody}."),
    )
    .await;
}

#[tokio::test]
async fn undelivered_records_say_why() {
    let world = World::new().await;
    let queue = Queue::of(&world, ALICE, "f").await;
    let id = queue.event(0, b"{}").await;
    queue
        .leave_undelivered(id, "arn:aws:sqs:eu-west-1:111111111111:q", b"{\"r\": 1}")
        .await;
    let page = served(&world, "GET", "/undelivered?function=f", "").await;
    let record = &page["undelivered"][0];
    assert_eq!(
        (
            &record["request_id"],
            &record["kind"],
            &record["reason"],
            &record["record_bytes"]
        ),
        (
            &json!(id.to_string()),
            &json!("on_success"),
            &json!("not served yet"),
            &json!(8)
        )
    );
    let path = format!(
        "/undelivered/{}",
        record["undelivered_id"].as_str().unwrap()
    );
    let one = served(&world, "GET", &path, "").await;
    assert_eq!(
        (&one["undelivered"], &one["record"]),
        (record, &json!({"json": {"r": 1}}))
    );
    let none = served(&world, "GET", "/undelivered?function=g", "").await;
    assert_eq!(none, json!({"undelivered": [], "next_token": null}));
}
