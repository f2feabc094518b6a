//! What functions reach outside: the public gateway, and nothing else.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::fixture::{Fixture, at_once};
use crate::sandbox::Isolation;

const CALL: &str = r#"
import os, socket, urllib.request
held = []
def handler(event, context):
    url = os.environ.get("AWS_ENDPOINT_URL")
    answer = {"url": url}
    if event.get("ask"):
        with urllib.request.urlopen(url + event["ask"], timeout=10) as response:
            answer["said"] = response.read().decode()
    if event.get("hold"):
        host, port = url.split("//")[1].split(":")
        for _ in range(event["hold"]):
            held.append(socket.create_connection((host, int(port)), 10))
    for address in event.get("reach", []):
        try:
            socket.create_connection(tuple(address), 2).close()
            answer.setdefault("reached", []).append(address)
        except OSError:
            pass
    return answer
"#;

/// Answers any request with its first line.
async fn answer(mut stream: TcpStream) {
    let mut asked = Vec::new();
    while !asked.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => asked.extend_from_slice(&buffer[..read]),
        }
    }
    let text = String::from_utf8_lossy(&asked);
    let line = text.lines().next().unwrap_or_default();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{line}",
        line.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
}

async fn serve(listener: TcpListener) {
    let mut all = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        all.spawn(answer(stream));
    }
}

/// An executor whose gateway is a server of this test, and that server's port.
async fn with_gateway(isolation: Isolation) -> (Fixture, u16, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut serving = JoinSet::new();
    serving.spawn(serve(listener));
    let fixture = Fixture::tuned(|options| {
        options.isolation = isolation;
        options.gateway = Some(format!("http://127.0.0.1:{port}").parse().unwrap());
    });
    (fixture.await, port, serving)
}

#[tokio::test]
async fn functions_reach_the_gateway_and_no_other_port_of_the_host() {
    let (fixture, port, _serving) = with_gateway(Isolation::Container).await;
    let spec = fixture.python(CALL).await;
    let event = json!({"ask": "/2015-03-31/functions?a=b", "reach": [["127.0.0.1", port], ["10.0.0.1", 80]]});
    // Cold, then warm, then several at once.
    for _ in 0..2 {
        let value = fixture.call(&spec, &event.to_string()).await;
        assert_eq!(
            value,
            json!({"url": "http://127.0.0.1:9002", "said": "GET /2015-03-31/functions?a=b HTTP/1.1"})
        );
    }
    let (fixture_, spec_) = (&fixture, &spec);
    let all = (0..4).map(|number| async move {
        let event = json!({"ask": format!("/{number}")});
        fixture_.call(spec_, &event.to_string()).await["said"].clone()
    });
    let said = at_once(all).await;
    let want: Vec<Value> = (0..4)
        .map(|number| format!("GET /{number} HTTP/1.1").into())
        .collect();
    assert_eq!(said, want);
    fixture.stop().await;
}

#[tokio::test]
async fn a_function_that_holds_all_its_connections_hurts_itself_only() {
    let (fixture, _, _serving) = with_gateway(Isolation::Container).await;
    let mut greedy = fixture.python(CALL).await;
    greedy.timeout_s = 2;
    fixture.call(&greedy, r#"{"hold": 80}"#).await;
    let (error, _) = fixture.fail(&greedy, r#"{"ask": "/"}"#).await;
    assert_eq!(error["errorType"], "Sandbox.Timedout", "{error}");
    let other = fixture.python(CALL).await;
    let value = fixture.call(&other, r#"{"ask": "/"}"#).await;
    assert_eq!(value["said"], "GET / HTTP/1.1");
    fixture.stop().await;
}

#[tokio::test]
async fn the_functions_own_endpoint_wins_and_without_a_gateway_there_is_none() {
    let (fixture, _, _serving) = with_gateway(Isolation::Container).await;
    let mut spec = fixture.python(CALL).await;
    let own = "https://lambda.eu-west-1.amazonaws.com";
    spec.environment
        .insert("AWS_ENDPOINT_URL".to_owned(), own.to_owned());
    assert_eq!(fixture.call(&spec, "{}").await, json!({"url": own}));
    fixture.stop().await;
    let fixture = Fixture::start().await;
    let spec = fixture.python(CALL).await;
    let value = fixture
        .call(&spec, r#"{"reach": [["127.0.0.1", 9002]]}"#)
        .await;
    assert_eq!(value, json!({"url": null}));
    fixture.stop().await;
}

#[tokio::test]
async fn a_gateway_that_is_gone_looks_gone() {
    let (fixture, _, mut serving) = with_gateway(Isolation::Container).await;
    serving.shutdown().await;
    let spec = fixture.python(CALL).await;
    let (error, _) = tokio::time::timeout(
        Duration::from_secs(20),
        fixture.fail(&spec, r#"{"ask": "/"}"#),
    )
    .await
    .expect("an error, not silence");
    assert_ne!(error["errorType"], "Sandbox.Timedout", "{error}");
    fixture.stop().await;
}

#[tokio::test]
async fn without_isolation_the_gateway_has_its_own_address() {
    let (fixture, port, _serving) = with_gateway(Isolation::Process).await;
    let spec = fixture.python(CALL).await;
    let value = fixture.call(&spec, r#"{"ask": "/"}"#).await;
    assert_eq!(
        value,
        json!({"url": format!("http://127.0.0.1:{port}"), "said": "GET / HTTP/1.1"})
    );
    fixture.stop().await;
}
