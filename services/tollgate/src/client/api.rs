//! Calls of the AWS API: signed requests and errors as sentences.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use chassis::Clock;
use futures::stream;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use indicatif::ProgressBar;
use serde_json::Value;
use wire::sigv4;

use super::connection::{self, Body};
use super::endpoint::Endpoint;

/// A body is sent in pieces of this size, so that progress can be shown.
const PIECE_BYTES: usize = 64 << 10;

/// An error that the API answered with.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// A request that is not yet signed.
pub(crate) struct Call<'a> {
    pub(crate) service: &'static str,
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, &'a str)>,
    pub(crate) body: Bytes,
}

impl Endpoint {
    /// A call of the Lambda API with a JSON body (`Null` for none). Answers JSON; `Null` for an empty answer.
    pub(crate) async fn lambda(&self, method: Method, path: String, body: &Value) -> Result<Value> {
        self.lambda_watched(method, path, body, &ProgressBar::hidden())
            .await
    }

    /// As [`Self::lambda`], showing how much of the body is sent.
    pub(crate) async fn lambda_watched(
        &self,
        method: Method,
        path: String,
        body: &Value,
        progress: &ProgressBar,
    ) -> Result<Value> {
        let body = match body {
            Value::Null => Bytes::new(),
            body => serde_json::to_vec(body)?.into(),
        };
        let call = Call {
            service: "lambda",
            method,
            path,
            headers: vec![("content-type", "application/json")],
            body,
        };
        json(&self.send(call, progress).await?)
    }

    /// A call of the `CloudWatch` Logs API.
    pub(crate) async fn logs(&self, operation: &str, body: &Value) -> Result<Value> {
        let target = format!("Logs_20140328.{operation}");
        let call = Call {
            service: "logs",
            method: Method::POST,
            path: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", &target),
            ],
            body: serde_json::to_vec(body)?.into(),
        };
        json(&self.send(call, &ProgressBar::hidden()).await?)
    }

    /// The id of the account that the credentials belong to.
    pub(crate) async fn account(&self) -> Result<String> {
        let call = Call {
            service: "sts",
            method: Method::POST,
            path: "/".to_owned(),
            headers: vec![(
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            )],
            body: Bytes::from_static(b"Action=GetCallerIdentity&Version=2011-06-15"),
        };
        let answer = self.send(call, &ProgressBar::hidden()).await?;
        let text = String::from_utf8_lossy(answer.body());
        let account = text
            .split_once("<Account>")
            .and_then(|(_, rest)| rest.split_once("</Account>"))
            .map(|(account, _)| account.to_owned());
        account.context("GetCallerIdentity answered without an account")
    }

    /// Signs and sends a call. An answer of 300 and above becomes a [`Refusal`].
    pub(crate) async fn send(
        &self,
        call: Call<'_>,
        progress: &ProgressBar,
    ) -> Result<Response<Bytes>> {
        let uri = Uri::builder()
            .scheme(self.uri.scheme_str().unwrap_or("http"))
            .authority(
                self.uri
                    .authority()
                    .map_or("", |authority| authority.as_str()),
            )
            .path_and_query(call.path.as_str())
            .build()
            .context("the request's path")?;
        let mut request = Request::builder()
            .method(call.method)
            .uri(uri)
            .header("content-length", call.body.len());
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let (mut parts, ()) = request.body(())?.into_parts();
        let (key, now) = (&self.credentials, Clock::system().now());
        sigv4::sign(&mut parts, &call.body, key, &self.region, call.service, now);
        let request = Request::from_parts(parts, body(call.body, progress.clone()));
        let answer = connection::send(request, self.trust.as_deref()).await?;
        if answer.status() >= StatusCode::MULTIPLE_CHOICES {
            bail!(refusal(&answer));
        }
        Ok(answer)
    }
}

fn body(bytes: Bytes, progress: ProgressBar) -> Body {
    if progress.is_hidden() {
        return Full::new(bytes).boxed();
    }
    progress.set_length(bytes.len() as u64);
    let pieces = stream::unfold(bytes, move |mut left| {
        let progress = progress.clone();
        async move {
            if left.is_empty() {
                return None;
            }
            let piece = left.split_to(PIECE_BYTES.min(left.len()));
            progress.inc(piece.len() as u64);
            Some((Ok(Frame::data(piece)), left))
        }
    });
    StreamBody::new(pieces).boxed()
}

fn json(answer: &Response<Bytes>) -> Result<Value> {
    if answer.body().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(answer.body()).context("the answer is not JSON: is this a Tollgate?")
}

/// Code and message of an error, wherever the protocol puts them.
fn refusal(answer: &Response<Bytes>) -> Refusal {
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| body.get(name)?.as_str());
        found.map(str::to_owned)
    };
    let named = header(answer.headers(), "x-amzn-errortype").map(str::to_owned);
    let code = named.or_else(|| text(&["__type", "Code", "code"]));
    let code = code.unwrap_or_else(|| answer.status().to_string());
    Refusal {
        code: code
            .rsplit('#')
            .next()
            .unwrap_or_default()
            .split(':')
            .next()
            .unwrap_or_default()
            .to_owned(),
        message: text(&["message", "Message", "errorMessage"])
            .unwrap_or_else(|| "no message".to_owned()),
    }
}

/// A header's text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a call failed because there is no such thing.
pub(crate) fn is_missing(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Refusal>()
        .is_some_and(|refusal| refusal.code == "ResourceNotFoundException")
}
