//! `tollgate async cancel`.

use std::process::ExitCode;

use anyhow::Result;
use gateway::api::types::CancelledEvent;
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::args::Output;
use crate::client::api::Refusal;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::print_json;

/// Cancels one after the other; one that cannot be cancelled does not keep the others from it.
pub(super) async fn run(ids: &[Uuid], output: &Output) -> Result<ExitCode> {
    let endpoint = Endpoint::choose(&output.client)?;
    let (mut cancelled, mut refused) = (Vec::new(), false);
    for id in ids {
        let path = format!("/events/{id}/cancel");
        let answer = endpoint
            .tollgate::<CancelledEvent>(Method::POST, &path, &Value::Null)
            .await;
        match answer {
            Ok(event) if output.json => cancelled.push(event),
            Ok(event) => print(format!("{} cancelled", event.request_id).as_bytes())?,
            Err(error) => match error.downcast::<Refusal>() {
                Ok(refusal) => {
                    eprintln!("tollgate: {}", refusal.message);
                    refused = true;
                }
                Err(error) => return Err(error),
            },
        }
    }
    if output.json {
        print_json(&json!({"cancelled": cancelled}))?;
    }
    Ok(if refused {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
