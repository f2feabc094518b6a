//! One operation: how it is reached, what serves it, and what the document says of it.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{Method, StatusCode};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::input::Input;
use super::refusal::Refusal;
use super::serve::PREFIX;
use super::types::Example;
use crate::call::Call;

/// Answers the body of what is not an error.
type Serve =
    Arc<dyn Fn(Call, Parts, Bytes) -> BoxFuture<'static, Result<Bytes, Refusal>> + Send + Sync>;

/// An operation. The handler's types say what it takes and answers; nothing else does.
pub(super) struct Operation {
    pub(super) method: Method,
    /// Below `/tollgate/v1`, parameters in braces.
    pub(super) path: &'static str,
    /// `VerbNoun`, unique.
    pub(super) id: &'static str,
    /// A line.
    pub(super) summary: &'static str,
    /// More lines, where one does not tell all.
    pub(super) description: &'static str,
    /// Of an answer that is not an error.
    pub(super) status: StatusCode,
    /// Statuses of errors beyond those that every operation may answer.
    pub(super) refusals: &'static [StatusCode],
    pub(super) path_parameters: Schema,
    pub(super) query_parameters: Schema,
    pub(super) body: Shown,
    pub(super) answer: Shown,
    pub(super) serve: Serve,
}

/// A body in the document.
pub(super) struct Shown {
    pub(super) schema: fn(&mut SchemaGenerator) -> Schema,
    pub(super) example: Value,
}

impl Operation {
    /// An operation that `handler` serves, answering 200.
    pub(super) fn new<P, Q, B, A, F, Fut>(
        method: Method,
        path: &'static str,
        id: &'static str,
        handler: F,
    ) -> Self
    where
        P: DeserializeOwned + JsonSchema + Send + 'static,
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        B: DeserializeOwned + Serialize + JsonSchema + Example + Send + 'static,
        A: Serialize + JsonSchema + Example + Send + 'static,
        F: Fn(Call, Input<P, Q, B>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<A, Refusal>> + Send + 'static,
    {
        let serve = move |call: Call, mut parts: Parts, body: Bytes| {
            let serve = async move {
                let input = Input::read(&mut parts, &body).await?;
                let answer = handler(call.clone(), input).await?;
                let body = serde_json::to_vec(&answer);
                body.map(Bytes::from)
                    .map_err(|error| Refusal::internal(&error, &call))
            };
            let serve: BoxFuture<'static, Result<Bytes, Refusal>> = Box::pin(serve);
            serve
        };
        Self {
            method,
            path,
            id,
            summary: "",
            description: "",
            status: StatusCode::OK,
            refusals: &[],
            path_parameters: parameters::<P>(),
            query_parameters: parameters::<Q>(),
            body: shown::<B>(),
            answer: shown::<A>(),
            serve: Arc::new(serve),
        }
    }

    /// The path in a request.
    pub(super) fn whole_path(&self) -> String {
        format!("{}{}", PREFIX.trim_end_matches('/'), self.path)
    }

    /// What it does, in a line.
    pub(super) fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// What the line does not tell.
    pub(super) fn description(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Answers this instead of 200.
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Errors that its handler may answer.
    pub(super) fn refuses(mut self, statuses: &'static [StatusCode]) -> Self {
        self.refusals = statuses;
        self
    }
}

fn shown<T: Serialize + JsonSchema + Example>() -> Shown {
    Shown {
        schema: SchemaGenerator::subschema_for::<T>,
        example: json!(T::example()),
    }
}

/// The schema of a path's or a query's parameters: an object, with nothing elsewhere.
fn parameters<T: JsonSchema>() -> Schema {
    let mut settings = SchemaSettings::draft2020_12().for_deserialize();
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<T>()
}
