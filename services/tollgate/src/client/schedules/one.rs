//! `tollgate schedules pause`, `resume` and `run-now`.

use std::process::ExitCode;

use anyhow::Result;
use gateway::api::types::{FireResult, Schedule, ScheduleRun, ScheduleState};
use http::Method;
use serde_json::Value;

use crate::args::{Key, OneSchedule};
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::print_json;
use crate::client::table::time;
use crate::settings::percent_encoded;

/// Where our API has the schedule; `below` is what is asked of it.
pub(super) fn path(key: &Key, below: &str) -> String {
    let (group, name) = (percent_encoded(&key.group), percent_encoded(&key.name));
    format!("/schedules/{group}/{name}/{below}")
}

pub(super) async fn pause(args: OneSchedule) -> Result<()> {
    switch(args, "pause").await
}

pub(super) async fn resume(args: OneSchedule) -> Result<()> {
    switch(args, "resume").await
}

async fn switch(args: OneSchedule, to: &str) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    let path = path(&args.key, to);
    let schedule: Schedule = endpoint.tollgate(Method::POST, &path, &Value::Null).await?;
    if args.output.json {
        return print_json(&schedule);
    }
    let text = match (schedule.state, schedule.next_at) {
        (ScheduleState::Disabled, _) => format!("{} is paused.", schedule.name),
        (ScheduleState::Enabled, Some(at)) => {
            format!("{} fires next at {} UTC.", schedule.name, time(at))
        }
        (ScheduleState::Enabled, None) => {
            format!("{} is enabled, and has no more times.", schedule.name)
        }
    };
    print(text.as_bytes())
}

/// Prints the request id alone: so it can be passed on.
pub(super) async fn run_now(args: OneSchedule) -> Result<ExitCode> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    let path = path(&args.key, "run");
    let run: ScheduleRun = endpoint.tollgate(Method::POST, &path, &Value::Null).await?;
    if args.output.json {
        print_json(&run)?;
    } else {
        print(run.request_id.to_string().as_bytes())?;
    }
    if run.result == FireResult::Fired {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("tollgate: Its function does not exist: the event is a dead letter.");
    Ok(ExitCode::FAILURE)
}
