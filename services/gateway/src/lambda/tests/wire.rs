//! A few requests in full, as they come over HTTP: that operations are bound and answers have AWS's form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::*;
use crate::lambda::service;

async fn send(world: &World, method: &str, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() {
        Bytes::new()
    } else {
        body.to_string().into()
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    let response = service().serve(world.call(ALICE), "id", request).await;
    let status = response.status().as_u16();
    (
        status,
        serde_json::from_slice(response.body()).unwrap_or(Value::Null),
    )
}

const FUNCTIONS: &str = "/2015-03-31/functions";

fn creation() -> Value {
    json!({
        "FunctionName": "f", "Runtime": "python3.11", "Handler": "f.handler", "Role": ROLE,
        "Code": { "ZipFile": STANDARD.encode(zip("f.py", "x")) }, "Publish": true, "KMSKeyArn": null,
    })
}

#[tokio::test]
async fn functions_over_http() {
    let world = World::new().await;
    let (status, created) = send(&world, "POST", FUNCTIONS, creation()).await;
    assert_eq!(
        (status, &created["Version"]),
        (201, &json!("1")),
        "{created}"
    );
    let (status, fault) = send(&world, "POST", FUNCTIONS, creation()).await;
    assert_eq!(status, 409);
    assert_eq!(fault["message"], "Function already exist: f");
    assert_eq!(fault["Type"], "User");
    let page = format!("{FUNCTIONS}?MaxItems=1");
    let (status, list) = send(&world, "GET", &page, Value::Null).await;
    assert_eq!(
        (status, &list["Functions"][0]["FunctionName"]),
        (200, &json!("f"))
    );
    let function = format!("{FUNCTIONS}/f");
    assert_eq!(
        send(&world, "DELETE", &function, Value::Null).await,
        (204, Value::Null)
    );
    let (status, fault) = send(&world, "GET", &function, Value::Null).await;
    assert_eq!(status, 404);
    assert_eq!(fault["Message"], format!("Function not found: {ARN}"));
    assert_eq!(fault["Type"], "User");
}

#[tokio::test]
async fn aliases_over_http() {
    let world = World::new().await;
    send(&world, "POST", FUNCTIONS, creation()).await;
    let alias = json!({ "Name": "prod", "FunctionVersion": "1" });
    let (status, _) = send(&world, "POST", &format!("{FUNCTIONS}/f/aliases"), alias).await;
    assert_eq!(status, 201);
    let alias = format!("{FUNCTIONS}/f/aliases/prod");
    let (_, got) = send(&world, "GET", &alias, Value::Null).await;
    assert_eq!(got["FunctionVersion"], "1");
    let encoded = ARN.replace(':', "%3A");
    let by_arn = format!("{FUNCTIONS}/{encoded}/configuration?Qualifier=prod");
    let (status, answer) = send(&world, "GET", &by_arn, Value::Null).await;
    assert_eq!(
        (status, &answer["FunctionArn"]),
        (200, &json!(format!("{ARN}:prod")))
    );
    assert_eq!(
        send(&world, "DELETE", &alias, Value::Null).await,
        (204, Value::Null)
    );
}

#[tokio::test]
async fn concurrency_and_tags_over_http() {
    let world = World::new().await;
    send(&world, "POST", FUNCTIONS, creation()).await;
    let reserve = json!({ "ReservedConcurrentExecutions": 0 });
    let path = "/2017-10-31/functions/f/concurrency";
    assert_eq!(
        send(&world, "PUT", path, reserve.clone()).await,
        (200, reserve)
    );
    assert_eq!(send(&world, "DELETE", path, Value::Null).await.0, 204);
    let tags = format!("/2017-03-31/tags/{}", ARN.replace(':', "%3A"));
    let tagged = json!({ "Tags": { "a": "b" } });
    assert_eq!(send(&world, "POST", &tags, tagged.clone()).await.0, 204);
    assert_eq!(send(&world, "GET", &tags, Value::Null).await, (200, tagged));
    let untag = format!("{tags}?tagKeys=a");
    assert_eq!(send(&world, "DELETE", &untag, Value::Null).await.0, 204);
    assert_eq!(
        send(&world, "GET", &tags, Value::Null).await,
        (200, json!({ "Tags": {} }))
    );
}
