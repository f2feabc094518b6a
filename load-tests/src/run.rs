//! Runs scenarios one after another, each on a runtime of its own that ends with it; Ctrl-C ends all.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::unistd::Uid;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::bench::Bench;
use crate::network::Network;
use crate::report::{Chapter, Measured, Run};
use crate::scenarios::{ALL, Scenario};

/// The scenarios of these names; all, where none is named.
pub(crate) fn choose(names: &[String]) -> Result<Vec<&'static Scenario>> {
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    let find = |name: &String| {
        let found = ALL.iter().find(|scenario| scenario.name == name);
        found.with_context(|| format!("there is no scenario {name:?}: see --list"))
    };
    names.iter().map(find).collect()
}

/// Runs them; whether each could be run and no ledger had a fault.
pub(crate) fn all(
    bench: &Bench,
    scenarios: &[&'static Scenario],
    run: &Run,
    results: &Path,
) -> Result<bool> {
    let mut sound = true;
    for scenario in scenarios {
        announce(&format!("{}: {}", scenario.name, scenario.about));
        let started = Instant::now();
        let measured = match one(bench, scenario) {
            Ok(Ended::Measured(measured)) => measured,
            Ok(Ended::Interrupted) => bail!("interrupted"),
            Err(error) => {
                sound = false;
                announce(&format!(
                    "{} FAILED (seed {}): {error:#}",
                    scenario.name, bench.seed
                ));
                let mut measured = Measured::default();
                measured.missing.push(format!("it failed: {error:#}"));
                measured
            }
        };
        for verdict in &measured.ledgers {
            announce(&format!("ledger of events, {verdict}"));
        }
        if !measured.is_sound() {
            sound = false;
            announce(&format!("{} FAILED (seed {})", scenario.name, bench.seed));
        }
        let chapter = Chapter {
            run: run.clone(),
            scenario: scenario.name.to_owned(),
            about: scenario.about.to_owned(),
            seconds: started.elapsed().as_secs(),
            measured,
        };
        chapter.write(results)?;
    }
    Ok(sound)
}

enum Ended {
    Measured(Measured),
    Interrupted,
}

/// Runs one, in a thread that may enter a network namespace.
fn one(bench: &Bench, scenario: &Scenario) -> Result<Ended> {
    let time_max = if bench.quick {
        scenario.time_max.1
    } else {
        scenario.time_max.0
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let network = match scenario.network {
                Some(spaces) if Uid::effective().is_root() => Some(network(bench, spaces)?),
                Some(_) => {
                    announce("not as root: without network namespaces, and so without partitions");
                    None
                }
                None => None,
            };
            let runtime = runtime(network.as_ref())?;
            runtime.block_on(bounded((scenario.run)(bench, network), time_max))
        });
        thread.join().ok().context("it panicked")?
    })
}

async fn bounded(running: crate::scenarios::Running<'_>, time_max: Duration) -> Result<Ended> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // What the scenario started ends as it is dropped.
    tokio::select! {
        measured = running => Ok(Ended::Measured(measured?)),
        _ = interrupt.recv() => Ok(Ended::Interrupted),
        _ = terminate.recv() => Ok(Ended::Interrupted),
        () = tokio::time::sleep(time_max) => bail!("not done within {time_max:?}"),
    }
}

fn network(bench: &Bench, spaces: u8) -> Result<Network> {
    let made = Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(Network::new(&bench.work, spaces));
    made.context("network namespaces (from iproute2's ip and util-linux' unshare)")
}

/// Its threads are in the middle of `network`, where there is one.
fn runtime(network: Option<&Network>) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all();
    if let Some(network) = network {
        let middle = Arc::new(network.middle()?);
        Network::enter(&middle)?;
        builder.on_thread_start(move || {
            Network::enter(&middle).expect("a thread before it could enter it");
        });
    }
    Ok(builder.build()?)
}

#[expect(clippy::print_stderr, reason = "for the person at the terminal")]
fn announce(line: &str) {
    eprintln!("{line}");
}
