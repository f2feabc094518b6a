//! How soon an execution is in the report and in the draft invoice: from its answer on, asked until it is there.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::Method;
use rand::Rng as _;
use serde_json::Value;

use crate::bench::Bench;
use crate::client;
use crate::figures::Latencies;
use crate::installation::FUNCTION;
use crate::report::{Measured, Row};
use crate::rig::Rig;
use crate::witness::Work;

const REPORT: &str = "/tollgate/v1/billing/report?group_by=function";
const MEMORY_MB: u32 = 128;
const WAIT_MAX: Duration = Duration::from_secs(30);

pub(super) async fn measure(bench: &Bench, measured: &mut Measured) -> Result<()> {
    let samples: u32 = bench.sized(400, 20);
    let mut rig = Rig::start(bench, None, MEMORY_MB, None).await?;
    rig.executor(1).await?;
    let mut chance = bench.chance("moments");
    let account = account(&rig).await?;
    let mut counted = settled(&rig).await?;
    let (mut reports, mut drafts) = (Latencies::default(), Latencies::default());
    for _ in 0..samples {
        // At no fixed place between two seals.
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..400))).await;
        let shot = rig
            .installation
            .door
            .invoke(FUNCTION, &Work::default().payload())?;
        let answer = client::once(&shot).await?;
        let answered = Instant::now();
        ensure!(answer.status == 200, "{} {:?}", answer.status, answer.body);
        counted += 1;
        while reported(&rig).await? < counted {
            ensure!(
                answered.elapsed() < WAIT_MAX,
                "an execution is in no report after {WAIT_MAX:?}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        reports.record(answered.elapsed());
        while drafted(&rig, &account).await? < counted {
            ensure!(
                answered.elapsed() < WAIT_MAX,
                "an execution is in no draft after {WAIT_MAX:?}"
            );
        }
        drafts.record(answered.elapsed());
    }
    ensure!(
        reported(&rig).await? == counted,
        "more is reported than ran"
    );
    rig.installation.sound();
    for (what, latencies) in [("report", reports), ("draft invoice", drafts)] {
        let figures = latencies.figures(Duration::from_secs(1));
        measured.rows.push(Row::at_most(
            &format!("an execution's answer until it is in the {what}"),
            "p99, s",
            figures.p99_ms / 1e3,
            1.0,
            format!(
                "p50 {:.3} s, max {:.3} s; n = {}",
                figures.p50_ms / 1e3,
                figures.max_ms / 1e3,
                figures.count
            ),
        ));
    }
    Ok(())
}

/// Whose function it is: as its ARN says.
async fn account(rig: &Rig) -> Result<String> {
    let path = format!("/2015-03-31/functions/{FUNCTION}/configuration");
    let door = &rig.installation.door;
    let function = door.call(Method::GET, &path, &Value::Null, 200).await?;
    let arn = function["FunctionArn"].as_str().context("an ARN")?;
    Ok(arn.split(':').nth(4).context("an account")?.to_owned())
}

/// Requests in the report once it does not grow any more: what warming up ran is in it then.
async fn settled(rig: &Rig) -> Result<u64> {
    let mut last = (reported(rig).await?, Instant::now());
    while last.0 == 0 || last.1.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = reported(rig).await?;
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
    Ok(last.0)
}

/// Requests of the account in its report: over the API.
async fn reported(rig: &Rig) -> Result<u64> {
    let door = &rig.installation.door;
    let shot = door.shot(Method::GET, REPORT, Bytes::new())?;
    let answer = client::once(&shot).await?;
    ensure!(answer.status == 200, "{} {:?}", answer.status, answer.body);
    let report: Value = serde_json::from_slice(&answer.body)?;
    let totals = report["totals"].as_array().context("totals")?;
    let usage = totals.iter().filter_map(|total| total["usage"].as_array());
    let requests = usage.flatten().find(|usage| usage["sku"] == "requests");
    requests.map_or(Ok(0), |usage| quantity(&usage["quantity"]))
}

/// Requests on the draft invoice, what is free included: as the operator's command prints it.
async fn drafted(rig: &Rig, account: &str) -> Result<u64> {
    let text = rig
        .installation
        .command(&["billing", "draft", "--account", account, "--json"])
        .await?;
    let drafts: Value = serde_json::from_str(&text)?;
    let mut requests = 0;
    for draft in drafts.as_array().context("a list of drafts")? {
        for line in draft["lines"].as_array().context("lines")? {
            if line["sku"] == "requests" {
                requests += quantity(&line["quantity"])?;
            }
        }
    }
    Ok(requests)
}

fn quantity(value: &Value) -> Result<u64> {
    let text = value.as_str().context("a quantity is text")?;
    text.parse().with_context(|| format!("{text} is no count"))
}
