//! Answers of the Runtime API that carry no event: bodies and statuses as Lambda's own emulator gives them.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;

use super::RESPONSE_BYTES_MAX;

pub(super) type Answer = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

fn answer(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// 202: the report was taken.
pub(super) fn accepted() -> Answer {
    answer(
        StatusCode::ACCEPTED,
        JSON,
        Bytes::from_static(b"{\"status\":\"OK\"}\n"),
    )
}

fn error(status: StatusCode, message: &str, kind: &str) -> Answer {
    let body = serde_json::json!({ "errorMessage": message, "errorType": kind });
    answer(status, JSON, format!("{body}\n"))
}

/// 400: the id in the path is not that of the running event.
pub(super) fn invalid_request_id() -> Answer {
    error(
        StatusCode::BAD_REQUEST,
        "Invalid request ID",
        "InvalidRequestID",
    )
}

/// 400: a `Lambda-Runtime-Function-Response-Mode` other than `streaming`.
pub(super) fn invalid_response_mode() -> Answer {
    error(
        StatusCode::BAD_REQUEST,
        "Invalid function response mode",
        "InvalidFunctionResponseMode",
    )
}

/// 400: the connection ended, or broke the protocol, inside the body.
pub(super) fn truncated() -> Answer {
    error(
        StatusCode::BAD_REQUEST,
        "HTTP request detected as truncated",
        "TruncatedHTTPRequest",
    )
}

/// 403: the call does not fit the runtime's state.
pub(super) fn invalid_transition(from: &str, to: &str) -> Answer {
    let message = format!(
        "State transition from {from} to {to} failed for runtime. Error: State transition is not allowed"
    );
    error(StatusCode::FORBIDDEN, &message, "InvalidStateTransition")
}

/// 413: the result is larger than [`RESPONSE_BYTES_MAX`].
pub(super) fn too_large() -> Answer {
    let message = format!("Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes).");
    error(
        StatusCode::PAYLOAD_TOO_LARGE,
        &message,
        "RequestEntityTooLarge",
    )
}

/// 404: no such path in this version of the API.
pub(super) fn not_found() -> Answer {
    answer(
        StatusCode::NOT_FOUND,
        TEXT,
        Bytes::from_static(b"404 page not found\n"),
    )
}

/// 405: the path exists, with another method.
pub(super) fn method_not_allowed() -> Answer {
    answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, Bytes::new())
}

/// 500: the environment is ending while the runtime client asks.
pub(super) fn stopping() -> Answer {
    error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Internal Server Error",
        "InternalServerError",
    )
}
