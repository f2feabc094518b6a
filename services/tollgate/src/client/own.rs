//! Calls of Tollgate's own API.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use indicatif::ProgressBar;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::api::Call;
use super::endpoint::Endpoint;
use super::output::print;
use crate::settings::percent_encoded;

impl Endpoint {
    /// A call with a JSON body (`Null` for none), `path` below `/tollgate/v1`.
    pub(crate) async fn tollgate<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<A> {
        let body = match body {
            Value::Null => Bytes::new(),
            body => serde_json::to_vec(body)?.into(),
        };
        let call = Call {
            service: "tollgate",
            method,
            path: format!("/tollgate/v1{path}"),
            headers: vec![("content-type", "application/json")],
            body,
        };
        let answer = self.send(call, &ProgressBar::hidden()).await?;
        serde_json::from_slice(answer.body()).context(
            "The answer is not what Tollgate's API says: is this a Tollgate of this version?",
        )
    }

    /// A call that only asks.
    pub(crate) async fn ask<A: DeserializeOwned>(&self, path: &str) -> Result<A> {
        self.tollgate(Method::GET, path, &Value::Null).await
    }
}

/// A path with the members of `query` that are not null as its parameters.
pub(super) fn with_query(path: &str, query: &impl Serialize) -> Result<String> {
    let Value::Object(members) = serde_json::to_value(query)? else {
        return Ok(path.to_owned());
    };
    let pairs: Vec<String> = members
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={}", percent_encoded(&text))
        })
        .collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    Ok(format!("{path}{mark}{}", pairs.join("&")))
}

/// Prints a value for programs.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    print(serde_json::to_string_pretty(value)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use gateway::api::types::{DeadLetterQuery, EventQuery, EventStatus};

    use super::*;

    #[test]
    fn queries_name_what_is_set() {
        assert_eq!(with_query("/p", &EventQuery::default()).unwrap(), "/p");
        let query = EventQuery {
            status: Some(EventStatus::Dead),
            since: chrono::DateTime::from_timestamp(1_795_428_000, 0),
            limit: Some(5),
            ..EventQuery::default()
        };
        assert_eq!(
            with_query("/p", &query).unwrap(),
            "/p?limit=5&since=2026-11-23T10%3A00%3A00Z&status=dead"
        );
        let query = DeadLetterQuery {
            function: Some("a&b".to_owned()),
            redriven: Some(false),
            ..DeadLetterQuery::default()
        };
        assert_eq!(
            with_query("/p", &query).unwrap(),
            "/p?function=a%26b&redriven=false"
        );
    }
}
