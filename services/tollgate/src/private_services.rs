//! `tollgate private-services`: a Postgres and a Redis for the length of a command, for tests.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context, Result};
use chassis::Lifecycle;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use store::{Role, Store, Vault};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::PrivateServices;
use crate::data_dir::DataDir;
use crate::private::{Services, Tuning};

/// Runs the command with `DATABASE_URL` and `REDIS_URL` set; its exit code is ours.
pub(crate) async fn run(args: PrivateServices) -> Result<ExitCode> {
    let throwaway = tempfile::Builder::new()
        .prefix("tollgate-private-")
        .tempdir()?;
    let dir = args.data_dir.unwrap_or_else(|| throwaway.path().to_owned());
    let dir = std::path::absolute(dir)?;
    let dir = DataDir::claim(&dir)?;
    let life = Lifecycle::new();
    let services = Services::start(dir.path(), Tuning::Test, &life).await?;
    let status = match fill_template(&services).await {
        Ok(()) => command(&args.command, &services).await,
        Err(error) => Err(error),
    };
    life.drain().cancel();
    services.stop().await;
    let status = status?;
    let code = status
        .code()
        .or_else(|| Some(128 + status.signal()?))
        .unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// Gives every database that is made from now on the schema: hundreds of tests want one of their own, and a copy costs a fraction of
/// the migrations.
async fn fill_template(services: &Services) -> Result<()> {
    let url = services
        .postgres_url
        .replacen("/tollgate?", "/template1?", 1);
    let store = Store::connect(&url, Role::Owner, 1, Vault::new(&[0; 32])).await?;
    store.migrate().await?;
    // A template that somebody is connected to cannot be copied.
    store.close().await;
    Ok(())
}

/// Runs the command to its end. A signal for us is passed on to it, and ends us through its end.
async fn command(words: &[String], services: &Services) -> Result<ExitStatus> {
    let (program, words) = words.split_first().context("a command")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut child = Command::new(program)
        .args(words)
        .env("DATABASE_URL", &services.postgres_url)
        .env("REDIS_URL", &services.redis_url)
        .spawn()
        .with_context(|| format!("{program} cannot be started"))?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if let Some(pid) = child.id() {
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM);
        }
    }
}
