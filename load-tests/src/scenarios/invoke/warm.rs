//! Warm synchronous invocations against the bare loop: latency with one client, throughput with sixteen.

use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::bare_loop::BareLoop;
use crate::client::{self, Shot, closed_loop};
use crate::figures::{Figures, median};
use crate::functions::Functions;
use crate::platform::{Function, Platform};
use crate::report::Row;

/// Runtimes in the bare loop, and clients of the throughput runs.
const CLIENTS: usize = 16;

/// Enough for the processor share that one busy client needs; the bare loop's runtimes are not held to any. Sixteen such
/// environments fit on a small host.
const MEMORY_MB: u32 = 1_024;

/// What of the event is data.
const DATA_BYTES: usize = 1_010;

/// A JSON object of 1 KB.
pub(crate) fn payload() -> Bytes {
    format!("{{\"data\": \"{}\"}}", "x".repeat(DATA_BYTES)).into()
}

/// Measures both kinds of function; floor and platform in turn, three times, best-of-median rounds.
pub(crate) async fn measure(
    platform: &Platform,
    functions: &Functions,
    time: Duration,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, runtime, handler, zip) in [
        (
            "python",
            "python3.11",
            "echo.handler",
            functions.python_zip()?,
        ),
        (
            "rust",
            "provided.al2023",
            "bootstrap",
            functions.rust_zip()?,
        ),
    ] {
        platform
            .create(&Function {
                name,
                runtime,
                handler,
                zip: &zip,
                memory_mb: MEMORY_MB,
                timeout_s: 30,
            })
            .await?;
        let mut floor = BareLoop::start().await?;
        for _ in 0..CLIENTS {
            let bare = if name == "python" {
                functions.bare_python()
            } else {
                functions.bare_rust()
            };
            floor.runtime(bare)?.await?;
        }
        rows.extend(compare(platform, &floor, name, time).await?);
    }
    Ok(rows)
}

async fn compare(
    platform: &Platform,
    floor: &BareLoop,
    name: &str,
    time: Duration,
) -> Result<Vec<Row>> {
    let payload = payload();
    let bare = Shot {
        address: floor.address.clone(),
        method: Method::POST,
        path: "/".to_owned(),
        headers: HeaderMap::from_iter([(http::header::HOST, floor.address.parse()?)]),
        body: payload.clone(),
    };
    let ours = platform.invoke_shot(name, &payload)?;
    let expected = client::once(&ours).await?.body;
    ensure!(
        expected
            .windows(DATA_BYTES)
            .any(|window| window.iter().all(|byte| *byte == b'x')),
        "{name} is no echo: {expected:?}"
    );
    // Warm both: every environment and every runtime has run once.
    closed_loop(&ours, CLIENTS, Duration::from_secs(2), &expected).await?;
    closed_loop(&bare, CLIENTS, Duration::from_secs(1), &expected).await?;
    let (mut single, mut many) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let pair = (
            closed_loop(&bare, 1, time, &expected).await?,
            closed_loop(&ours, 1, time, &expected).await?,
        );
        single.push(pair);
        let pair = (
            closed_loop(&bare, CLIENTS, time, &expected).await?,
            closed_loop(&ours, CLIENTS, time, &expected).await?,
        );
        many.push(pair);
    }
    Ok(rows(name, &single, &many))
}

type Pair = (Figures, Figures);

fn rows(name: &str, single: &[Pair], many: &[Pair]) -> Vec<Row> {
    let added =
        |of: fn(&Figures) -> f64| median(single.iter().map(|(bare, ours)| of(ours) - of(bare)));
    let beside_single = |of: fn(&Figures) -> f64| {
        let bare = median(single.iter().map(|(bare, _)| of(bare)));
        let ours = median(single.iter().map(|(_, ours)| of(ours)));
        format!("bare loop {bare:.3} ms, Tollgate {ours:.3} ms")
    };
    let rate = |pick: fn(&Pair) -> &Figures| median(many.iter().map(|pair| pick(pair).per_second));
    let share = median(
        many.iter()
            .map(|(bare, ours)| ours.per_second / bare.per_second),
    );
    vec![
        Row::at_most(
            &format!("warm invoke, {name} echo 1 KB, 1 client"),
            "added p50, ms",
            added(|figures| figures.p50_ms),
            0.4,
            beside_single(|figures| figures.p50_ms),
        ),
        Row::at_most(
            &format!("warm invoke, {name} echo 1 KB, 1 client"),
            "added p99, ms",
            added(|figures| figures.p99_ms),
            5.0,
            beside_single(|figures| figures.p99_ms),
        ),
        Row::at_least(
            &format!("throughput, {name} echo 1 KB, 16 clients"),
            "share of the bare loop's",
            share,
            0.5,
            format!(
                "bare loop {:.0}/s, Tollgate {:.0}/s",
                rate(|pair| &pair.0),
                rate(|pair| &pair.1)
            ),
        ),
    ]
}
