//! The protocols: how a request is read, and how an answer and a fault are written.

mod aws_json;
mod aws_query;
mod rest_json;

use std::collections::BTreeMap;

use aws_model::schema::{self, OperationSchema, ServiceSchema};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value};

use crate::decode::{Undecodable, query_pairs};
use crate::fault::Fault;
use crate::route::Route;

/// The header in which clients look for the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// A service's protocol.
pub(crate) struct Protocol(&'static ServiceSchema);

/// A request's body, as far as routing needs it read.
pub(crate) struct Message {
    body: Bytes,
    /// Parameters of a Query request.
    form: BTreeMap<String, String>,
}

impl Message {
    /// A parameter of a Query request.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str)
    }
}

impl Protocol {
    pub(crate) fn new(schema: &'static ServiceSchema) -> Self {
        Self(schema)
    }

    /// Reads what routing needs. Whatever the content type says: clients differ, and the protocol is known.
    pub(crate) fn read(&self, parts: &Parts, body: Bytes) -> Result<Message, Fault> {
        let mut form = BTreeMap::new();
        if self.0.protocol == schema::Protocol::AwsQuery {
            let Ok(text) = std::str::from_utf8(&body) else {
                return Err(Fault::new(
                    400,
                    "MalformedInput",
                    "The request body is not UTF-8.",
                ));
            };
            let pairs = query_pairs(parts.uri.query().unwrap_or_default()).chain(query_pairs(text));
            form.extend(pairs.map(|(key, value)| (key.into_owned(), value.into_owned())));
        }
        Ok(Message { body, form })
    }

    /// Decodes the input of the operation found.
    pub(crate) fn input(
        &self,
        route: &Route<'_>,
        parts: &Parts,
        message: &Message,
    ) -> Result<Value, Undecodable> {
        match self.0.protocol {
            schema::Protocol::RestJson1 => rest_json::input(route, parts, &message.body),
            schema::Protocol::AwsJson10 | schema::Protocol::AwsJson11 => {
                aws_json::input(route.operation, &message.body)
            }
            schema::Protocol::AwsQuery => aws_query::input(route.operation, &message.form),
        }
    }

    /// Encodes a handler's answer.
    pub(crate) fn output(
        &self,
        operation: &OperationSchema,
        output: Value,
        request_id: &str,
    ) -> Response<Bytes> {
        match self.0.protocol {
            schema::Protocol::RestJson1 => rest_json::output(operation, output, request_id),
            schema::Protocol::AwsJson10 | schema::Protocol::AwsJson11 => {
                aws_json::output(self.0.protocol, operation, &output, request_id)
            }
            schema::Protocol::AwsQuery => aws_query::output(self.0, operation, &output, request_id),
        }
    }

    /// Encodes a fault.
    pub(crate) fn fault(&self, fault: &Fault, request_id: &str) -> Response<Bytes> {
        match self.0.protocol {
            schema::Protocol::RestJson1 => rest_json::fault(self.0, fault, request_id),
            schema::Protocol::AwsJson10 | schema::Protocol::AwsJson11 => {
                aws_json::fault(self.0, fault, request_id)
            }
            schema::Protocol::AwsQuery => aws_query::fault(self.0, fault, request_id),
        }
    }

    /// What AWS answers to an input that is not of the model's shape.
    pub(crate) fn undecodable(&self, error: &Undecodable) -> Fault {
        match (self.0.protocol, error) {
            (schema::Protocol::RestJson1, Undecodable::Syntax(detail)) => {
                let text = format!("Could not parse request body into json: {detail}");
                Fault::new(400, "InvalidRequestContentException", text)
            }
            (schema::Protocol::AwsQuery, Undecodable::Syntax(text) | Undecodable::Type(text)) => {
                Fault::new(400, "MalformedInput", text)
            }
            (_, Undecodable::Syntax(text) | Undecodable::Type(text)) => {
                Fault::new(400, "SerializationException", text)
            }
        }
    }
}

/// A JSON body as an object; an empty body is an empty object.
fn json_object(body: &[u8]) -> Result<Map<String, Value>, Undecodable> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Undecodable::Type("Unexpected value type in payload".into())),
        Err(error) => Err(Undecodable::Syntax(error.to_string())),
    }
}

/// A response with the headers that every answer has.
fn response(
    status: u16,
    content_type: &'static str,
    body: Bytes,
    request_id: &str,
) -> Response<Bytes> {
    let has_body = !body.is_empty();
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if has_body {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, request_id);
    }
    response
}

/// A fault's members in JSON: its text under the name that the model gives it, Lambda's `Type` where the model has one.
fn fault_object(schema: &ServiceSchema, fault: &Fault) -> Map<String, Value> {
    let modelled = schema
        .errors
        .iter()
        .find(|error| error.code == fault.code());
    let mut object = Map::new();
    if modelled.is_some_and(|error| error.typed) {
        let side = if fault.is_sender() { "User" } else { "Service" };
        object.insert("Type".into(), side.into());
    }
    let text = modelled.map_or("message", |error| error.message);
    object.insert(text.to_owned(), fault.message().into());
    object.extend(fault.members().clone());
    object
}
