//! Requests as botocore writes them (`vectors/make.py`), read back: every operation that has types, with every member of its
//! input. A member that we look for in the wrong place or under the wrong name is missed here.

use aws_model::schema::{Operation, ServiceSchema};
use bytes::Bytes;
use http::Request;
use serde::Serialize;
use serde_json::Value;

use crate::protocol::Protocol;
use crate::route::Router;

/// Decodes the recorded request into the generated struct, and shows that struct in JSON.
fn decoded<O: Operation<Input: Serialize>>(
    schema: &'static ServiceSchema,
    vector: &Value,
) -> Value {
    let text = |name: &str| vector[name].as_str().unwrap();
    let mut request = Request::builder()
        .method(text("method"))
        .uri(text("target"));
    for (name, value) in vector["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let protocol = Protocol::new(schema);
    let message = protocol
        .read(&parts, Bytes::copy_from_slice(text("body").as_bytes()))
        .unwrap();
    let router = Router::new(schema);
    let route = router.find(&parts, &message).unwrap();
    assert_eq!(route.operation.name, O::SCHEMA.name);
    let input = protocol.input(&route, &parts, &message).unwrap();
    serde_json::to_value(serde_json::from_value::<O::Input>(input).unwrap()).unwrap()
}

/// Checks the operations of a service, and that none of those recorded is missing from the list.
macro_rules! check {
    ($service:ident: $($operation:ident),* $(,)?) => {{
        let vectors: Value = serde_json::from_str(include_str!("../../vectors/requests.json")).unwrap();
        let of_service = |vector: &&Value| vector["service"] == stringify!($service);
        let vectors: Vec<_> = vectors.as_array().unwrap().iter().filter(of_service).collect();
        assert_eq!(vectors.len(), [$(stringify!($operation)),*].len());
        $(
            let vector = vectors.iter().find(|vector| vector["operation"] == stringify!($operation)).unwrap();
            let input = decoded::<aws_model::$service::$operation>(&aws_model::$service::SERVICE, vector);
            assert_eq!(input, vector["input"], stringify!($operation));
        )*
    }};
}

#[test]
fn lambda() {
    check!(lambda: CreateFunction, GetFunction, GetFunctionConfiguration, UpdateFunctionCode,
        UpdateFunctionConfiguration, DeleteFunction, ListFunctions, PublishVersion, ListVersionsByFunction, CreateAlias,
        GetAlias, UpdateAlias, DeleteAlias, ListAliases, PutFunctionConcurrency, GetFunctionConcurrency,
        DeleteFunctionConcurrency, GetAccountSettings, TagResource, UntagResource, ListTags);
}

#[test]
fn iam() {
    check!(iam: CreateRole, GetRole, DeleteRole, ListRoles, PutRolePolicy, GetRolePolicy, DeleteRolePolicy,
        ListRolePolicies, CreatePolicy, GetPolicy, ListPolicies, DeletePolicy, AttachRolePolicy, DetachRolePolicy,
        ListAttachedRolePolicies);
}

#[test]
fn sts() {
    check!(sts: GetCallerIdentity);
}

#[test]
fn logs() {
    check!(logs: CreateLogGroup, CreateLogStream, DescribeLogGroups, DescribeLogStreams, GetLogEvents, FilterLogEvents,
        DeleteLogGroup);
}
