//! From a subcommand to what does it.

use std::process::ExitCode;

use anyhow::Result;

use super::{cancel, dead_letters, get, list, policy, purge, redrive, undelivered};
use crate::args::Events;

pub(crate) async fn run(command: Events) -> Result<ExitCode> {
    match command {
        Events::Get { request_id, output } => get::run(request_id, &output).await?,
        Events::List(args) => list::run(args).await?,
        Events::Cancel {
            request_ids,
            output,
        } => return cancel::run(&request_ids, &output).await,
        Events::DeadLetters(args) => dead_letters::run(args).await?,
        Events::Redrive(args) => redrive::run(args).await?,
        Events::Purge(args) => purge::run(args).await?,
        Events::Undelivered(args) => undelivered::run(args).await?,
        Events::Policy(args) => policy::run(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}
