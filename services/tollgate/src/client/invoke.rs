//! `tollgate invoke`.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use indicatif::ProgressBar;

use super::api::{Call, header};
use super::endpoint::Endpoint;
use super::output::print;
use crate::args::Invoke;
use crate::settings::percent_encoded;

/// What a function answered.
pub(crate) struct Answer {
    pub(crate) payload: Bytes,
    /// The end of the invocation's log, where it was asked for.
    pub(crate) log: Option<String>,
    /// What it cost, such as `0.0000021254 USD`.
    pub(crate) cost: Option<String>,
    /// `Unhandled` or `Handled` where the function failed.
    pub(crate) error: Option<String>,
}

pub(crate) async fn run(args: Invoke) -> Result<ExitCode> {
    let endpoint = Endpoint::choose(&args.client)?;
    let event = event(&args.payload)?;
    let answer = invoke(
        &endpoint,
        &args.name,
        args.qualifier.as_deref(),
        args.tail,
        event,
    )
    .await?;
    if let Some(log) = &answer.log {
        eprintln!("{}", log.trim_end());
    }
    print(&answer.payload)?;
    if let Some(cost) = &answer.cost {
        eprintln!("Cost: {cost}");
    }
    match answer.error {
        None => Ok(ExitCode::SUCCESS),
        Some(error) => {
            eprintln!("tollgate: The function failed ({error}).");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Invokes and waits for the answer.
pub(crate) async fn invoke(
    endpoint: &Endpoint,
    name: &str,
    qualifier: Option<&str>,
    tail: bool,
    event: Bytes,
) -> Result<Answer> {
    let query = qualifier.map_or_else(String::new, |qualifier| {
        format!("?Qualifier={}", percent_encoded(qualifier))
    });
    let path = format!(
        "/2015-03-31/functions/{}/invocations{query}",
        percent_encoded(name)
    );
    let mut headers = vec![("content-type", "application/json")];
    if tail {
        headers.push(("x-amz-log-type", "Tail"));
    }
    let call = Call {
        service: "lambda",
        method: Method::POST,
        path,
        headers,
        body: event,
    };
    let answer = endpoint.send(call, &ProgressBar::hidden()).await?;
    let text = |name: &str| header(answer.headers(), name).map(str::to_owned);
    let log = text("x-amz-log-result")
        .map(|encoded| {
            STANDARD
                .decode(encoded)
                .context("the log's tail is not base64")
        })
        .transpose()?;
    Ok(Answer {
        log: log.map(|log| String::from_utf8_lossy(&log).into_owned()),
        cost: text("x-tollgate-cost"),
        error: text("x-amz-function-error"),
        payload: answer.into_body(),
    })
}

/// The event from the command line, a file or standard input.
fn event(given: &str) -> Result<Bytes> {
    if given == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .context("Standard input cannot be read")?;
        return Ok(bytes.into());
    }
    match given.strip_prefix('@') {
        Some(file) => {
            let bytes = std::fs::read(file).with_context(|| format!("{file} cannot be read"))?;
            Ok(bytes.into())
        }
        None => Ok(given.to_owned().into()),
    }
}
