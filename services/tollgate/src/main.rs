//! Tollgate's one binary: all services in one process (`up`), each on its own, and the operator's command line.
//!
//! The composition of services is in [`up`] and [`apart`]; the private Postgres and Redis in [`private`]; the commands that
//! talk to a running Tollgate over its AWS API in [`client`]; those that work on its database in [`operator`].

mod args;
mod config;
mod data_dir;
mod private;
mod private_services;
mod run;
mod settings;
mod up;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match run::run(args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tollgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
