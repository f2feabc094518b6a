//! awsJson 1.0 and 1.1: `CloudWatch` Logs, `EventBridge`.

use aws_model::schema::{OperationSchema, Protocol, ServiceSchema, Shape};
use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value};

use super::{fault_object, json_object, response};
use crate::decode::{Undecodable, structure};
use crate::fault::Fault;

pub(super) fn input(operation: &OperationSchema, body: &[u8]) -> Result<Value, Undecodable> {
    match operation.input {
        Some(Shape::Structure(members)) => {
            structure(members, json_object(body)?).map(Value::Object)
        }
        _ => Ok(Value::Object(Map::new())),
    }
}

pub(super) fn output(
    protocol: Protocol,
    operation: &OperationSchema,
    output: &Value,
    request_id: &str,
) -> Response<Bytes> {
    let body = match operation.output {
        Some(_) => output.to_string().into(),
        None => Bytes::new(),
    };
    response(200, content_type(protocol), body, request_id)
}

pub(super) fn fault(schema: &ServiceSchema, fault: &Fault, request_id: &str) -> Response<Bytes> {
    let mut object = fault_object(schema, fault);
    object.insert("__type".into(), fault.code().into());
    let body = Value::Object(object).to_string();
    response(
        fault.status(),
        content_type(schema.protocol),
        body.into(),
        request_id,
    )
}

fn content_type(protocol: Protocol) -> &'static str {
    if protocol == Protocol::AwsJson10 {
        "application/x-amz-json-1.0"
    } else {
        "application/x-amz-json-1.1"
    }
}
