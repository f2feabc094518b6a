//! A request's parts, as an operation's types.

use axum::extract::{FromRequestParts as _, Path, Query};
use bytes::Bytes;
use http::Uri;
use http::request::Parts;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use super::types::Example;

/// What an operation is given: from the path, from the query, from the body.
pub(super) struct Input<P, Q, B> {
    pub(super) path: P,
    pub(super) query: Q,
    pub(super) body: B,
}

/// A part of a request that an operation has no use for. It must be empty.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

impl Example for Nothing {
    fn example() -> Self {
        Self {}
    }
}

/// Signature parameters of a presigned URL begin so.
const SIGNATURE_PREFIX: &str = "X-Amz-";

impl<P, Q, B> Input<P, Q, B>
where
    P: DeserializeOwned + Send,
    Q: DeserializeOwned,
    B: DeserializeOwned,
{
    /// Reads the request strictly: what is missing, misspelt or too much is said.
    pub(super) async fn read(parts: &mut Parts, body: &Bytes) -> Result<Self, Refusal> {
        let query = read_query(&parts.uri)?;
        let Path(path) = Path::from_request_parts(parts, &())
            .await
            .map_err(|error| Refusal::invalid(error.body_text()))?;
        let body = if body.is_empty() { b"{}" } else { &body[..] };
        let body = serde_json::from_slice(body)
            .map_err(|error| Refusal::invalid(format!("The body cannot be read: {error}")))?;
        Ok(Self { path, query, body })
    }
}

fn read_query<Q: DeserializeOwned>(uri: &Uri) -> Result<Q, Refusal> {
    let pairs = uri.query().unwrap_or_default().split('&');
    let ours: Vec<&str> = pairs
        .filter(|pair| !pair.starts_with(SIGNATURE_PREFIX))
        .collect();
    let uri = Uri::builder()
        .path_and_query(format!("/?{}", ours.join("&")))
        .build()
        .map_err(|error| Refusal::invalid(error.to_string()))?;
    let Query(query) =
        Query::try_from_uri(&uri).map_err(|error| Refusal::invalid(error.body_text()))?;
    Ok(query)
}
