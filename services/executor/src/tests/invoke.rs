//! What succeeds.

use rpc::executor::InvokeRequest;
use serde_json::{Value, json};

use super::fixture::{Fixture, at_once, request};
use crate::sandbox::Isolation;

const ECHO: &str = r#"
import os, threading
count = 0
def handler(event, context):
    global count
    count += 1
    return {"event": event, "count": count, "pid": os.getpid()}
"#;

#[tokio::test]
async fn an_environment_is_used_again() {
    let fixture = Fixture::start().await;
    let spec = fixture.python(ECHO).await;
    let cold = fixture.invoke(&spec, r#"{"a":"ü"}"#).await.unwrap();
    assert!(
        cold.cold && cold.init_ns > 0 && cold.invoke_ns > 0,
        "{cold:?}"
    );
    assert_eq!(cold.content_type, "application/json");
    let value: Value = serde_json::from_slice(&cold.payload).unwrap();
    assert_eq!(
        (&value["event"], &value["count"]),
        (&json!({"a": "ü"}), &json!(1))
    );
    let warm = fixture.invoke(&spec, "[]").await.unwrap();
    assert_eq!((warm.cold, warm.init_ns), (false, 0));
    let value: Value = serde_json::from_slice(&warm.payload).unwrap();
    assert_eq!(value["count"], 2);
    for number in 3..50 {
        assert_eq!(fixture.call(&spec, "1").await["count"], number);
    }
    // us-east-1's price per request is 0.2 USD a million, and any duration costs something.
    assert_eq!(warm.currency, "USD");
    assert!(warm.cost_e10.unwrap() > 2_000, "{warm:?}");
    fixture.stop().await;
    let (requests, duration) = fixture.usage().await;
    assert_eq!(requests, 49);
    assert!(duration >= 256 * 49, "{duration}");
}

#[tokio::test]
async fn usage_is_the_sum_of_what_was_answered() {
    let fixture = Fixture::start().await;
    let spec = fixture
        .python("def handler(event, context):\n    1 / event['by']")
        .await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        let eight = (0..8).map(|number| {
            let (fixture, spec) = (&fixture, &spec);
            async move {
                fixture
                    .invoke(spec, &json!({"by": number % 2}).to_string())
                    .await
                    .unwrap()
            }
        });
        answers.extend(at_once(eight).await);
    }
    fixture.stop().await;
    let billed: i128 = answers
        .iter()
        .map(|reply| i128::from(reply.billed_ms))
        .sum();
    assert_eq!(fixture.usage().await, (40, billed * 256));
    assert_eq!(
        answers
            .iter()
            .filter(|reply| reply.function_error.is_empty())
            .count(),
        20
    );
}

#[tokio::test]
async fn the_context_is_lambdas() {
    let fixture = Fixture::start().await;
    let mut spec = fixture
        .python(
            r#"
import os
def handler(event, context):
    return {
        "name": context.function_name, "version": context.function_version, "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn, "id": context.aws_request_id, "group": context.log_group_name,
        "stream": context.log_stream_name, "left": context.get_remaining_time_in_millis(),
        "client": context.client_context.custom if context.client_context else None,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "env": {key: os.environ.get(key) for key in
            ("AWS_REGION", "_HANDLER", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "MINE", "TZ", "AWS_LAMBDA_FUNCTION_NAME")},
    }
"#,
        )
        .await;
    spec.environment
        .insert("MINE".to_owned(), "yes ${RUNTIME_API}?".to_owned());
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let sent = InvokeRequest {
        client_context: "{\n\"custom\": {\"k\": \"v\"}}".to_owned(),
        trace_id: trace.to_owned(),
        invoked_function_arn: format!("{}:live", spec.arn()),
        ..request(&spec, "{}")
    };
    let id = sent.request_id.clone();
    let reply = fixture.send(sent).await.unwrap();
    let value: Value = serde_json::from_slice(&reply.payload).unwrap();
    assert_eq!(value["name"], spec.name.as_str());
    assert_eq!(value["version"], "$LATEST");
    assert_eq!(value["memory"], "256");
    assert_eq!(value["arn"], format!("{}:live", spec.arn()));
    assert_eq!(value["id"], id);
    assert_eq!(value["group"], spec.log_group());
    assert!(
        value["stream"].as_str().unwrap().contains("/[$LATEST]"),
        "{value}"
    );
    let left = value["left"].as_i64().unwrap();
    assert!((8_000..=10_000).contains(&left), "{left}");
    assert_eq!(value["client"], json!({"k": "v"}));
    assert_eq!(value["trace"], trace);
    assert_eq!(value["env"]["AWS_REGION"], "us-east-1");
    assert_eq!(value["env"]["_HANDLER"], "app.handler");
    assert_eq!(value["env"]["AWS_EXECUTION_ENV"], "AWS_Lambda_python3.11");
    assert_eq!(value["env"]["LAMBDA_TASK_ROOT"], "/var/task");
    assert_eq!(value["env"]["TZ"], ":UTC");
    assert_eq!(value["env"]["AWS_LAMBDA_FUNCTION_NAME"], spec.name.as_str());
    fixture.stop().await;
}

