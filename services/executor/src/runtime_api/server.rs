//! The HTTP side: connections of one sandbox, and the six calls.

use std::convert::Infallible;
use std::pin::pin;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures::stream::{FuturesUnordered, StreamExt as _};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::RESPONSE_BYTES_MAX;
use super::answer::{self, Answer};
use super::exchange::{Event, Exchange, Refusal, Report};

const PREFIX: &str = "/2018-06-01/runtime/";

const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const FUNCTION_ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
const CLIENT_CONTEXT: HeaderName = HeaderName::from_static("lambda-runtime-client-context");
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// More connections than this from one sandbox wait in the listener's backlog.
const CONNECTIONS_MAX: usize = 64;

/// Serves the sandbox's runtime clients until dropped, all connections inside the caller's task.
pub(crate) async fn serve(listener: &TcpListener, exchange: &Exchange) -> Infallible {
    let mut connections = FuturesUnordered::new();
    let mut accepting = pin!(accept(listener));
    loop {
        tokio::select! {
            Some(()) = connections.next(), if !connections.is_empty() => {}
            stream = &mut accepting, if connections.len() < CONNECTIONS_MAX => {
                connections.push(connection(stream, exchange));
                accepting.set(accept(listener));
            }
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                return stream;
            }
            // Out of descriptors, or a connection that is gone already: the next one may fare better.
            Err(error) => {
                tracing::warn!(%error, "accepting a runtime client failed");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, exchange: &Exchange) {
    let service =
        service_fn(|request| async move { Ok::<_, Infallible>(route(request, exchange).await) });
    // An error here is a client that went away; the sandbox's exit or the time limit tells the rest.
    let _ = http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn route(request: Request<Incoming>, exchange: &Exchange) -> Answer {
    let (head, body) = request.into_parts();
    let Some(path) = head.uri.path().strip_prefix(PREFIX) else {
        return answer::not_found();
    };
    match (path, &head.method) {
        ("invocation/next", &Method::GET) => next(exchange).await,
        ("init/error", &Method::POST) => init_error(exchange, &head.headers, body).await,
        ("invocation/next" | "init/error", _) => answer::method_not_allowed(),
        (path, method) => {
            let call = path
                .strip_prefix("invocation/")
                .and_then(|rest| rest.split_once('/'));
            match (call, method) {
                (Some((id, "response")), &Method::POST) => {
                    response(exchange, id, &head.headers, body).await
                }
                (Some((id, "error")), &Method::POST) => {
                    error(exchange, id, &head.headers, body).await
                }
                (Some((_, "response" | "error")), _) => answer::method_not_allowed(),
                _ => answer::not_found(),
            }
        }
    }
}

fn refuse(refusal: &Refusal, to: &str) -> Answer {
    match refusal {
        Refusal::RequestId => answer::invalid_request_id(),
        Refusal::Phase(phase) => answer::invalid_transition(phase.name(), to),
    }
}

async fn next(exchange: &Exchange) -> Answer {
    let waiting = match exchange.next() {
        Ok(waiting) => waiting,
        Err(refusal) => return refuse(&refusal, "Ready"),
    };
    match waiting.await {
        Ok(event) => render(event),
        // A newer `next` took this one's place.
        Err(_) => answer::stopping(),
    }
}

fn render(event: Event) -> Answer {
    let mut answer = Response::new(Full::new(event.payload));
    let headers = answer.headers_mut();
    headers.reserve(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(DEADLINE, HeaderValue::from(event.deadline_ms));
    insert(headers, REQUEST_ID, event.request_id);
    insert(headers, FUNCTION_ARN, event.invoked_function_arn);
    insert(headers, TRACE_ID, event.trace_id);
    insert(headers, CLIENT_CONTEXT, event.client_context);
    answer
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if value.is_empty() {
        return;
    }
    // JSON may be laid out over lines, which a header cannot be; between its tokens a space means the same.
    let value = if value.bytes().any(|b| b < b' ' || b == 0x7f) {
        value.replace(|c: char| c.is_ascii_control(), " ")
    } else {
        value
    };
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
        headers.insert(name, value);
    }
}

async fn response(exchange: &Exchange, id: &str, headers: &HeaderMap, body: Incoming) -> Answer {
    if let Err(refusal) = exchange.begin(id) {
        return refuse(&refusal, "InvocationResponse");
    }
    let guard = Sending(exchange);
    let mode = headers
        .get(RESPONSE_MODE)
        .map_or("", |mode| mode.to_str().unwrap_or("?"));
    if !mode.is_empty() && !mode.eq_ignore_ascii_case("streaming") {
        guard.complete(Report::Error {
            payload: Bytes::from_static(b"{\"errorType\":\"Runtime.InvalidResponseModeHeader\"}"),
            error_type: "Runtime.InvalidResponseModeHeader".to_owned(),
        });
        return answer::invalid_response_mode();
    }
    match collect(body).await {
        Ok(Collected::Whole { payload, trailers }) => {
            guard.complete(match trailers.as_ref().and_then(trailing_error) {
                Some(report) => report,
                None => Report::Response {
                    payload,
                    content_type: text(headers, "content-type"),
                },
            });
            answer::accepted()
        }
        Ok(Collected::TooLarge) => {
            guard.complete(Report::TooLarge);
            answer::too_large()
        }
        Err(_) => answer::truncated(),
    }
}

/// An error that a streaming function met after its first bytes: told in the trailers, the body in base64.
fn trailing_error(trailers: &HeaderMap) -> Option<Report> {
    let error_type = trailers.get(ERROR_TYPE)?.to_str().ok()?.to_owned();
    let body = trailers
        .get(ERROR_BODY)
        .and_then(|body| STANDARD.decode(body.as_bytes()).ok());
    let payload = body.map_or_else(
        || {
            serde_json::json!({ "errorType": error_type })
                .to_string()
                .into()
        },
        Bytes::from,
    );
    Some(Report::Error {
        payload,
        error_type,
    })
}

async fn error(exchange: &Exchange, id: &str, headers: &HeaderMap, body: Incoming) -> Answer {
    if let Err(refusal) = exchange.begin(id) {
        return refuse(&refusal, "InvocationErrorResponse");
    }
    let guard = Sending(exchange);
    match collect(body).await {
        Ok(Collected::Whole { payload, .. }) => {
            guard.complete(Report::Error {
                payload,
                error_type: text(headers, ERROR_TYPE),
            });
            answer::accepted()
        }
        Ok(Collected::TooLarge) => {
            guard.complete(Report::TooLarge);
            answer::too_large()
        }
        Err(_) => answer::truncated(),
    }
}

async fn init_error(exchange: &Exchange, headers: &HeaderMap, body: Incoming) -> Answer {
    if let Err(refusal) = exchange.begin_init_error() {
        return refuse(&refusal, "InitError");
    }
    let _guard = TellingInit(exchange);
    match collect(body).await {
        Ok(Collected::Whole { payload, .. }) => {
            exchange.complete_init_error(Report::InitError {
                payload,
                error_type: text(headers, ERROR_TYPE),
            });
            answer::accepted()
        }
        Ok(Collected::TooLarge) => answer::too_large(),
        Err(_) => answer::truncated(),
    }
}

/// As [`Sending`], for the report of a failed initialization.
struct TellingInit<'a>(&'a Exchange);

impl Drop for TellingInit<'_> {
    fn drop(&mut self) {
        self.0.abort_init_error();
    }
}

/// Lets a client whose connection breaks inside the body try again.
struct Sending<'a>(&'a Exchange);

impl Sending<'_> {
    fn complete(self, report: Report) {
        self.0.complete(report);
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default()
}

enum Collected {
    Whole {
        payload: Bytes,
        trailers: Option<HeaderMap>,
    },
    TooLarge,
}

/// Reads a body to its end. One that is too large is read and thrown away, so that the client sees the 413.
async fn collect(mut body: Incoming) -> Result<Collected, hyper::Error> {
    let (mut first, mut rest, mut size) = (Bytes::new(), BytesMut::new(), 0);
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        let data = match frame?.into_data() {
            Ok(data) => data,
            Err(frame) => {
                trailers = frame.into_trailers().ok();
                continue;
            }
        };
        size += data.len();
        if size > RESPONSE_BYTES_MAX {
            (first, rest) = (Bytes::new(), BytesMut::new());
        } else if size == data.len() {
            // A small body comes in one piece and is not copied.
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    if size > RESPONSE_BYTES_MAX {
        return Ok(Collected::TooLarge);
    }
    let payload = if rest.is_empty() {
        first
    } else {
        rest.freeze()
    };
    Ok(Collected::Whole { payload, trailers })
}
