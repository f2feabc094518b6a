//! From a command to what does it.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use chassis::Lifecycle;
use chassis::telemetry::{self, Telemetry};
use tokio::runtime::Runtime;

use crate::args::{Args, Command, Given};
use crate::config::{Config, Settings, Shape, load};
use crate::private_services;
use crate::up;

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let environment = || environment();
    match args.command {
        Command::Up(args) => {
            let flags = args.given().flags();
            let settings = load(Shape::Up, args.place.config.clone(), environment(), flags)?;
            service("tollgate", &settings.config.clone(), |life| {
                up::run(settings, args.demo, life)
            })
        }
        Command::PrivateServices(args) => runtime()?.block_on(private_services::run(args)),
        _ => anyhow::bail!("soon"),
    }
}

/// Runs a service until it is told to stop, or fails.
fn service<F, Fut>(name: &'static str, config: &Config, body: F) -> Result<ExitCode>
where
    F: FnOnce(Lifecycle) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let telemetry = Telemetry::start(telemetry::Options {
            service: name,
            log_format: config.telemetry.log_format,
            log_filter: config.telemetry.log_filter.clone(),
            otlp_endpoint: config.telemetry.otlp_endpoint.clone(),
        })?;
        let ended = body(Lifecycle::new()).await;
        // Flushing blocks: not on a thread that tasks wait for.
        tokio::task::spawn_blocking(|| telemetry.stop()).await?;
        ended
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.map(|()| ExitCode::SUCCESS)
}

/// Waits for the end of a running service and turns a failure into the process' own.
pub(crate) async fn until_stopped(life: &Lifecycle, config: &Config) -> Result<()> {
    let deadline = Duration::from_secs(config.drain_s);
    life.run(deadline).await.map_err(|why| anyhow!(why))
}

fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("The async runtime cannot be started")
}

/// The environment, as far as it is text.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