#[tokio::test]
async fn node_and_a_bootstrap_of_ones_own() {
    let fixture = Fixture::start().await;
    let node = "exports.handler = async (event, context) => ({ n: event.n + 1, id: context.awsRequestId })";
    let node_runtime = fixture.node().expect("a Node is installed");
    let spec = fixture
        .deploy(&node_runtime, "index.handler", &[("index.js", node)])
        .await;
    assert_eq!(fixture.call(&spec, r#"{"n":1}"#).await["n"], 2);
    assert_eq!(fixture.call(&spec, r#"{"n":2}"#).await["n"], 3);
    let spec = fixture
        .deploy("provided.al2023", "", &[("bootstrap", BASH)])
        .await;
    assert_eq!(fixture.call(&spec, r#"{"n":1}"#).await, json!({"n": 1}));
    assert_eq!(fixture.call(&spec, r#"{"n":2}"#).await, json!({"n": 2}));
    fixture.stop().await;
}

/// Echoes, in bash alone.
const BASH: &str = r#"#!/bin/bash
set -e
host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API#*:}
while true; do
    exec 3<>"/dev/tcp/$host/$port"
    printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: x\r\n\r\n' >&3
    length=0
    while IFS= read -r line <&3 && line=${line%$'\r'} && [ -n "$line" ]; do
        case "${line,,}" in
            lambda-runtime-aws-request-id:*) id=${line#*: } ;;
            content-length:*) length=${line#*: } ;;
        esac
    done
    IFS= LC_ALL=C read -r -N "$length" body <&3
    exec 3<>"/dev/tcp/$host/$port"
    printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s' \
        "$id" "${#body}" "$body" >&3
    read -r _ <&3
done
"#;

#[tokio::test]
async fn large_payloads_pass() {
    let fixture = Fixture::start().await;
    let spec = fixture
        .python("def handler(event, context):\n    return event")
        .await;
    let payload = format!("\"{}\"", "x".repeat(6 * 1024 * 1024 - 2));
    let reply = fixture.invoke(&spec, &payload).await.unwrap();
    assert_eq!(reply.function_error, "");
    assert_eq!(reply.payload.len(), payload.len());
    fixture.stop().await;
}

/// Streams `abc`, then says in trailers that it failed where the event asks for that.
const STREAMING: &str = r#"#!/usr/bin/python3
import os, socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
connection = socket.create_connection((host, int(port)))
stream = connection.makefile("rwb")
def headers():
    found = {}
    stream.readline()
    while (line := stream.readline().strip()):
        name, _, value = line.decode().partition(": ")
        found[name.lower()] = value
    return found
while True:
    stream.write(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: x\r\n\r\n"); stream.flush()
    found = headers()
    event = stream.read(int(found["content-length"]))
    stream.write(b"POST /2018-06-01/runtime/invocation/" + found["lambda-runtime-aws-request-id"].encode() +
        b"/response HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
        b"Lambda-Runtime-Function-Response-Mode: streaming\r\n"
        b"trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n")
    for part in (b"a", b"bc"):
        stream.write(b"%x\r\n%s\r\n" % (len(part), part)); stream.flush()
    stream.write(b"0\r\n")
    if event == b'"fail"':
        stream.write(b"Lambda-Runtime-Function-Error-Type: Boom\r\n"
            b"Lambda-Runtime-Function-Error-Body: eyJlcnJvclR5cGUiOiJCb29tIn0=\r\n")
    stream.write(b"\r\n"); stream.flush()
    stream.read(int(headers()["content-length"]))
"#;

#[tokio::test]
async fn a_streaming_function_is_answered_whole() {
    let fixture = Fixture::start().await;
    let spec = fixture
        .deploy("provided.al2023", "", &[("bootstrap", STREAMING)])
        .await;
    let reply = fixture.invoke(&spec, "1").await.unwrap();
    assert_eq!(
        (reply.function_error.as_str(), &reply.payload[..]),
        ("", &b"abc"[..])
    );
    let (error, _) = fixture.fail(&spec, r#""fail""#).await;
    assert_eq!(error, json!({"errorType": "Boom"}));
    let reply = fixture.invoke(&spec, "1").await.unwrap();
    assert!(!reply.cold);
    fixture.stop().await;
}

#[tokio::test]
async fn without_isolation_it_works_as_well() {
    let fixture = Fixture::tuned(|options| {
        options.isolation = Isolation::Process;
        options.parked_runtimes = 1;
    })
    .await;
    let mut spec = fixture
        .python(
            "import time\ndef handler(event, context):\n    time.sleep(event)\n    return event",
        )
        .await;
    spec.timeout_s = 1;
    assert_eq!(fixture.call(&spec, "0").await, 0);
    let (error, _) = fixture.fail(&spec, "30").await;
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    assert_eq!(fixture.call(&spec, "0").await, 0);
    fixture.stop().await;
    assert_eq!(fixture.usage().await.0, 3);
}
