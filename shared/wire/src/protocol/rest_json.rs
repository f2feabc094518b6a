//! restJson1: Lambda, `EventBridge` Scheduler.

use aws_model::schema::{Location, Member, OperationSchema, ServiceSchema, Shape};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response};
use serde_json::{Map, Value};

use super::{fault_object, json_object, response};
use crate::decode::{Undecodable, json, query_pairs, structure, text_value};
use crate::fault::Fault;
use crate::route::Route;

const CONTENT_TYPE: &str = "application/json";
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

pub(super) fn input(route: &Route<'_>, parts: &Parts, body: &[u8]) -> Result<Value, Undecodable> {
    let Some(Shape::Structure(members)) = route.operation.input else {
        return Ok(Value::Object(Map::new()));
    };
    let mut input = body_members(members, body)?;
    for member in *members {
        if let Some(value) = outside_body(member, route, parts)? {
            input.insert(member.name.to_owned(), value);
        }
    }
    Ok(Value::Object(input))
}

/// The members that travel in the body. A body where none is expected is not looked at: SDKs send `{}` at times.
fn body_members(members: &[Member], body: &[u8]) -> Result<Map<String, Value>, Undecodable> {
    if let Some(payload) = members
        .iter()
        .find(|member| member.location == Location::Payload)
    {
        let mut input = Map::new();
        if !body.is_empty() {
            let value = Value::Object(json_object(body)?);
            input.insert(payload.name.to_owned(), json(payload.shape, value)?);
        }
        return Ok(input);
    }
    if members
        .iter()
        .any(|member| member.location == Location::Body)
    {
        return structure(members, json_object(body)?);
    }
    Ok(Map::new())
}

fn outside_body(
    member: &Member,
    route: &Route<'_>,
    parts: &Parts,
) -> Result<Option<Value>, Undecodable> {
    let text = match member.location {
        Location::Uri => route
            .labels
            .iter()
            .find(|(name, _)| *name == member.wire_name)
            .map(|(_, text)| text.to_string()),
        Location::Query => return query(member, parts.uri.query().unwrap_or_default()),
        Location::Header => parts
            .headers
            .get(member.wire_name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        Location::Headers => return Ok(prefixed_headers(member, parts)),
        Location::Body | Location::Payload | Location::StatusCode => None,
    };
    text.map(|text| text_value(member.shape, &text)).transpose()
}

/// A query parameter: the last one given, or all of them for a list.
fn query(member: &Member, query: &str) -> Result<Option<Value>, Undecodable> {
    let mut given = query_pairs(query).filter(|(key, _)| key == member.wire_name);
    if let Shape::List(element, _) = member.shape {
        let values: Vec<_> = given
            .map(|(_, text)| text_value(element, &text))
            .collect::<Result<_, _>>()?;
        return Ok((!values.is_empty()).then_some(Value::Array(values)));
    }
    // A parameter without a value is absent, unless it is a string that may be empty.
    let is_text = matches!(member.shape, Shape::String(..) | Shape::Enum(_));
    given
        .by_ref()
        .last()
        .filter(|(_, text)| is_text || !text.is_empty())
        .map(|(_, text)| text_value(member.shape, &text))
        .transpose()
}

/// The headers under a prefix, as a map.
fn prefixed_headers(member: &Member, parts: &Parts) -> Option<Value> {
    let prefix = member.wire_name.to_ascii_lowercase();
    let object: Map<_, _> = parts
        .headers
        .iter()
        .filter_map(|(name, value)| {
            let key = name.as_str().strip_prefix(prefix.as_str())?;
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            Some((key.to_owned(), Value::String(text)))
        })
        .collect();
    (!object.is_empty()).then_some(Value::Object(object))
}

pub(super) fn output(
    operation: &OperationSchema,
    output: Value,
    request_id: &str,
) -> Response<Bytes> {
    let mut status = operation.ok;
    let mut headers = Vec::new();
    let body = match (operation.output, output) {
        (Some(Shape::Structure(members)), Value::Object(mut object)) => {
            let mut payload = None;
            for member in members
                .iter()
                .filter(|member| member.location != Location::Body)
            {
                let Some(value) = object.remove(member.name) else {
                    continue;
                };
                match member.location {
                    Location::StatusCode => status = status_of(&value).unwrap_or(status),
                    Location::Payload => payload = Some(value),
                    _ => headers.extend(header(member, &value)),
                }
            }
            Some(payload.unwrap_or(Value::Object(object)))
        }
        _ => None,
    };
    // 204 has no body, and an operation without output answers none.
    let body = body
        .filter(|_| status != 204)
        .map_or_else(Bytes::new, |body| body.to_string().into());
    let mut response = response(status, CONTENT_TYPE, body, request_id);
    response.headers_mut().extend(headers);
    response
}

fn status_of(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|status| u16::try_from(status).ok())
}

fn header(member: &Member, value: &Value) -> Option<(HeaderName, HeaderValue)> {
    let name = member.wire_name.parse().ok()?;
    let text = match value {
        Value::String(text) => text.parse(),
        other => other.to_string().parse(),
    };
    Some((name, text.ok()?))
}

pub(super) fn fault(schema: &ServiceSchema, fault: &Fault, request_id: &str) -> Response<Bytes> {
    let body = Value::Object(fault_object(schema, fault)).to_string();
    let mut response = response(fault.status(), CONTENT_TYPE, body.into(), request_id);
    if let Ok(code) = HeaderValue::from_str(fault.code()) {
        response.headers_mut().insert(ERROR_TYPE, code);
    }
    response
}
