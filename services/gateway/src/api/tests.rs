//! The table, its router and its document agree; requests are read strictly. What the operations do is in the modules.

mod dead_letters;
mod events;
mod queue;
mod schedules;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use domain::AccountId;
use domain::event::{EventId, Source, Verdict};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use store::events::{NewDeadLetter, NewEvent, NewUndelivered, Ran, Settlement, TargetKind};
use tower::ServiceExt as _;

use super::serve::{Admitted, router};
use super::types::Queues;
use super::{document, looks, operations};
use crate::samples::{ALICE, World, now};

/// The queue of a function of an account in the region of the tests.
struct Queue<'w> {
    world: &'w World,
    account: AccountId,
    function: &'static str,
    lane: i64,
}

impl<'w> Queue<'w> {
    async fn of(world: &'w World, account: u64, function: &'static str) -> Self {
        let call = world.call(account);
        let name = function.parse().unwrap();
        let lane = world.app.store.lane(call.account, &call.region, &name);
        Self {
            world,
            account: call.account,
            function,
            lane: lane.await.unwrap(),
        }
    }

    /// An event that was accepted so many seconds from the tests' beginning.
    async fn event(&self, second: i64, payload: &[u8]) -> EventId {
        let id = self
            .world
            .app
            .ids
            .ordered(now() + TimeDelta::seconds(second));
        let id = EventId::new(id).unwrap();
        let event = NewEvent {
            id,
            lane: self.lane,
            account: self.account,
            qualifier: String::new(),
            source: Source::Caller,
            trace: "Root=1-6b042fa0-000000000000000000000001".to_owned(),
            age_max_s: None,
            attempts_max: None,
            payload: payload.to_vec(),
        };
        assert!(self.world.app.store.accept(&[event]).await.unwrap());
        id
    }

    /// An attempt ended, as an executor writes it.
    async fn settle(&self, event: EventId, attempt: u16, verdict: Verdict, response: &[u8]) {
        let mut end = self.end(event, attempt, verdict);
        end.ran = Some(Ran {
            executor: self.world.app.ids.random(),
            started_at: self.now(),
            version: "$LATEST".to_owned(),
            function_error: String::new(),
            response: response.to_vec(),
        });
        self.write(end).await;
    }

    /// The event ended without success.
    async fn bury(&self, event: EventId, verdict: Verdict, payload: &[u8]) {
        let call = self.world.call(ALICE);
        let mut end = self.end(event, 1, verdict);
        end.dead_letter = Some(NewDeadLetter {
            lane: self.lane,
            account: self.account,
            region: call.region,
            function: self.function.to_owned(),
            qualifier: String::new(),
            condition: verdict.condition().unwrap(),
            attempts: 1,
            trace: String::new(),
            payload: payload.to_vec(),
        });
        self.write(end).await;
    }

    /// The event succeeded, but its destination takes nothing yet.
    async fn leave_undelivered(&self, event: EventId, target: &str, body: &[u8]) {
        let call = self.world.call(ALICE);
        let mut end = self.end(event, 1, Verdict::Success);
        end.undelivered = vec![NewUndelivered {
            id: self.world.app.ids.ordered(self.now()),
            account: self.account,
            region: call.region,
            function: self.function.to_owned(),
            kind: TargetKind::OnSuccess,
            target: target.to_owned(),
            reason: "not served yet".to_owned(),
            body: body.to_vec(),
        }];
        self.write(end).await;
    }

    fn now(&self) -> DateTime<Utc> {
        self.world.app.clock.now()
    }

    fn end(&self, event: EventId, attempt: u16, verdict: Verdict) -> Settlement {
        let error = if verdict == Verdict::Success {
            ""
        } else {
            "what went wrong"
        };
        Settlement {
            event,
            attempt,
            verdict,
            ended_at: self.now(),
            ran: None,
            error: error.to_owned(),
            usage: None,
            deliveries: Vec::new(),
            undelivered: Vec::new(),
            dead_letter: None,
        }
    }

    async fn write(&self, end: Settlement) {
        let won = self.world.app.store.settle(None, &[end], self.now()).await;
        assert_eq!(won.unwrap(), [true]);
    }
}

/// A look at an account's queues, however fresh the latest is.
async fn fresh(world: &World, account: u64) -> Queues {
    looks::look_again(&world.call(account)).await.unwrap()
}

/// The answer to a request of Alice's that is served.
async fn served(world: &World, method: &str, path: &str, body: &str) -> Value {
    let (status, _, answer) = send(world, method, path, body).await;
    assert_eq!(status, 200, "{method} {path}: {answer}");
    answer
}

