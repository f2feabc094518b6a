//! From a subcommand to what does it.

use std::process::ExitCode;

use anyhow::Result;

use super::{backfill, history, import, list, next, one, policy};
use crate::args::{Import, Schedules};

pub(crate) async fn run(command: Schedules) -> Result<ExitCode> {
    match command {
        Schedules::List(args) => list::run(args).await?,
        Schedules::Next(args) => next::run(args).await?,
        Schedules::History(args) => history::run(args).await?,
        Schedules::Pause(args) => one::pause(args).await?,
        Schedules::Resume(args) => one::resume(args).await?,
        Schedules::RunNow(args) => return one::run_now(args).await,
        Schedules::Backfill(args) => backfill::run(args).await?,
        Schedules::Policy(args) => policy::run(args).await?,
        Schedules::Import(Import::Crontab(args)) => return import::run(args).await,
    }
    Ok(ExitCode::SUCCESS)
}
