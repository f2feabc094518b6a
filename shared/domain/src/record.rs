//! The records that destinations get (`spec/async-invocation.md`, 1.2).

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::event::Condition;

/// What a record tells of an event and its last attempt.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    pub at: DateTime<Utc>,
    pub request_id: Uuid,
    /// Qualified, always.
    pub function_arn: &'a str,
    pub condition: Condition,
    /// Attempts in which the function was started.
    pub invoke_count: u32,
    /// The event as it came: JSON.
    pub request: &'a [u8],
    /// `None` where nothing ran.
    pub ran: Option<Ran<'a>>,
}

/// What the last run gave.
#[derive(Debug, Clone, Copy)]
pub struct Ran<'a> {
    /// `$LATEST` or a number.
    pub version: &'a str,
    /// Such as `Unhandled`; `None` after a success.
    pub function_error: Option<&'a str>,
    pub response: &'a [u8],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext<'a>,
    request_payload: Payload<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_payload: Option<Payload<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: Uuid,
    function_arn: &'a str,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    /// 200 even where the function failed.
    status_code: u16,
    executed_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'a str>,
}

/// JSON as it came, or text where a runtime's answer was none.
#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    Json(&'a RawValue),
    Text(String),
}

impl<'a> Payload<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        match serde_json::from_slice(bytes) {
            Ok(json) => Self::Json(json),
            Err(_) => Self::Text(String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

/// The record as JSON.
pub fn record(ended: &Ended<'_>) -> Vec<u8> {
    let record = Record {
        version: "1.0",
        timestamp: ended.at.to_rfc3339_opts(SecondsFormat::Millis, true),
        request_context: RequestContext {
            request_id: ended.request_id,
            function_arn: ended.function_arn,
            condition: ended.condition.as_str(),
            approximate_invoke_count: ended.invoke_count,
        },
        request_payload: Payload::of(ended.request),
        response_context: ended.ran.map(|ran| ResponseContext {
            status_code: 200,
            executed_version: ran.version,
            function_error: ran.function_error,
        }),
        response_payload: ended.ran.map(|ran| Payload::of(ran.response)),
    };
    // Nothing in it can fail to be written.
    serde_json::to_vec(&record).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(condition: Condition, count: u32, ran: Option<Ran<'_>>) -> Ended<'_> {
        Ended {
            at: DateTime::from_timestamp_millis(1_573_755_365_568).unwrap(),
            request_id: Uuid::from_u128(0xe4b4),
            function_arn: "arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST",
            condition,
            invoke_count: count,
            request: br#"{"ORDER_IDS": ["9e07af03"]}"#,
            ran,
        }
    }

    fn check(ended: &Ended<'_>, want: &str) {
        assert_eq!(String::from_utf8(record(ended)).unwrap(), want);
    }

    #[test]
    fn as_aws_writes_them() {
        let failed = Ran {
            version: "$LATEST",
            function_error: Some("Unhandled"),
            response: br#"{"errorMessage": "no"}"#,
        };
        check(
            &ended(Condition::RetriesExhausted, 3, Some(failed)),
            r#"{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"00000000-0000-0000-0000-00000000e4b4","functionArn":"arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"ORDER_IDS": ["9e07af03"]},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":{"errorMessage": "no"}}"#,
        );
        let done = Ran {
            version: "3",
            function_error: None,
            response: b"plain",
        };
        check(
            &ended(Condition::Success, 1, Some(done)),
            r#"{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"00000000-0000-0000-0000-00000000e4b4","functionArn":"arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST","condition":"Success","approximateInvokeCount":1},"requestPayload":{"ORDER_IDS": ["9e07af03"]},"responseContext":{"statusCode":200,"executedVersion":"3"},"responsePayload":"plain"}"#,
        );
        check(
            &ended(Condition::ZeroReservedConcurrency, 0, None),
            r#"{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"00000000-0000-0000-0000-00000000e4b4","functionArn":"arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST","condition":"ZeroReservedConcurrency","approximateInvokeCount":0},"requestPayload":{"ORDER_IDS": ["9e07af03"]}}"#,
        );
    }
}
