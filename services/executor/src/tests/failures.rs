//! What fails, in Lambda's words; the executor is unharmed by all of it.

use std::time::{Duration, Instant};

use serde_json::json;
use tonic::Code;

use super::fixture::{Fixture, refused, request};

#[tokio::test]
async fn a_handlers_error_leaves_its_environment() {
    let fixture = Fixture::start().await;
    let spec = fixture
        .python("def handler(event, context):\n    raise ValueError('no ' + event)")
        .await;
    let (error, tail) = fixture.fail(&spec, r#""x""#).await;
    assert_eq!(
        (&error["errorType"], &error["errorMessage"]),
        (&json!("ValueError"), &json!("no x"))
    );
    assert!(error["stackTrace"].is_array(), "{error}");
    assert!(tail.contains("[ERROR] ValueError: no x"), "{tail}");
    assert!(
        tail.contains("REPORT RequestId: ") && !tail.contains("Status:"),
        "{tail}"
    );
    let reply = fixture.invoke(&spec, r#""y""#).await.unwrap();
    assert!(!reply.cold, "the environment was kept");
    fixture.stop().await;
    assert_eq!(fixture.usage().await.0, 2);
}

#[tokio::test]
async fn an_exit_is_reported_and_ends_the_environment() {
    let fixture = Fixture::start().await;
    let spec = fixture
        .python("import os, sys\ndef handler(event, context):\n    print('bye', end='')\n    os._exit(event)")
        .await;
    for (code, message) in [
        (1, "Runtime exited with error: exit status 1"),
        (0, "Runtime exited without providing a reason"),
    ] {
        let sent = rpc::executor::InvokeRequest {
            tail: true,
            ..request(&spec, &code.to_string())
        };
        let id = sent.request_id.clone();
        let reply = fixture.send(sent).await.unwrap();
        let want = format!(
            r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {id} Error: {message}"}}"#
        );
        assert_eq!(String::from_utf8_lossy(&reply.payload), want);
        assert!(reply.cold, "every environment exits");
        let tail = String::from_utf8(reply.log_tail).unwrap();
        let expected = format!(
            "bye\nRequestId: {id} Error: {message}\nRuntime.ExitError\nEND RequestId: {id}\nREPORT"
        );
        assert!(tail.contains(&expected), "{tail}");
        assert!(
            tail.contains("Status: error\tError Type: Runtime.ExitError\t"),
            "{tail}"
        );
    }
    fixture.stop().await;
    assert_eq!(fixture.usage().await.0, 2);
}

#[tokio::test]
async fn a_timeout_kills() {
    let fixture = Fixture::start().await;
    let mut spec = fixture
        .python("import time\ndef handler(event, context):\n    print('before')\n    time.sleep(event)\n    return 1")
        .await;
    spec.timeout_s = 1;
    assert_eq!(fixture.call(&spec, "0").await, 1);
    let begin = Instant::now();
    let (error, tail) = fixture.fail(&spec, "60").await;
    assert!(
        begin.elapsed() < Duration::from_secs(3),
        "{:?}",
        begin.elapsed()
    );
    let message = error["errorMessage"].as_str().unwrap();
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    assert!(
        message.ends_with(" Error: Task timed out after 1.00 seconds"),
        "{message}"
    );
    assert!(tail.contains("before\n") && tail.contains("Z "), "{tail}");
    assert!(
        tail.contains("Status: timeout\t") && tail.contains("Duration: 100"),
        "{tail}"
    );
    let reply = fixture.invoke(&spec, "0").await.unwrap();
    assert!(reply.cold, "a new environment");
    fixture.stop().await;
}

#[tokio::test]
async fn running_out_of_memory_harms_nobody_else() {
    let fixture = Fixture::start().await;
    let mut hog = fixture
        .python("def handler(event, context):\n    held = []\n    while True:\n        held.append(b'x' * 10_000_000)")
        .await;
    hog.memory_mb = 128;
    let (error, tail) = fixture.fail(&hog, "1").await;
    assert_eq!(error["errorType"], "Runtime.ExitError");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(
        message.ends_with(" Error: Runtime exited with error: signal: killed"),
        "{message}"
    );
    assert!(
        tail.contains("Status: error\tError Type: Runtime.OutOfMemory\t"),
        "{tail}"
    );
    assert!(
        tail.contains("Memory Size: 128 MB\tMax Memory Used: 128 MB\t"),
        "{tail}"
    );
    let fine = fixture
        .python("def handler(event, context):\n    return 'fine'")
        .await;
    assert_eq!(fixture.call(&fine, "1").await, "fine");
    fixture.stop().await;
}

#[tokio::test]
async fn a_failed_initialization_is_the_answer() {
    let fixture = Fixture::start().await;
    let spec = fixture
        .python("print('loading')\nimport nothing_of_that_name")
        .await;
    let (error, tail) = fixture.fail(&spec, "1").await;
    assert_eq!(error["errorType"], "Runtime.ImportModuleError");
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .contains("nothing_of_that_name"),
        "{error}"
    );
    assert!(
        tail.contains("loading\n") && tail.contains("INIT_REPORT Init Duration: "),
        "{tail}"
    );
    assert!(
        tail.contains("Error Type: Runtime.ImportModuleError"),
        "{tail}"
    );
    let spec = fixture.python("import os\nos._exit(7)").await;
    let (error, tail) = fixture.fail(&spec, "1").await;
    assert_eq!(error["errorType"], "Runtime.ExitError");
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .ends_with("exit status 7"),
        "{error}"
    );
    assert!(tail.contains("Init Duration: "), "{tail}");
    fixture.stop().await;
    assert_eq!(fixture.usage().await.0, 2);
}

