//! The API over real connections, as a runtime client sees it.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Event, Exchange, RESPONSE_BYTES_MAX, Report, serve};

fn event(id: &str) -> Event {
    Event {
        request_id: id.to_owned(),
        deadline_ms: 1_700_000_000_123,
        invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
        trace_id: "Root=1-5759e988-bd862e3fe1be46a994272793".to_owned(),
        client_context: String::new(),
        payload: "{\"a\":1}".into(),
    }
}

/// A runtime client over one connection that is kept.
struct Client(TcpStream);

impl Client {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Status and headers (lower case) in one text, and the body.
    async fn answer(&mut self) -> (String, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    async fn get(&mut self, path: &str) -> (String, String) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await;
        self.answer().await
    }

    async fn post(&mut self, path: &str, headers: &str, body: &str) -> (String, String) {
        let length = body.len();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        ))
        .await;
        self.answer().await
    }
}

/// Runs `client` and `life` beside the server, in one task as an environment does.
async fn with_server<T, U, C: Future<Output = T>, L: Future<Output = U>>(
    exchange: &Exchange,
    client: impl FnOnce(Client) -> C,
    life: L,
) -> (T, U) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let both = async { tokio::join!(client(Client(stream)), life) };
    tokio::select! {
        never = serve(&listener, exchange) => match never {},
        done = tokio::time::timeout(Duration::from_secs(10), both) => done.unwrap(),
    }
}

const NEXT: &str = "/2018-06-01/runtime/invocation/next";

fn of(id: &str, what: &str) -> String {
    format!("/2018-06-01/runtime/invocation/{id}/{what}")
}

