//! Why a request of our own API is not served. The codes are those of AWS's services where they have the same case.

use axum::body::Body;
use axum::response::IntoResponse;
use http::{Response, StatusCode};
use wire::Fault;

use super::serve::json;
use super::types::ErrorBody;
use crate::call::Call;

/// A status and an error. The text is for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    error: ErrorBody,
}

impl Refusal {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            error: ErrorBody {
                code: code.to_owned(),
                message: message.into(),
            },
        }
    }

    /// 400: the request makes no sense, whatever the state of things is.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationException", message)
    }

    /// 404.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
    }

    /// 405.
    pub(super) fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowedException",
            "This path does not take this method.",
        )
    }

    /// 409: it would make sense in another state of things.
    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "ConflictException", message)
    }

    /// 413.
    pub(super) fn too_large(bytes_max: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLargeException",
            format!("The body must not be larger than {bytes_max} bytes."),
        )
    }

    /// 500. The cause is logged here, once, and the client learns only that there was one.
    pub(super) fn internal(error: &dyn std::fmt::Display, call: &Call) -> Self {
        tracing::error!(request.id = %call.request_id, cloud.account.id = %call.account, %error, "request failed");
        Self::from(&Fault::internal())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let body = serde_json::to_vec(&self.error).unwrap_or_default();
        json(self.status, body.into())
    }
}

/// What both APIs refuse alike: signatures, for one.
impl From<&Fault> for Refusal {
    fn from(fault: &Fault) -> Self {
        let status = StatusCode::from_u16(fault.status());
        Self::new(
            status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            fault.code(),
            fault.message(),
        )
    }
}
