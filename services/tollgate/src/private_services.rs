//! `tollgate private-services`: a Postgres and a Redis for the length of a command, for tests.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;

use anyhow::{Context, Result};
use chassis::Lifecycle;

use crate::args::PrivateServices;
use crate::data_dir::DataDir;
use crate::private::{Services, Tuning};

/// Runs the command with `DATABASE_URL` and `REDIS_URL` set; its exit code is ours.
pub(crate) async fn run(args: PrivateServices) -> Result<ExitCode> {
    let kept;
    let dir = match args.data_dir {
        Some(dir) => std::path::absolute(dir)?,
        None => {
            kept = tempfile::Builder::new()
                .prefix("tollgate-private-")
                .tempdir()?;
            kept.path().to_owned()
        }
    };
    let dir = DataDir::claim(&dir)?;
    let life = Lifecycle::new();
    let services = Services::start(dir.path(), Tuning::Test, &life).await?;
    let (program, words) = args.command.split_first().context("a command")?;
    let status = tokio::process::Command::new(program)
        .args(words)
        .env("DATABASE_URL", &services.postgres_url)
        .env("REDIS_URL", &services.redis_url)
        .status()
        .await
        .with_context(|| format!("{program} cannot be started"));
    life.drain().cancel();
    services.stop().await;
    let status = status?;
    let code = status
        .code()
        .or_else(|| Some(128 + status.signal()?))
        .unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
