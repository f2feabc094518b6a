//! Tollgate's one binary: all services in one process (`up`), each on its own, and the operator's command line.
//!
//! The composition of services is in [`up`] and [`apart`]; the private Postgres and Redis in [`private`]; the commands that
//! talk to a running Tollgate over its AWS API in [`client`]; those that work on its database in [`operator`].

mod apart;
mod args;
mod client;
mod config;
mod data_dir;
mod doctor;
mod issuer;
mod operator;
mod parts;
mod platform_clock;
mod private;
mod private_services;
mod run;
mod settings;
mod up;

use std::process::ExitCode;

use clap::Parser;

/// The invoke path allocates in one thread what another frees; the system's allocator spends a sixth of its time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The spawner forks: it must be single-threaded, so it branches off before any runtime exists.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == "sandbox-spawner") {
        let control = words.next().and_then(|word| word.to_str()?.parse().ok());
        return control.map_or_else(|| ExitCode::from(2), executor::sandbox::spawner::main);
    }
    let args = args::Args::parse();
    match run::run(args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tollgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
