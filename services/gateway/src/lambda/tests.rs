//! Handlers, called as the wire calls them, over a real database: answers and AWS's texts.

mod aliases;
mod concurrency;
mod dead_letters;
mod event_invoke_configs;
mod events;
mod functions;
mod links;
mod names;
mod recursion;
mod tags;
mod updates;
mod versions;
mod wire;

use std::collections::BTreeMap;
use std::fmt::Debug;

use ::wire::Fault;
use aws_model::Blob;
use aws_model::lambda::{CreateFunctionRequest, Environment, FunctionCode, FunctionConfiguration};

use super::functions as handlers;
use crate::samples::{ALICE, World, zip};

const ROLE: &str = "arn:aws:iam::111111111111:role/r";
const ARN: &str = "arn:aws:lambda:eu-west-1:111111111111:function:f";

/// The least that creates a function.
fn request(name: &str) -> CreateFunctionRequest {
    CreateFunctionRequest {
        function_name: name.to_owned(),
        runtime: Some("python3.11".to_owned()),
        handler: Some("f.handler".to_owned()),
        role: ROLE.to_owned(),
        code: code("print(1)"),
        ..CreateFunctionRequest::default()
    }
}

fn code(contents: &str) -> FunctionCode {
    FunctionCode {
        zip_file: Some(Blob(zip("f.py", contents))),
        ..FunctionCode::default()
    }
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment {
        variables: Some(map(variables)),
    }
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// Alice's function `name`.
pub(crate) async fn create(world: &World, name: &str) -> FunctionConfiguration {
    handlers::create(world.call(ALICE), request(name))
        .await
        .unwrap()
}

#[track_caller]
fn refused<T: Debug>(result: Result<T, Fault>, status: u16, code: &str, text: &str) {
    let fault = result.expect_err("this should be refused");
    assert_eq!(
        (fault.status(), fault.code(), fault.message()),
        (status, code, text)
    );
}

#[track_caller]
fn invalid<T: Debug>(result: Result<T, Fault>, text: &str) {
    refused(result, 400, "InvalidParameterValueException", text);
}

#[track_caller]
fn not_found<T: Debug>(result: Result<T, Fault>, text: &str) {
    refused(result, 404, "ResourceNotFoundException", text);
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a member of a request is an option"
)]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}
