//! The load tests: what Tollgate costs over the floors of the machine it runs on, beside its peers, and what breaks it.
//!
//! `make bench` runs all scenarios against a release build and writes `load-tests/results/*.json` and `load-tests/REPORT.md`.
//! Everything is measured in one run, floor, peer and product in turn; the report gives ratios first. Every scenario of the
//! queue ends with the check of the ledger of events ([`ledger`]); where it fails, so does the program.

mod api;
mod bare_loop;
mod bench;
mod children;
mod client;
mod databases;
mod events;
mod figures;
mod floors;
mod functions;
mod installation;
mod ledger;
mod network;
mod open_loop;
mod peers;
mod platform;
mod processes;
mod report;
mod rig;
mod run;
mod scenarios;
mod witness;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use chassis::Ids;
use clap::Parser;

use bench::Bench;
use report::{Machine, Run};

/// Measures and breaks Tollgate on this machine and writes a report.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
struct Arguments {
    /// Only these scenarios, separated by commas; writes nothing into load-tests/ without --record
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// List the scenarios
    #[arg(long)]
    list: bool,
    /// With --only: write results and report into load-tests/ all the same, beside those of the other scenarios
    #[arg(long, requires = "only", conflicts_with = "quick")]
    record: bool,
    /// Short runs, to see that everything works; writes nothing into load-tests/
    #[arg(long)]
    quick: bool,
    /// What all chance of the run comes from [default: another one each time]
    #[arg(long)]
    seed: Option<u64>,
    /// How many faults to make
    #[arg(long, default_value_t = 40)]
    faults: u32,
    /// Leave the peers out
    #[arg(long)]
    no_peers: bool,
    /// The release binary to measure
    #[arg(long, default_value = "target/release/tollgate")]
    tollgate: PathBuf,
    /// The repository: functions and peers are read from it, the report goes to its load-tests/
    #[arg(long, default_value = ".")]
    repository: PathBuf,
    /// Be a process of the scenario caps
    #[arg(long, hide = true)]
    cap_process: bool,
    /// Where to build functions and install peers; kept for the next run
    #[arg(long, default_value = "target/load-tests")]
    work: PathBuf,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.cap_process {
        scenarios::cap_process()?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.list {
        for scenario in scenarios::ALL {
            announce(&format!("{:18}{}", scenario.name, scenario.about));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = run::choose(&arguments.only)?;
    let (tollgate, repository) = (&arguments.tollgate, &arguments.repository);
    let seed = arguments
        .seed
        .unwrap_or_else(|| u64::from(u32::from_le_bytes(Ids.bytes())));
    let bench = Bench::new(
        (tollgate, repository, &arguments.work),
        (arguments.quick, !arguments.no_peers),
        seed,
        arguments.faults,
    )?;
    let whole = arguments.only.is_empty() && !arguments.quick;
    let results = if whole || arguments.record {
        bench.repository.join("load-tests")
    } else {
        bench.work.clone()
    };
    let run = Run {
        started_at: chassis::Clock::system()
            .now()
            .format("%Y-%m-%d %H:%M UTC")
            .to_string(),
        command: command(&arguments),
        seed,
        machine: Machine::here(),
    };
    let files = results.join("results");
    let sound = run::all(&bench, &chosen, &run, &files)?;
    let ran = chosen.iter().map(|scenario| scenario.name);
    announce(&report::page(&files, ran)?);
    let all = scenarios::ALL.iter().map(|scenario| scenario.name);
    std::fs::write(results.join("REPORT.md"), report::page(&files, all)?)?;
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// How to run it again.
fn command(arguments: &Arguments) -> String {
    match (arguments.only.as_slice(), arguments.quick) {
        ([], false) => "make bench".to_owned(),
        ([], true) => "make bench-quick".to_owned(),
        (only, quick) => format!(
            "load-tests{} --only {}",
            if quick { " --quick" } else { "" },
            only.join(",")
        ),
    }
}

#[expect(clippy::print_stdout, reason = "the program's result")]
fn announce(page: &str) {
    println!("{page}");
}