#[tokio::test]
async fn two_events_over_one_connection() {
    let exchange = Exchange::new();
    let client = |mut client: Client| async move {
        for id in ["one", "two"] {
            let (head, body) = client.get(NEXT).await;
            assert!(head.starts_with("http/1.1 200"), "{head}");
            assert!(
                head.contains(&format!("lambda-runtime-aws-request-id: {id}\r\n")),
                "{head}"
            );
            assert!(
                head.contains("lambda-runtime-deadline-ms: 1700000000123\r\n"),
                "{head}"
            );
            assert!(
                head.contains("lambda-runtime-trace-id: root=1-5759e988"),
                "{head}"
            );
            assert!(
                head.contains("invoked-function-arn: arn:aws:lambda:us-east-1"),
                "{head}"
            );
            assert!(
                head.contains("content-type: application/json\r\n"),
                "{head}"
            );
            assert!(
                !head.contains("client-context") && !head.contains("cognito"),
                "{head}"
            );
            assert_eq!(body, "{\"a\":1}");
            let answer = client
                .post(&of(id, "response"), "content-type: text/plain\r\n", id)
                .await;
            assert!(answer.0.starts_with("http/1.1 202"), "{}", answer.0);
            assert_eq!(answer.1, "{\"status\":\"OK\"}\n");
        }
    };
    let life = async {
        exchange.initialized().await.unwrap();
        for id in ["one", "two"] {
            exchange.ready().await;
            assert!(exchange.deliver(event(id)).is_none());
            match exchange.report().await {
                Report::Response {
                    payload,
                    content_type,
                } => {
                    assert_eq!(
                        (&payload[..], content_type.as_str()),
                        (id.as_bytes(), "text/plain")
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    };
    with_server(&exchange, client, life).await;
}

#[tokio::test]
async fn calls_out_of_turn_are_refused() {
    let exchange = Exchange::new();
    let client = |mut client: Client| async move {
        let (head, body) = client.post(&of("one", "response"), "", "1").await;
        assert!(head.starts_with("http/1.1 400"), "{head}");
        assert_eq!(
            body,
            "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n"
        );
        client.get(NEXT).await;
        let (head, body) = client.get(NEXT).await;
        assert!(head.starts_with("http/1.1 403"), "{head}");
        assert_eq!(
            body,
            "{\"errorMessage\":\"State transition from Running to Ready failed for runtime. Error: State transition is \
             not allowed\",\"errorType\":\"InvalidStateTransition\"}\n"
        );
        let (head, _) = client
            .post("/2018-06-01/runtime/init/error", "", "{}")
            .await;
        assert!(head.starts_with("http/1.1 403"), "{head}");
        let (head, _) = client.post(&of("two", "response"), "", "1").await;
        assert!(head.starts_with("http/1.1 400"), "{head}");
        let (head, _) = client
            .post(
                &of("one", "error"),
                "lambda-runtime-function-error-type: E\r\n",
                "{}",
            )
            .await;
        assert!(head.starts_with("http/1.1 202"), "{head}");
        let (head, _) = client.post(&of("one", "response"), "", "1").await;
        assert!(head.starts_with("http/1.1 403"), "{head}");
        for (path, want) in [
            ("/", "404"),
            ("/2018-06-01/runtime/x", "404"),
            ("/2018-06-01/runtime/init/error", "405"),
        ] {
            let (head, _) = client.get(path).await;
            assert!(
                head.starts_with(&format!("http/1.1 {want}")),
                "{path}: {head}"
            );
        }
    };
    let life = async {
        exchange.ready().await;
        assert!(exchange.deliver(event("one")).is_none());
        match exchange.report().await {
            Report::Error {
                payload,
                error_type,
            } => {
                assert_eq!((&payload[..], error_type.as_str()), (&b"{}"[..], "E"));
            }
            other => panic!("{other:?}"),
        }
    };
    with_server(&exchange, client, life).await;
}

#[tokio::test]
async fn a_failed_initialization_is_reported_once() {
    let exchange = Exchange::new();
    let client = |mut client: Client| async move {
        let path = "/2018-06-01/runtime/init/error";
        let header = "Lambda-Runtime-Function-Error-Type: Runtime.ImportModuleError\r\n";
        let (head, _) = client.post(path, header, "{\"errorType\":\"x\"}").await;
        assert!(head.starts_with("http/1.1 202"), "{head}");
        let (head, _) = client.post(path, header, "{}").await;
        assert!(head.starts_with("http/1.1 403"), "{head}");
    };
    let ((), report) = with_server(&exchange, client, exchange.initialized()).await;
    match report.unwrap_err() {
        Report::InitError {
            payload,
            error_type,
        } => {
            assert_eq!(&payload[..], b"{\"errorType\":\"x\"}");
            assert_eq!(error_type, "Runtime.ImportModuleError");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_response_has_a_largest_size() {
    let check = |bytes: usize, want: &'static str| async move {
        let exchange = Exchange::new();
        let client = |mut client: Client| async move {
            client.get(NEXT).await;
            client
                .post(&of("one", "response"), "", &"x".repeat(bytes))
                .await
        };
        let life = async {
            exchange.ready().await;
            assert!(exchange.deliver(event("one")).is_none());
            exchange.report().await
        };
        let ((head, body), report) = with_server(&exchange, client, life).await;
        assert!(
            head.starts_with(&format!("http/1.1 {want}")),
            "{bytes}: {head}"
        );
        match report {
            Report::Response { payload, .. } => assert_eq!((payload.len(), want), (bytes, "202")),
            Report::TooLarge => {
                assert_eq!(want, "413");
                assert!(
                    body.contains("Exceeded maximum allowed payload size (6291556 bytes)."),
                    "{body}"
                );
            }
            other => panic!("{other:?}"),
        }
    };
    check(0, "202").await;
    check(1024 * 1024, "202").await;
    check(RESPONSE_BYTES_MAX, "202").await;
    check(RESPONSE_BYTES_MAX + 1, "413").await;
}

#[tokio::test]
async fn a_streamed_response_may_end_in_an_error() {
    let check = |trailers: &'static str| async move {
        let exchange = Exchange::new();
        let client = |mut client: Client| async move {
            client.get(NEXT).await;
            let path = of("one", "response");
            client
                .send(&format!(
                    "POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\
                     Lambda-Runtime-Function-Response-Mode: streaming\r\n\
                     trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n\
                     3\r\nabc\r\n2\r\nde\r\n0\r\n{trailers}\r\n"
                ))
                .await;
            client.answer().await
        };
        let life = async {
            exchange.ready().await;
            assert!(exchange.deliver(event("one")).is_none());
            exchange.report().await
        };
        let ((head, _), report) = with_server(&exchange, client, life).await;
        assert!(head.starts_with("http/1.1 202"), "{head}");
        report
    };
    match check("").await {
        Report::Response { payload, .. } => assert_eq!(&payload[..], b"abcde"),
        other => panic!("{other:?}"),
    }
    let trailers = "Lambda-Runtime-Function-Error-Type: Runtime.Boom\r\n\
                    Lambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJubyJ9\r\n";
    match check(trailers).await {
        Report::Error {
            payload,
            error_type,
        } => {
            assert_eq!(
                (&payload[..], error_type.as_str()),
                (&b"{\"errorMessage\":\"no\"}"[..], "Runtime.Boom")
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_unknown_response_mode_is_the_functions_error() {
    let exchange = Exchange::new();
    let client = |mut client: Client| async move {
        client.get(NEXT).await;
        let header = "Lambda-Runtime-Function-Response-Mode: buffered\r\n";
        client.post(&of("one", "response"), header, "1").await
    };
    let life = async {
        exchange.ready().await;
        assert!(exchange.deliver(event("one")).is_none());
        exchange.report().await
    };
    let ((head, body), report) = with_server(&exchange, client, life).await;
    assert!(
        head.starts_with("http/1.1 400") && body.contains("InvalidFunctionResponseMode"),
        "{head}{body}"
    );
    assert!(
        matches!(report, Report::Error { error_type, .. } if error_type == "Runtime.InvalidResponseModeHeader")
    );
}

#[tokio::test]
async fn a_broken_connection_loses_no_event() {
    let exchange = Exchange::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let story = async {
        let mut first = Client(TcpStream::connect(address).await.unwrap());
        first
            .send(&format!("GET {NEXT} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await;
        exchange.ready().await;
        drop(first);
        while exchange.is_ready() {
            tokio::task::yield_now().await;
        }
        let event = exchange.deliver(event("one")).expect("nobody asks");
        let mut second = Client(TcpStream::connect(address).await.unwrap());
        second
            .send(&format!("GET {NEXT} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await;
        exchange.ready().await;
        assert!(exchange.deliver(event).is_none());
        let (head, _) = second.answer().await;
        assert!(head.contains("request-id: one"), "{head}");
        // It breaks inside the result; sent again, it counts.
        let path = of("one", "response");
        second
            .send(&format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab"
            ))
            .await;
        drop(second);
        let mut third = Client(TcpStream::connect(address).await.unwrap());
        loop {
            let (head, _) = third.post(&path, "", "again").await;
            if head.starts_with("http/1.1 202") {
                return exchange.report().await;
            }
            assert!(head.starts_with("http/1.1 403"), "{head}");
        }
    };
    let report = tokio::select! {
        never = serve(&listener, &exchange) => match never {},
        done = tokio::time::timeout(Duration::from_secs(10), story) => done.unwrap(),
    };
    assert!(matches!(report, Report::Response { payload, .. } if &payload[..] == b"again"));
}
