//! A sandbox that runs `true`, against `posix_spawn` of `true`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chassis::Lifecycle;
use executor::sandbox::{Isolation, Launch, Options, Sandboxes};

use crate::figures::Figures;
use crate::report::Row;

/// In turn, one bare spawn and one sandbox, with a pause as sporadic cold starts have.
pub(crate) async fn measure(tollgate: &Path, work: &Path, rounds: usize) -> Result<Row> {
    let life = Lifecycle::new();
    let options = Options::new(
        tollgate.to_owned(),
        work.join("sandboxes"),
        Isolation::Container,
    );
    let sandboxes = Sandboxes::start(options, &life).await?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(spawn_true()?);
        ours.push(sandbox_true(&sandboxes).await?);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    life.drain().cancel();
    let (bare, ours) = (Figures::sequential(bare), Figures::sequential(ours));
    Ok(Row::at_most(
        "sandbox running `true`",
        "launch to exit / posix_spawn",
        ours.p50_ms / bare.p50_ms,
        4.0,
        format!(
            "p50 {:.2} ms / {:.2} ms; p90 {:.2} / {:.2}; n = {rounds}",
            ours.p50_ms, bare.p50_ms, ours.p90_ms, bare.p90_ms
        ),
    ))
}

fn spawn_true() -> Result<Duration> {
    let started = Instant::now();
    let status = Command::new("/bin/true").stdin(Stdio::null()).status()?;
    ensure!(status.success(), "true failed");
    Ok(started.elapsed())
}

async fn sandbox_true(sandboxes: &Sandboxes) -> Result<Duration> {
    let launch = Launch {
        memory_mb: 128,
        ephemeral_mb: 512,
        argv: vec!["/bin/true".to_owned()],
        env: Vec::new(),
        binds: Vec::new(),
        cwd: "/".to_owned(),
        control: false,
    };
    let started = Instant::now();
    let sandbox = sandboxes.launch(launch).await?;
    let exit = sandbox.exited().await;
    let took = started.elapsed();
    ensure!(exit.code == Some(0), "true ended with {exit:?}");
    sandbox.destroy().await;
    Ok(took)
}
