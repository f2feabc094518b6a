//! The `OpenAPI` 3.1 document, made from the table of operations and their types.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::operation::{Operation, Shown};
use super::types::{ErrorBody, Example as _};

/// Where the document keeps schemas that are used more than once.
const SCHEMAS: &str = "/components/schemas";

/// Statuses of errors that every operation may answer, and when.
const COMMON: [(&str, &str); 4] = [
    ("400", "The request makes no sense"),
    ("403", "The signature is missing, wrong, or too old"),
    ("413", "The body is too large"),
    ("500", "A failure of Tollgate's"),
];

/// The document.
pub(super) fn of(operations: &[Operation]) -> Value {
    // What is taken and what is answered may differ for one type: a field with a default is left out of the one at will.
    let mut taken = settings().for_deserialize().into_generator();
    let mut answered = settings().for_serialize().into_generator();
    let error = answered.subschema_for::<ErrorBody>();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for operation in operations {
        let mut shown = json!({
            "operationId": operation.id,
            "summary": operation.summary,
            "tags": [tag(operation)],
            "parameters": parameters(operation),
            "responses": responses(operation, &mut answered, &error),
        });
        if !operation.description.is_empty() {
            shown["description"] = json!(operation.description);
        }
        if takes_a_body(operation) {
            shown["requestBody"] =
                json!({"required": true, "content": content(&operation.body, &mut taken)});
        }
        let method = operation.method.as_str().to_lowercase();
        let path = paths.entry(operation.whole_path()).or_default();
        path.insert(method, shown);
    }
    let mut schemas = answered.take_definitions(true);
    for (name, schema) in taken.take_definitions(true) {
        // One name, one schema: bodies and answers are types of their own.
        let known = schemas.insert(name.clone(), schema.clone());
        debug_assert!(
            known.is_none_or(|known| known == schema),
            "two schemas of {name}"
        );
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate",
            "summary": "What Tollgate offers beyond the AWS API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"sigv4": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"sigv4": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "AWS Signature Version 4, signing name tollgate (or lambda)",
                "x-amazon-apigateway-authtype": "awsSigv4",
            }},
        },
    })
}

fn settings() -> SchemaSettings {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = SCHEMAS.into();
    settings.meta_schema = None;
    settings
}

/// The first word of the path.
fn tag(operation: &Operation) -> &str {
    let path = operation.path.trim_start_matches('/');
    path.split('/').next().unwrap_or_default()
}

fn takes_a_body(operation: &Operation) -> bool {
    operation
        .body
        .example
        .as_object()
        .is_none_or(|members| !members.is_empty())
}

fn content(shown: &Shown, generator: &mut SchemaGenerator) -> Value {
    json!({"application/json": {"schema": (shown.schema)(generator), "example": shown.example}})
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let path = of_object(&operation.path_parameters, "path");
    let query = of_object(&operation.query_parameters, "query");
    path.chain(query).collect()
}

/// An object's members as parameters.
fn of_object<'s>(schema: &'s Schema, place: &'static str) -> impl Iterator<Item = Value> + 's {
    let members = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    members.into_iter().flatten().map(move |(name, schema)| {
        let mut schema = schema.clone();
        let description = schema
            .as_object_mut()
            .and_then(|schema| schema.remove("description"));
        without_null(&mut schema);
        let needed = required.is_some_and(|names| names.contains(&json!(name)));
        json!({
            "name": name,
            "in": place,
            "required": needed,
            "description": description.unwrap_or_else(|| json!("")),
            "schema": schema,
        })
    })
}

/// A parameter is left out, or has a value: nothing in a path or a query is `null`.
fn without_null(schema: &mut Value) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = &types[..] {
            schema["type"] = one.clone();
        }
    }
    let is_null = |schema: &Value| schema.get("type").is_some_and(|one| one == "null");
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| !is_null(choice));
        if let [one] = &choices[..] {
            *schema = one.clone();
        }
    }
}

fn responses(operation: &Operation, answered: &mut SchemaGenerator, error: &Schema) -> Value {
    let mut responses = Map::new();
    let good =
        json!({"description": operation.summary, "content": content(&operation.answer, answered)});
    responses.insert(operation.status.as_str().to_owned(), good);
    let refusals = operation.refusals.iter().map(|status| {
        let reason = status.canonical_reason().unwrap_or_default();
        (status.as_str(), reason)
    });
    for (status, why) in COMMON.into_iter().chain(refusals) {
        let body = json!({"application/json": {"schema": error, "example": ErrorBody::example()}});
        let answer = json!({"description": why, "content": body});
        responses.insert(status.to_owned(), answer);
    }
    Value::Object(responses)
}
