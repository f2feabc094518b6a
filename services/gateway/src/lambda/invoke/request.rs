//! An Invoke request: path, query and headers, checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use wire::Fault;

use crate::lambda::faults;

/// Largest payload of a synchronous invocation, in bytes (Lambda quotas: 6 MB).
pub(crate) const SYNC_PAYLOAD_MAX: usize = 6 * 1024 * 1024;

/// Largest payload of an asynchronous one, in bytes (`spec/async-invocation.md`, 1.1: 1 MB; the legacy operation 256 KB).
pub(crate) const EVENT_PAYLOAD_MAX: usize = 1024 * 1024;
pub(crate) const LEGACY_PAYLOAD_MAX: usize = 256 * 1024;

/// Largest decoded client context, in bytes (Lambda API, `X-Amz-Client-Context`).
const CLIENT_CONTEXT_MAX: usize = 3_583;

/// How an invocation wants to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    RequestResponse,
    Event,
    DryRun,
}

/// What the caller asks for.
#[derive(Debug)]
pub(crate) struct InvokeRequest {
    /// Name, partial ARN or ARN, decoded.
    pub(crate) name: String,
    pub(crate) qualifier: Option<String>,
    pub(crate) kind: Kind,
    /// By `InvokeAsync`, the operation that `Event` replaced.
    pub(crate) legacy: bool,
    /// The last 4 KiB of the log are wanted.
    pub(crate) tail: bool,
    /// JSON, decoded; empty = none.
    pub(crate) client_context: String,
}

/// Function name and qualifier of an Invoke path, still percent-encoded; `None` for any other path.
pub(crate) fn matches<'a>(method: &http::Method, path: &'a str) -> Option<&'a str> {
    let invoke = between(path, "/2015-03-31/functions/", "/invocations");
    let name = invoke.or_else(|| legacy(path))?;
    (method == http::Method::POST && !name.is_empty() && !name.contains('/')).then_some(name)
}

/// The name in a path of `InvokeAsync`.
fn legacy(path: &str) -> Option<&str> {
    between(path, "/2014-11-13/functions/", "/invoke-async")
}

fn between<'a>(path: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    path.strip_prefix(before)?.strip_suffix(after)
}

/// Decodes and checks everything but the payload.
pub(crate) fn parse(parts: &Parts, name: &str) -> Result<InvokeRequest, Fault> {
    let name = wire::percent_decode(name);
    let query = parts.uri.query().unwrap_or_default();
    let qualifier = wire::query_value(query, "Qualifier").map(Into::into);
    let legacy = legacy(parts.uri.path()).is_some();
    let kind = if legacy {
        Kind::Event
    } else {
        kind(header(parts, "x-amz-invocation-type"))?
    };
    Ok(InvokeRequest {
        name: name.into(),
        qualifier: qualifier.filter(|_| !legacy),
        kind,
        legacy,
        tail: tail(header(parts, "x-amz-log-type"))?,
        client_context: client_context(header(parts, "x-amz-client-context"))?,
    })
}

/// Refuses a payload that is too large or not JSON; an empty one means `{}`, as on AWS.
///
/// The check is one scan for well-formedness: nothing is decoded, kept or rewritten.
pub(crate) fn check_payload(payload: Bytes, request: &InvokeRequest) -> Result<Bytes, Fault> {
    let (word, limit) = match (request.kind, request.legacy) {
        (Kind::Event, false) => ("Event", EVENT_PAYLOAD_MAX),
        (Kind::Event, true) => ("Event", LEGACY_PAYLOAD_MAX),
        (Kind::RequestResponse | Kind::DryRun, _) => ("RequestResponse", SYNC_PAYLOAD_MAX),
    };
    if payload.len() > limit {
        return Err(faults::payload_too_large(payload.len(), word, limit));
    }
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        Ok(_) => Ok(payload),
        Err(error) => Err(faults::payload_not_json(&error)),
    }
}

pub(super) fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
}

