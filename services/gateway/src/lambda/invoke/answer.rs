//! What an Invoke answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use uuid::Uuid;

use super::sync::Ran;

/// An answer without a body.
pub(super) fn empty(status: StatusCode, request_id: Uuid) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("x-amzn-requestid", header(&request_id.to_string()));
    response
}

/// The function's result with Lambda's headers, and ours for the cost.
pub(super) fn build(ran: Ran, request_id: Uuid, trace_id: &str) -> Response<Bytes> {
    let Ran { reply, version } = ran;
    let mut response = Response::new(reply.payload);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-amzn-requestid", header(&request_id.to_string()));
    headers.insert("x-amz-executed-version", header(&version));
    headers.insert(
        "x-amzn-remapped-content-length",
        HeaderValue::from_static("0"),
    );
    headers.insert("x-amzn-trace-id", header(trace_id));
    if !reply.function_error.is_empty() {
        headers.insert("x-amz-function-error", header(&reply.function_error));
    }
    if !reply.log_tail.is_empty() {
        headers.insert(
            "x-amz-log-result",
            header(&STANDARD.encode(&reply.log_tail)),
        );
    }
    if let Some(cost_e10) = reply.cost_e10 {
        headers.insert("x-tollgate-cost", header(&cost(cost_e10, &reply.currency)));
    }
    response
}

/// `0.0000002042 USD`: ten decimals, as usage rows have them (rule R2).
fn cost(cost_e10: i64, currency: &str) -> String {
    let (whole, fraction) = (cost_e10 / 10_000_000_000, (cost_e10 % 10_000_000_000).abs());
    format!("{whole}.{fraction:010} {currency}")
}

/// A header value of text that is ours; what cannot be one becomes empty.
fn header(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_has_ten_decimals() {
        let check = |e10: i64, want: &str| assert_eq!(cost(e10, "USD"), want);
        check(0, "0.0000000000 USD");
        check(2_042, "0.0000002042 USD");
        check(15_170_000_000, "1.5170000000 USD");
    }
}