/// Sends a request that was let in; answers status, `Allow` and body.
async fn send(
    world: &World,
    method: &str,
    path: &str,
    body: &str,
) -> (StatusCode, Option<String>, Value) {
    let admitted = Admitted {
        call: world.call(ALICE),
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    let request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(format!("/tollgate/v1{path}"))
        .extension(admitted)
        .body(Body::empty())
        .unwrap();
    let router = router(operations::all().into_iter().map(Arc::new));
    let response = router.oneshot(request).await.unwrap();
    let allow = response.headers().get("allow");
    let allow = allow.map(|allow| allow.to_str().unwrap().to_owned());
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
    (
        status,
        allow,
        serde_json::from_slice(&body.unwrap()).unwrap(),
    )
}

/// A refusal with this status, code and text.
async fn refused(world: &World, request: [&str; 3], status: u16, code: &str, text: &str) {
    let [method, path, body] = request;
    let (got, _, error) = send(world, method, path, body).await;
    assert_eq!(
        (got.as_u16(), error),
        (status, json!({"code": code, "message": text})),
        "{request:?}"
    );
}

#[tokio::test]
async fn what_is_documented_is_served() {
    let world = World::new().await;
    let document = document::of(&operations::all());
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let below = path.strip_prefix("/tollgate/v1").unwrap();
            let (status, _, _) = send(&world, &method.to_uppercase(), below, "?").await;
            let served = ![404, 405].contains(&status.as_u16());
            assert!(served, "{method} {path} answers {status}");
            assert_ne!(operation["summary"], "", "{method} {path}");
            for parameter in operation["parameters"].as_array().unwrap() {
                assert_ne!(parameter["description"], "", "{method} {path}: {parameter}");
                let text = parameter["schema"].to_string();
                assert!(!text.contains("null"), "{method} {path}: {parameter}");
            }
        }
    }
}

#[test]
fn operations_have_names_of_their_own_and_types_one_schema_each() {
    let all = operations::all();
    let ids: BTreeSet<_> = all.iter().map(|operation| operation.id).collect();
    assert_eq!(ids.len(), all.len());
    // Asserts that no type has one schema where it is taken and another where it is answered.
    document::of(&all);
}

#[tokio::test]
async fn requests_are_read_strictly() {
    let world = World::new().await;
    let check = async |request, text| {
        refused(&world, request, 400, "ValidationException", text).await;
    };
    check(
        ["POST", "/clock", "{\"by\": 1}"],
        "The body cannot be read: unknown field `by`, expected `advance_ms` at line 1 column 5",
    )
    .await;
    check(
        ["POST", "/clock", ""],
        "The body cannot be read: missing field `advance_ms` at line 1 column 2",
    )
    .await;
    check(
        ["POST", "/clock", "[1"],
        "The body cannot be read: EOF while parsing a list at line 1 column 2",
    )
    .await;
    check(
        ["GET", "/clock", "{\"a\": 1}"],
        "The body cannot be read: unknown field `a`, there are no fields at line 1 column 4",
    )
    .await;
    check(
        ["GET", "/clock?zone=utc", ""],
        "Failed to deserialize query string: zone: unknown field `zone`, there are no fields",
    )
    .await;
    let (status, ..) = send(&world, "GET", "/clock?X-Amz-Date=1", "").await;
    assert_eq!(status, 200, "a presigned URL's parameters are not ours");
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_refused() {
    let world = World::new().await;
    refused(
        &world,
        ["GET", "/clocks", ""],
        404,
        "ResourceNotFoundException",
        "There is no such path in Tollgate's API.",
    )
    .await;
    let (status, allow, error) = send(&world, "DELETE", "/clock", "").await;
    assert_eq!(
        (status.as_u16(), &error["code"]),
        (405, &json!("MethodNotAllowedException"))
    );
    assert_eq!(allow.as_deref(), Some("GET,HEAD,POST"));
}

#[tokio::test]
async fn a_clock_that_may_not_be_moved_is_only_shown() {
    let world = World::new().await;
    let (status, _, state) = send(&world, "GET", "/clock", "").await;
    assert_eq!(
        (status.as_u16(), state),
        (
            200,
            json!({
                "now": "2026-11-23T10:00:00.250Z", "host_now": "2026-11-23T10:00:00.250Z",
                "offset_ms": 0, "movable": false,
            })
        )
    );
    refused(
        &world,
        ["POST", "/clock", "{\"advance_ms\": 1}"],
        409,
        "ConflictException",
        "The clock of this Tollgate is the host's. One that was started with `tollgate up --dev-clock` can be moved.",
    )
    .await;
}