fn kind(text: Option<&str>) -> Result<Kind, Fault> {
    match text {
        None | Some("RequestResponse") => Ok(Kind::RequestResponse),
        Some("Event") => Ok(Kind::Event),
        Some("DryRun") => Ok(Kind::DryRun),
        Some(other) => Err(faults::not_in_set(
            other,
            "invocationType",
            "[Event, RequestResponse, DryRun]",
        )),
    }
}

fn tail(text: Option<&str>) -> Result<bool, Fault> {
    match text {
        None | Some("None") => Ok(false),
        Some("Tail") => Ok(true),
        Some(other) => Err(faults::not_in_set(other, "logType", "[None, Tail]")),
    }
}

fn client_context(text: Option<&str>) -> Result<String, Fault> {
    let Some(text) = text else {
        return Ok(String::new());
    };
    let decoded = STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let json = decoded.filter(|json| serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok());
    match json {
        Some(json) if json.len() <= CLIENT_CONTEXT_MAX => Ok(json),
        Some(json) => Err(faults::client_context_too_large(
            json.len(),
            CLIENT_CONTEXT_MAX,
        )),
        None => Err(faults::client_context_not_json()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_paths_are_invocations() {
        let check = |path: &str, want: Option<&str>| {
            assert_eq!(matches(&http::Method::POST, path), want, "{path}");
        };
        check("/2015-03-31/functions/f/invocations", Some("f"));
        check("/2015-03-31/functions/f/invocations/", Some("f"));
        check(
            "/2015-03-31/functions/arn%3Aaws/invocations",
            Some("arn%3Aaws"),
        );
        check("/2014-11-13/functions/f/invoke-async", Some("f"));
        check("/2014-11-13/functions/f/invoke-async/", Some("f"));
        check("/2014-11-13/functions/f/invocations", None);
        check("/2015-03-31/functions//invocations", None);
        check("/2015-03-31/functions/f", None);
        check("/2015-03-31/functions/f/g/invocations", None);
        assert_eq!(
            matches(&http::Method::GET, "/2015-03-31/functions/f/invocations"),
            None
        );
    }

    fn request(kind: Kind, legacy: bool) -> InvokeRequest {
        InvokeRequest {
            name: "f".to_owned(),
            qualifier: None,
            kind,
            legacy,
            tail: false,
            client_context: String::new(),
        }
    }

    #[test]
    fn events_are_smaller() {
        let check = |legacy: bool, bytes: usize, ok: bool| {
            let payload = Bytes::from(format!("\"{}\"", "x".repeat(bytes - 2)));
            let request = request(Kind::Event, legacy);
            assert_eq!(check_payload(payload, &request).is_ok(), ok, "{bytes}");
        };
        check(false, EVENT_PAYLOAD_MAX, true);
        check(false, EVENT_PAYLOAD_MAX + 1, false);
        check(true, LEGACY_PAYLOAD_MAX, true);
        check(true, LEGACY_PAYLOAD_MAX + 1, false);
    }

    #[test]
    fn payloads() {
        let request = request(Kind::RequestResponse, false);
        let check = |payload: &str, ok: bool| {
            assert_eq!(
                check_payload(Bytes::copy_from_slice(payload.as_bytes()), &request).is_ok(),
                ok,
                "{payload}"
            );
        };
        check("", true);
        check("null", true);
        check("{\"a\": [1, 2.5e3, \"\\u00e4\"]}", true);
        check("{a: 1}", false);
        check("{\"a\": 1} trailing", false);
        check(&format!("\"{}\"", "x".repeat(SYNC_PAYLOAD_MAX - 2)), true);
        check(&format!("\"{}\"", "x".repeat(SYNC_PAYLOAD_MAX - 1)), false);
    }

    #[test]
    fn client_contexts() {
        let check =
            |text: &str, ok: bool| assert_eq!(client_context(Some(text)).is_ok(), ok, "{text}");
        check(
            &STANDARD.encode("{\"client\": {\"app_title\": \"x\"}}"),
            true,
        );
        check("%%%", false);
        check(&STANDARD.encode("not json"), false);
        check(
            &STANDARD.encode(format!("\"{}\"", "x".repeat(CLIENT_CONTEXT_MAX))),
            false,
        );
    }
}
