//! The platform's APIs as a client sees them: AWS Lambda's, and Tollgate's own for events.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{self, Answer, Shot};

/// An account's way in.
#[derive(Clone)]
pub(crate) struct Door {
    /// `host:port`.
    pub(crate) address: String,
    pub(crate) key_id: String,
    pub(crate) secret: String,
}

/// A function to create.
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) runtime: &'a str,
    pub(crate) handler: &'a str,
    pub(crate) zip: &'a [u8],
    /// Gives its share of a processor too: one at 1,769 MB.
    pub(crate) memory_mb: u32,
    pub(crate) timeout_s: u32,
}

impl Door {
    /// The variables that `tollgate env` and `tollgate accounts create` print.
    pub(crate) fn from_exports(address: &str, text: &str) -> Result<Self> {
        let value = |name: &str| {
            let (_, rest) = text.split_once(&format!("export {name}="))?;
            let line = rest.lines().next()?;
            Some(line.trim_matches(['\'', '"']).to_owned())
        };
        Ok(Self {
            address: address.to_owned(),
            key_id: value("AWS_ACCESS_KEY_ID").context("no key")?,
            secret: value("AWS_SECRET_ACCESS_KEY").context("no secret")?,
        })
    }

    /// A signed request to Lambda.
    pub(crate) fn shot(&self, method: Method, path: &str, body: Bytes) -> Result<Shot> {
        self.signed(method, path, body, false)
    }

    fn signed(&self, method: Method, path: &str, body: Bytes, event: bool) -> Result<Shot> {
        let service = if path.starts_with("/tollgate/") {
            "tollgate"
        } else if path.starts_with("/schedule") {
            "scheduler"
        } else {
            "lambda"
        };
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, &self.address)
            .header(http::header::CONTENT_TYPE, "application/json");
        if event {
            request = request.header("x-amz-invocation-type", HeaderValue::from_static("Event"));
        }
        let (mut parts, ()) = request.body(())?.into_parts();
        let key = wire::sigv4::Credentials {
            access_key_id: self.key_id.clone(),
            secret: self.secret.clone(),
            session_token: None,
        };
        let now = chassis::Clock::system().now();
        wire::sigv4::sign(&mut parts, &body, &key, "us-east-1", service, now);
        Ok(Shot {
            address: self.address.clone(),
            method: parts.method,
            path: path.to_owned(),
            headers: parts.headers,
            body,
        })
    }

    /// Invokes a function and waits for its answer.
    pub(crate) fn invoke(&self, name: &str, payload: &Bytes) -> Result<Shot> {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        self.signed(Method::POST, &path, payload.clone(), false)
    }

    /// Hands an event over for a function.
    pub(crate) fn event(&self, name: &str, payload: &Bytes) -> Result<Shot> {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        self.signed(Method::POST, &path, payload.clone(), true)
    }

    /// Creates a function and waits until it is active.
    pub(crate) async fn create(
        &self,
        function: &Function<'_>,
        environment: &[(&str, &str)],
    ) -> Result<()> {
        let variables: BTreeMap<&str, &str> = environment.iter().copied().collect();
        let body = json!({
            "Environment": { "Variables": variables },
            "FunctionName": function.name,
            "Runtime": function.runtime,
            "Handler": function.handler,
            "Role": "arn:aws:iam::000000000000:role/bench",
            "MemorySize": function.memory_mb,
            "Timeout": function.timeout_s,
            "Code": { "ZipFile": STANDARD.encode(function.zip) },
        });
        self.call(Method::POST, "/2015-03-31/functions", &body, 201)
            .await?;
        self.wait_active(function.name).await
    }

    async fn wait_active(&self, name: &str) -> Result<()> {
        let path = format!("/2015-03-31/functions/{name}/configuration");
        for _ in 0..600 {
            let state = self.call(Method::GET, &path, &Value::Null, 200).await?;
            if state["State"] == "Active" && state["LastUpdateStatus"] != "InProgress" {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("{name} did not become active")
    }

    /// What the platform says of an event; `None` where it knows none.
    pub(crate) async fn event_status(&self, id: Uuid) -> Result<Option<Value>> {
        let path = format!("/tollgate/v1/events/{id}");
        let answer = client::once(&self.shot(Method::GET, &path, Bytes::new())?).await?;
        match answer.status {
            200 => Ok(Some(serde_json::from_slice(&answer.body)?)),
            404 => Ok(None),
            _ => bail!("{path}: {} {}", answer.status, text_of(&answer)),
        }
    }

    /// Calls an operation that must answer `ok`; its JSON, or null.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        ok: u16,
    ) -> Result<Value> {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        let answer = client::once(&self.shot(method, path, body)?).await?;
        let text = text_of(&answer);
        ensure!(answer.status == ok, "{path}: {} {text}", answer.status);
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}

fn text_of(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}