#[tokio::test]
async fn a_slow_initialization_begins_anew_on_the_functions_time() {
    let fixture = Fixture::start().await;
    let mut spec = fixture
        .python("import time\ntime.sleep(60)\ndef handler(event, context):\n    return 1")
        .await;
    spec.timeout_s = 1;
    let begin = Instant::now();
    let (error, tail) = fixture.fail(&spec, "1").await;
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    assert!(tail.contains("INIT_REPORT Init Duration: 100"), "{tail}");
    assert!(tail.contains("Phase: init\tStatus: timeout\n"), "{tail}");
    let took = begin.elapsed();
    assert!(
        took > Duration::from_secs(11) && took < Duration::from_secs(14),
        "{took:?}"
    );
    fixture.stop().await;
}

#[tokio::test]
async fn a_response_that_is_too_large() {
    let fixture = Fixture::start().await;
    let spec = fixture
        .python("def handler(event, context):\n    return 'x' * event")
        .await;
    let (error, _) = fixture.fail(&spec, &(7 * 1024 * 1024).to_string()).await;
    assert_eq!(
        error,
        json!({
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        })
    );
    assert_eq!(fixture.call(&spec, "3").await, "xxx");
    fixture.stop().await;
}

#[tokio::test]
async fn what_cannot_be_started() {
    let fixture = Fixture::start().await;
    let spec = fixture
        .deploy("provided.al2023", "", &[("readme", "no bootstrap")])
        .await;
    let (error, tail) = fixture.fail(&spec, "1").await;
    assert_eq!(error["errorType"], "Runtime.InvalidEntrypoint");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(
        message.contains("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
        "{message}"
    );
    assert!(
        tail.contains("Error Type: Runtime.InvalidEntrypoint"),
        "{tail}"
    );
    let spec = fixture
        .deploy("provided.al2023", "", &[("bootstrap", "not a program")])
        .await;
    let (error, _) = fixture.fail(&spec, "1").await;
    assert_eq!(error["errorType"], "Runtime.InvalidEntrypoint", "{error}");
    let spec = fixture.deploy("cobol74", "", &[("x", "")]).await;
    refused(fixture.invoke(&spec, "1").await, Code::Unimplemented);
    let mut spec = fixture.python("").await;
    spec.code_sha256 = "0".repeat(64);
    refused(fixture.invoke(&spec, "1").await, Code::Internal);
    let unknown = rpc::executor::InvokeRequest {
        spec: None,
        ..request(&spec, "1")
    };
    let unknown = rpc::executor::InvokeRequest {
        spec_id: "other".to_owned(),
        ..unknown
    };
    refused(fixture.send(unknown).await, Code::FailedPrecondition);
    fixture.stop().await;
    assert_eq!(fixture.usage().await.0, 2);
}

#[tokio::test]
async fn a_runtime_that_dies_between_two_events_is_replaced() {
    let fixture = Fixture::start().await;
    let spec = fixture
        .python("import os, threading\ndef handler(event, context):\n    if event:\n        threading.Timer(0.05, os._exit, [1]).start()\n    return os.getpid()")
        .await;
    fixture.call(&spec, "1").await;
    fixture.until_live(0).await;
    assert!(fixture.invoke(&spec, "0").await.unwrap().cold);
    fixture.stop().await;
}

#[tokio::test]
async fn work_after_the_answer_is_part_of_the_functions_time() {
    let fixture = Fixture::start().await;
    let mut spec = fixture
        .deploy("provided.al2023", "", &[("bootstrap", SLOW_TO_ASK)])
        .await;
    spec.timeout_s = 2;
    let first = fixture.invoke(&spec, "1").await.unwrap();
    assert!(first.cold);
    // The first environment still works; the next event does not wait for it.
    let begin = Instant::now();
    assert!(fixture.invoke(&spec, "1").await.unwrap().cold);
    assert!(
        begin.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        begin.elapsed()
    );
    // It never asks again, and ends when its time is up.
    fixture.until_live(0).await;
    fixture.stop().await;
}

/// Answers once and asks no more.
const SLOW_TO_ASK: &str = r#"#!/usr/bin/python3
import os, time, urllib.request
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
event = urllib.request.urlopen(base + "next")
id = event.headers["lambda-runtime-aws-request-id"]
urllib.request.urlopen(urllib.request.Request(base + id + "/response", data=b"1"))
time.sleep(600)
"#;
