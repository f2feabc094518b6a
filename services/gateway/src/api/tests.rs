//! The table, its router and its document agree; requests are read strictly.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::serve::{Admitted, router};
use super::{document, operations};
use crate::samples::{ALICE, World};

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
