//! What waits, ending all of it, and policies.

use domain::event::Verdict;
use serde_json::{Value, json};

use super::{Queue, refused, served};
use crate::lambda::tests::create;
use crate::samples::{ALICE, BOB, World};

/// The queue of one function, from a look of its own.
async fn queue_of(world: &World, function: &str) -> Value {
    let path = format!("/queue?function={function}");
    served(world, "GET", &path, "").await["functions"][0].clone()
}

#[tokio::test]
async fn depth_and_age_are_those_of_what_has_no_end() {
    let world = World::new().await;
    let queue = Queue::of(&world, ALICE, "f").await;
    // In two buckets of the ring.
    let (old, done, new) = (
        queue.event(-4_000, b"{}").await,
        queue.event(-5, b"{}").await,
        queue.event(-2, b"{}").await,
    );
    queue.settle(done, 1, Verdict::Success, b"").await;
    Queue::of(&world, BOB, "f").await.event(0, b"{}").await;
    let look = queue_of(&world, "f").await;
    assert_eq!((&look["depth"], &look["in_flight"]), (&json!(2), &json!(0)));
    assert_eq!(look["oldest_age_s"], json!(4_000.0));
    assert_eq!(
        (&look["in_per_s"], &look["out_per_s"]),
        (&json!(0.2), &Value::Null)
    );
    // Watching is cheap: the next request gets the same look.
    queue.settle(old, 1, Verdict::Success, b"").await;
    assert_eq!(queue_of(&world, "f").await, look);
    let other = queue_of(&world, "g").await;
    assert_eq!(
        (&other["depth"], &other["oldest_age_s"]),
        (&json!(0), &Value::Null)
    );
    // The following look begins where everything before had ended.
    let later = super::fresh(&world, ALICE).await;
    let f = &later.functions[0];
    assert_eq!((f.depth, f.oldest_age_s), (1, Some(2.0)));
    assert!(f.out_per_s.is_some_and(|rate| rate > 0.0));
    queue.settle(new, 1, Verdict::Success, b"").await;
    assert_eq!(super::fresh(&world, ALICE).await.functions[0].depth, 0);
    assert!(super::fresh(&world, ALICE).await.functions.is_empty());
}

#[tokio::test]
async fn a_purge_ends_all_of_a_function_and_nothing_else() {
    let world = World::new().await;
    let (f, g) = (
        Queue::of(&world, ALICE, "f").await,
        Queue::of(&world, ALICE, "g").await,
    );
    let mut ids = Vec::new();
    for second in -3_700..-3_697 {
        ids.push(f.event(second, b"{}").await);
    }
    ids.push(f.event(0, b"{}").await);
    let kept = g.event(0, b"{}").await;
    let purged = served(&world, "POST", "/queue/f/purge", "").await;
    assert_eq!(purged, json!({"purged": 4, "more": false}));
    for id in ids {
        let event = served(&world, "GET", &format!("/events/{id}"), "").await;
        assert_eq!(event["status"], "cancelled");
    }
    let event = served(&world, "GET", &format!("/events/{kept}"), "").await;
    assert_eq!(event["status"], "queued");
    let none = json!({"purged": 0, "more": false});
    assert_eq!(
        served(&world, "POST", "/queue/nobody/purge", "").await,
        none
    );
}

#[tokio::test]
async fn a_policy_is_set_shown_and_removed() {
    let world = World::new().await;
    create(&world, "f").await;
    let path = "/functions/f/async-policy";
    let none = "Function f has no policy of its own for asynchronous invocations.";
    refused(
        &world,
        ["GET", path, ""],
        404,
        "ResourceNotFoundException",
        none,
    )
    .await;
    let body = "{\"max_attempts\": 185, \"backoff\": {\"list\": [1, 2]}}";
    let set = served(&world, "PUT", path, body).await;
    assert_eq!(
        set,
        json!({
            "function": "f", "max_attempts": 185, "max_event_age_s": null, "backoff": {"list": [1, 2]}, "priority": "normal",
            "last_modified": "2026-11-23T10:00:00.250Z",
        })
    );
    assert_eq!(served(&world, "GET", path, "").await, set);
    assert_eq!(served(&world, "DELETE", path, "").await, set);
    refused(
        &world,
        ["DELETE", path, ""],
        404,
        "ResourceNotFoundException",
        none,
    )
    .await;
    let check = async |body: &str, text: &str| {
        refused(
            &world,
            ["PUT", path, body],
            400,
            "ValidationException",
            text,
        )
        .await;
    };
    check(
        "{\"max_attempts\": 186}",
        "The number of attempts must be 1 to 185.",
    )
    .await;
    check(
        "{\"backoff\": {\"list\": []}}",
        "A list of waits must have 1 to 184 entries of 0 to 86400 seconds.",
    )
    .await;
    check(
        "{\"priority\": \"urgent\"}",
        "The body cannot be read: unknown variant `urgent`, expected one of `high`, `normal`, `low` at line 1 column 21",
    )
    .await;
    refused(
        &world,
        ["PUT", "/functions/g/async-policy", "{}"],
        404,
        "ResourceNotFoundException",
        "Function not found: arn:aws:lambda:eu-west-1:111111111111:function:g",
    )
    .await;
}
