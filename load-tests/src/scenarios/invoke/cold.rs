//! Cold starts: one at a time against a bare runtime client, and twenty functions at once against two cores' ideal.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use nix::sys::resource::{UsageWho, getrusage};

use super::warm::payload;
use crate::bare_loop::BareLoop;
use crate::client;
use crate::figures::Figures;
use crate::functions::Functions;
use crate::platform::{Function, Platform};
use crate::report::Row;

/// How many functions start at once.
const AT_ONCE: usize = 20;

/// One by one, a bare start and a cold invocation in turn, with a pause so that neither rides on the other.
pub(crate) async fn one_by_one(
    platform: &Platform,
    functions: &Functions,
    rounds: usize,
    pause: Duration,
    label: &str,
) -> Result<Row> {
    let zip = functions.python_zip()?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let name = format!("cold-{label}-{round}");
        let function = Function {
            name: &name,
            runtime: "python3.11",
            handler: "echo.handler",
            zip: &zip,
            memory_mb: 128,
            timeout_s: 30,
        };
        platform.create(&function).await?;
        bare.push(bare_start(functions).await?);
        tokio::time::sleep(pause).await;
        ours.push(cold_invoke(platform, &name).await?);
    }
    let (bare, ours) = (Figures::sequential(bare), Figures::sequential(ours));
    Ok(Row::at_most(
        &format!("cold start of a new Python environment, {label}"),
        "request to answer / bare awslambdaric to its first next",
        ours.p50_ms / bare.p50_ms,
        1.3,
        format!(
            "p50 {:.1} ms / {:.1} ms; p90 {:.1} / {:.1}; n = {rounds}",
            ours.p50_ms, bare.p50_ms, ours.p90_ms, bare.p90_ms
        ),
    ))
}

/// As [`one_by_one`] for functions whose environment variables rule a prepared runtime out: the interpreter starts anew.
pub(crate) async fn without_parked(
    platform: &Platform,
    functions: &Functions,
    rounds: usize,
) -> Result<Row> {
    let zip = functions.python_zip()?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let name = format!("cold-plain-{round}");
        let function = Function {
            name: &name,
            runtime: "python3.11",
            handler: "echo.handler",
            zip: &zip,
            memory_mb: 128,
            timeout_s: 30,
        };
        platform
            .create_with(&function, &[("PYTHONDONTWRITEBYTECODE", "1")])
            .await?;
        bare.push(bare_start(functions).await?);
        tokio::time::sleep(Duration::from_millis(200)).await;
        ours.push(cold_invoke(platform, &name).await?);
    }
    let (bare, ours) = (Figures::sequential(bare), Figures::sequential(ours));
    Ok(Row::at_most(
        "cold start of a new Python environment, nothing prepared",
        "request to answer / bare awslambdaric to its first next",
        ours.p50_ms / bare.p50_ms,
        1.3,
        format!(
            "p50 {:.1} ms / {:.1} ms; p90 {:.1} / {:.1}; n = {rounds}",
            ours.p50_ms, bare.p50_ms, ours.p90_ms, bare.p90_ms
        ),
    ))
}

/// From spawn to the first `next`.
async fn bare_start(functions: &Functions) -> Result<Duration> {
    let mut floor = BareLoop::start().await?;
    let started = Instant::now();
    floor.runtime(functions.bare_python())?.await?;
    Ok(started.elapsed())
}

async fn cold_invoke(platform: &Platform, name: &str) -> Result<Duration> {
    let shot = platform.invoke_shot(name, &payload())?;
    let started = Instant::now();
    let answer = client::once(&shot).await?;
    let took = started.elapsed();
    ensure!(answer.status == 200, "{name}: {}", answer.status);
    ensure!(
        !answer.headers.contains_key("x-amz-function-error"),
        "{name} failed"
    );
    Ok(took)
}

/// Twenty functions that never ran, invoked at once, against twenty bare starts' processor time over two cores.
pub(crate) async fn at_once(platform: &Platform, functions: &Functions) -> Result<Row> {
    let zip = functions.python_zip()?;
    let names: Vec<String> = (0..AT_ONCE)
        .map(|number| format!("burst-{number}"))
        .collect();
    for name in &names {
        let function = Function {
            name,
            runtime: "python3.11",
            handler: "echo.handler",
            zip: &zip,
            memory_mb: 128,
            timeout_s: 30,
        };
        platform.create(&function).await?;
    }
    let before = children_seconds()?;
    for _ in 0..AT_ONCE {
        bare_start(functions).await?;
    }
    let ideal = (children_seconds()? - before) / 2.0;
    let started = Instant::now();
    let slowest = try_join_all(names.iter().map(|name| cold_invoke(platform, name))).await?;
    let wall = started.elapsed().as_secs_f64();
    let figures = Figures::new(slowest, started.elapsed());
    Ok(Row::at_most(
        "20 functions cold-started at once",
        "wall / (processor time of 20 bare starts over two cores)",
        wall / ideal,
        1.5,
        format!(
            "{:.0} ms against {:.0} ms; p50 of one {:.0} ms",
            wall * 1e3,
            ideal * 1e3,
            figures.p50_ms
        ),
    ))
}

/// Processor time of this process' ended children.
fn children_seconds() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a short run")]
        let whole = time.tv_sec() as f64;
        #[expect(clippy::cast_precision_loss, reason = "below a million")]
        let part = time.tv_usec() as f64;
        whole + part / 1e6
    };
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
