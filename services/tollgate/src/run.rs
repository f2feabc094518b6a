//! From a command to what does it.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use chassis::Lifecycle;
use chassis::telemetry::{self, Telemetry};
use tokio::runtime::Runtime;

use crate::args::{Args, Command, Given, Operator, Place};
use crate::config::{Config, Settings, Shape, load};
use crate::{apart, client, doctor, operator, private_services, up};

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::Up(args) => {
            let settings = settings(Shape::Up, &args.place, args.given())?;
            let config = settings.config.clone();
            service("tollgate", &config, |life| {
                up::run(settings, args.demo, life)
            })
        }
        Command::Gateway(args) => {
            let settings = settings(Shape::Gateway, &args.place, args.given())?;
            let config = settings.config.clone();
            service("gateway", &config, |life| apart::gateway(settings, life))
        }
        Command::Executor(args) => {
            let settings = settings(Shape::Executor, &args.place, args.given())?;
            let config = settings.config.clone();
            service("executor", &config, |life| apart::executor(settings, life))
        }
        Command::QueueService(args) => {
            let settings = settings(Shape::Queue, &args.place, args.given())?;
            let config = settings.config.clone();
            service("queue", &config, |life| apart::queue(settings, life))
        }
        Command::SchedulerService(args) => {
            let settings = settings(Shape::Scheduler, &args.place, args.given())?;
            let config = settings.config.clone();
            service("scheduler", &config, |life| {
                apart::scheduler(settings, life)
            })
        }
        Command::BillingService(args) => {
            let settings = settings(Shape::Billing, &args.place, args.given())?;
            let config = settings.config.clone();
            service("billing", &config, |life| apart::billing(settings, life))
        }
        other => command(other),
    }
}

/// Commands that do one thing and end.
fn command(command: Command) -> Result<ExitCode> {
    let runtime = runtime()?;
    let done = |result: Result<()>| result.map(|()| ExitCode::SUCCESS);
    match command {
        Command::Migrate(args) => {
            let settings = settings(Shape::Operator, &args.place, args.given())?;
            done(runtime.block_on(apart::migrate(settings)))
        }
        Command::Accounts(command) => {
            let settings = operator_settings(command.operator())?;
            done(runtime.block_on(operator::run_accounts(&settings, command)))
        }
        Command::Keys(command) => {
            let settings = operator_settings(command.operator())?;
            done(runtime.block_on(operator::run_keys(&settings, command)))
        }
        Command::Caps(command) => {
            let settings = operator_settings(command.operator())?;
            done(runtime.block_on(operator::caps::run(&settings, command)))
        }
        Command::Prices(command) => {
            let settings = operator_settings(command.operator())?;
            done(runtime.block_on(operator::prices::run(&settings, command)))
        }
        Command::Billing(command) => done(runtime.block_on(operator::billing::run(command))),
        Command::Ledger(command) => {
            let settings = operator_settings(command.operator())?;
            runtime.block_on(operator::ledger::run(&settings, command))
        }
        Command::Customers(command) => {
            let settings = operator_settings(command.operator())?;
            done(runtime.block_on(operator::customers::run(&settings, command)))
        }
        Command::Doctor(args) => {
            let dir = client::dir(args.data_dir.as_deref());
            runtime.block_on(doctor::run(&dir))
        }
        Command::Env(args) => done(client::env::run(&args)),
        Command::Deploy(args) => runtime.block_on(client::deploy::run(args)),
        Command::Invoke(args) => runtime.block_on(client::invoke::run(args)),
        Command::Logs(args) => done(runtime.block_on(client::logs::run(args))),
        Command::Async(command) => runtime.block_on(client::events::run(command)),
        Command::Schedules(command) => runtime.block_on(client::schedules::run(command)),
        Command::Queue(args) => done(runtime.block_on(client::queue::run(args))),
        Command::Clock(command) => done(runtime.block_on(client::clock::run(command))),
        Command::Functions(args) => done(runtime.block_on(client::functions::run(args))),
        Command::PrivateServices(args) => runtime.block_on(private_services::run(args)),
        Command::Up(_)
        | Command::Gateway(_)
        | Command::Executor(_)
        | Command::QueueService(_)
        | Command::SchedulerService(_)
        | Command::BillingService(_) => {
            unreachable!("services were started by the caller")
        }
    }
}

/// Settings of a command that works on the database.
pub(crate) fn operator_settings(operator: &Operator) -> Result<Settings> {
    settings(Shape::Operator, &operator.place, operator.given())
}

fn settings(shape: Shape, place: &Place, given: Given) -> Result<Settings> {
    load(shape, place.config.clone(), &environment(), &given.flags())
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
