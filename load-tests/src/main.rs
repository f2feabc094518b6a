//! The load tests: what Tollgate costs over the floors of the machine it runs on, and beside its peers.
//!
//! `make bench` runs all of it against a release build and writes `load-tests/results/*.json` and `load-tests/REPORT.md`.
//! Everything is measured in one run, floor and product in turn; the report gives ratios first.

mod bare_loop;
mod client;
mod figures;
mod functions;
mod platform;
mod report;
mod scenarios;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;

use functions::Functions;
use platform::Platform;
use report::{Machine, Report, Row};
use scenarios::{cold, idle, peers, sandbox, warm};

/// Measures Tollgate on this machine and writes a report.
#[derive(Debug, Parser)]
struct Arguments {
    /// The release binary to measure.
    #[arg(long, default_value = "target/release/tollgate")]
    tollgate: PathBuf,
    /// The repository: functions are read from its examples/, the report goes to its load-tests/.
    #[arg(long, default_value = ".")]
    repository: PathBuf,
    /// Where to build functions and install peers; kept for the next run.
    #[arg(long, default_value = "load-tests/work")]
    work: PathBuf,
    /// Short runs: to see that everything works; prints and writes nothing.
    #[arg(long)]
    quick: bool,
    /// Leave the peers out.
    #[arg(long)]
    no_peers: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let repository = arguments.repository.canonicalize()?;
    std::fs::create_dir_all(&arguments.work)?;
    let work = arguments.work.canonicalize()?;
    let tollgate = arguments.tollgate.canonicalize().with_context(|| {
        format!(
            "{} is not built: run make bench",
            arguments.tollgate.display()
        )
    })?;
    let started_at = chassis::Clock::system().now();
    let mut report = Report {
        started_at: started_at.format("%Y-%m-%d %H:%M UTC").to_string(),
        command: if arguments.quick {
            "make bench-quick"
        } else {
            "make bench"
        }
        .to_owned(),
        machine: Machine::here(),
        rows: Vec::new(),
        missing: Vec::new(),
    };
    measure(&arguments, &repository, &work, &tollgate, &mut report).await?;
    if !arguments.quick {
        report.write(&repository.join("load-tests"), "invoke")?;
    }
    announce(&report.page());
    Ok(())
}

async fn measure(
    arguments: &Arguments,
    repository: &std::path::Path,
    work: &std::path::Path,
    tollgate: &std::path::Path,
    report: &mut Report,
) -> Result<()> {
    let (time, rounds) = if arguments.quick { (1, 5) } else { (8, 25) };
    let time = Duration::from_secs(time);
    let mut platform = Platform::start(tollgate).await?;
    let functions = Functions::prepare(repository, work, &platform.dir).await?;
    let mut add = |what: &str, rows: Result<Vec<Row>>| match rows {
        Ok(rows) => report.rows.extend(rows),
        Err(error) => report.missing.push(format!("{what}: {error:#}")),
    };
    // After its first start's own work, before anything ran: warm environments belong to functions.
    platform.restart(tollgate).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    add("idle", idle::measure(&platform, time * 2).await);
    add("warm", warm::measure(&platform, &functions, time).await);
    add(
        "sandbox",
        sandbox::measure(tollgate, work, rounds * 2)
            .await
            .map(|row| vec![row]),
    );
    let pause = Duration::from_millis(700);
    let sporadic = cold::one_by_one(&platform, &functions, rounds, pause, "sporadic").await;
    add("cold", sporadic.map(|row| vec![row]));
    let plain = cold::without_parked(&platform, &functions, rounds).await;
    add("cold, nothing prepared", plain.map(|row| vec![row]));
    add(
        "20 at once",
        cold::at_once(&platform, &functions)
            .await
            .map(|row| vec![row]),
    );
    if !arguments.no_peers {
        let mut missing = Vec::new();
        let rows = peers::measure(&platform, &functions, work, time, &mut missing).await;
        add("peers", rows);
        report.missing.extend(missing);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the program's result")]
fn announce(page: &str) {
    println!("{page}");
}
