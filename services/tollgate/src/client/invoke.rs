//! `tollgate invoke`.

use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gateway::api::types::Event;
use http::Method;
use indicatif::ProgressBar;

use super::api::{Call, header};
use super::endpoint::Endpoint;
use super::events;
use super::output::print;
use super::table::{counted, time};
use crate::args::Invoke;
use crate::settings::percent_encoded;

/// An event that is followed is looked at so soon first, and then ever less often.
const LOOK_FIRST: Duration = Duration::from_millis(20);
const LOOK_MAX: Duration = Duration::from_secs(1);

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
    if args.event {
        return accept(&endpoint, &args, event).await;
    }
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

/// Invokes asynchronously; follows the event to its end where that is wanted.
async fn accept(endpoint: &Endpoint, args: &Invoke, event: Bytes) -> Result<ExitCode> {
    let mut headers = vec![
        ("content-type", "application/json"),
        ("x-amz-invocation-type", "Event"),
    ];
    if let Some(key) = &args.idempotency_key {
        headers.push(("x-tollgate-idempotency-key", key));
    }
    let call = Call {
        service: "lambda",
        method: Method::POST,
        path: path(&args.name, args.qualifier.as_deref()),
        headers,
        body: event,
    };
    let answer = endpoint.send(call, &ProgressBar::hidden()).await?;
    let id = header(answer.headers(), "x-amzn-requestid");
    let id = id.context("the answer has no request id: is this a Tollgate?")?;
    if !args.wait {
        print(id.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("Request id: {id}");
    let succeeded = events::show_end(&follow(endpoint, id).await?)?;
    Ok(if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Looks at an event until it has ended, and says on a terminal where it stands.
async fn follow(endpoint: &Endpoint, id: &str) -> Result<Event> {
    let path = format!("/events/{id}");
    let spinner = ProgressBar::new_spinner();
    let mut pause = LOOK_FIRST;
    loop {
        let event: Event = endpoint.ask(&path).await?;
        if event.status.is_final() {
            spinner.finish_and_clear();
            return Ok(event);
        }
        let next = event.next_attempt_at;
        let until = next.map_or_else(String::new, |at| format!(" until {} UTC", time(at)));
        let attempts = counted(event.attempts.len() as u64, "attempt");
        let status = event.status.as_str();
        spinner.set_message(format!("{status}{until}, {attempts} so far"));
        spinner.tick();
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOK_MAX);
    }
}

/// An Invoke's path.
fn path(name: &str, qualifier: Option<&str>) -> String {
    let query = qualifier.map_or_else(String::new, |qualifier| {
        format!("?Qualifier={}", percent_encoded(qualifier))
    });
    let name = percent_encoded(name);
    format!("/2015-03-31/functions/{name}/invocations{query}")
}

/// Invokes and waits for the answer.
pub(crate) async fn invoke(
    endpoint: &Endpoint,
    name: &str,
    qualifier: Option<&str>,
    tail: bool,
    event: Bytes,
) -> Result<Answer> {
    let mut headers = vec![("content-type", "application/json")];
    if tail {
        headers.push(("x-amz-log-type", "Tail"));
    }
    let call = Call {
        service: "lambda",
        method: Method::POST,
        path: path(name, qualifier),
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
