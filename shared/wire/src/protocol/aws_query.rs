//! awsQuery: IAM and STS. Parameters in a form, answers in XML.

use std::collections::BTreeMap;
use std::ops::Bound;

use aws_model::schema::{Location, Member, OperationSchema, ServiceSchema, Shape};
use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value};

use super::response;
use crate::decode::{Undecodable, text_value};
use crate::encode::{element, escape, xml};
use crate::fault::Fault;

const CONTENT_TYPE: &str = "text/xml";

type Form = BTreeMap<String, String>;

pub(super) fn input(operation: &OperationSchema, form: &Form) -> Result<Value, Undecodable> {
    match operation.input {
        Some(Shape::Structure(members)) => structure(members, form, ""),
        _ => Ok(Value::Object(Map::new())),
    }
}

fn structure(members: &[Member], form: &Form, prefix: &str) -> Result<Value, Undecodable> {
    let mut object = Map::new();
    for member in members
        .iter()
        .filter(|member| member.location == Location::Body)
    {
        let name = format!("{prefix}{}", member.wire_name);
        if let Some(value) = parameter(member.shape, form, &name)? {
            object.insert(member.name.to_owned(), value);
        }
    }
    Ok(Value::Object(object))
}

/// The value under a parameter's name: the parameter itself, or those that continue its name.
fn parameter(shape: &Shape, form: &Form, name: &str) -> Result<Option<Value>, Undecodable> {
    let own = form.get(name);
    match shape {
        Shape::Structure(members) => {
            let nested = format!("{name}.");
            has_prefix(form, &nested)
                .then(|| structure(members, form, &nested))
                .transpose()
        }
        Shape::List(inner, _) => {
            let values = numbered(form, &format!("{name}.member."), |name| {
                parameter(inner, form, name)
            })?;
            // `Tags=` alone is how SDKs send an empty list.
            let is_present = own.is_some() || !values.is_empty();
            Ok(is_present.then_some(Value::Array(values)))
        }
        Shape::Map(_, inner, _) => {
            let entries = numbered(form, &format!("{name}.entry."), |entry| {
                let key = form.get(&format!("{entry}.key"));
                let value = parameter(inner, form, &format!("{entry}.value"))?;
                Ok(key
                    .map(|key| Value::Array(vec![key.as_str().into(), value.unwrap_or_default()])))
            })?;
            let is_present = own.is_some() || !entries.is_empty();
            Ok(is_present.then(|| Value::Object(entries.into_iter().filter_map(entry).collect())))
        }
        scalar => own.map(|text| text_value(scalar, text)).transpose(),
    }
}

fn entry(pair: Value) -> Option<(String, Value)> {
    match pair {
        Value::Array(pair) => match <[Value; 2]>::try_from(pair) {
            Ok([Value::String(key), value]) => Some((key, value)),
            _ => None,
        },
        _ => None,
    }
}

/// The elements `<prefix>1`, `<prefix>2`, ... up to the first that is missing.
fn numbered(
    form: &Form,
    prefix: &str,
    mut decode: impl FnMut(&str) -> Result<Option<Value>, Undecodable>,
) -> Result<Vec<Value>, Undecodable> {
    let mut values = Vec::new();
    if !has_prefix(form, prefix) {
        return Ok(values);
    }
    while let Some(value) = decode(&format!("{prefix}{}", values.len() + 1))? {
        values.push(value);
    }
    Ok(values)
}

fn has_prefix(form: &Form, prefix: &str) -> bool {
    form.range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
        .next()
        .is_some_and(|(name, _)| name.starts_with(prefix))
}

pub(super) fn output(
    schema: &ServiceSchema,
    operation: &OperationSchema,
    output: &Value,
    request_id: &str,
) -> Response<Bytes> {
    let name = operation.name;
    let mut body = format!("<{name}Response xmlns=\"{}\">", schema.target);
    if let Some(shape) = operation.output {
        xml(&mut body, &format!("{name}Result"), shape, output);
    }
    element(&mut body, "ResponseMetadata", |out| {
        element(out, "RequestId", |out| escape(out, request_id));
    });
    body.push_str("</");
    body.push_str(name);
    body.push_str("Response>");
    response(200, CONTENT_TYPE, body.into(), request_id)
}

pub(super) fn fault(schema: &ServiceSchema, fault: &Fault, request_id: &str) -> Response<Bytes> {
    let mut body = format!("<ErrorResponse xmlns=\"{}\">", schema.target);
    element(&mut body, "Error", |out| {
        let side = if fault.is_sender() {
            "Sender"
        } else {
            "Receiver"
        };
        element(out, "Type", |out| out.push_str(side));
        element(out, "Code", |out| escape(out, fault.code()));
        element(out, "Message", |out| escape(out, fault.message()));
    });
    element(&mut body, "RequestId", |out| escape(out, request_id));
    body.push_str("</ErrorResponse>");
    response(fault.status(), CONTENT_TYPE, body.into(), request_id)
}
