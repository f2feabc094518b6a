//! Peers in the same run: the same Python echo on `serverless-offline` and on `ministack`, each installed from its package
//! registry at a pinned version, with its usual settings, called through its Lambda endpoint.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;

use super::warm::payload;
use crate::client::{self, Shot, closed_loop};
use crate::figures::Figures;
use crate::functions::{Functions, PYTHON_ECHO};
use crate::platform::{Platform, free_port};
use crate::report::Row;

const SERVERLESS: &str = "serverless@3.40.0";
const SERVERLESS_OFFLINE: &str = "serverless-offline@13.9.0";
const MINISTACK: &str = "ministack==1.5.33";
const CLIENTS: usize = 16;

/// A running peer; its whole process group ends with it.
struct Peer {
    child: Child,
    shot: Shot,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.child.id().cast_signed());
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Measures Tollgate's `python` function of the warm scenario and each peer that starts; says which do not.
pub(crate) async fn measure(
    platform: &Platform,
    functions: &Functions,
    work: &Path,
    time: Duration,
    missing: &mut Vec<String>,
) -> Result<Vec<Row>> {
    let mut peers = Vec::new();
    for (name, started) in [
        ("serverless-offline", serverless_offline(work).await),
        ("ministack", ministack(work, functions).await),
    ] {
        match started {
            Ok(peer) => peers.push((name, peer)),
            Err(error) => missing.push(format!("{name}: {error:#}")),
        }
    }
    let mut best: Option<(f64, f64)> = None;
    let mut beside = Vec::new();
    for (name, peer) in peers {
        match both(&peer.shot, time).await {
            Ok((single, many)) => {
                beside.push(format!(
                    "{name} {:.0}/s, p50 {:.2} ms",
                    many.per_second, single.p50_ms
                ));
                let (rate, p50) = best.unwrap_or((0.0, f64::INFINITY));
                best = Some((rate.max(many.per_second), p50.min(single.p50_ms)));
            }
            Err(error) => missing.push(format!("{name}: {error:#}")),
        }
    }
    let Some((rate, p50)) = best else {
        return Ok(Vec::new());
    };
    let (single, many) = both(&platform.invoke_shot("python", &payload())?, time).await?;
    beside.insert(
        0,
        format!(
            "Tollgate {:.0}/s, p50 {:.2} ms",
            many.per_second, single.p50_ms
        ),
    );
    let beside = beside.join("; ");
    Ok(vec![
        Row::at_least(
            "peers, Python echo 1 KB",
            "throughput at 16 clients / best peer's",
            many.per_second / rate,
            2.0,
            beside.clone(),
        ),
        Row::at_least(
            "peers, Python echo 1 KB",
            "best peer's p50 at 1 client / Tollgate's",
            p50 / single.p50_ms,
            2.0,
            beside,
        ),
    ])
}

async fn both(shot: &Shot, time: Duration) -> Result<(Figures, Figures)> {
    // What the peer answers is its own way to write this JSON; it must be the same each time.
    let expected = client::once(shot).await?.body;
    closed_loop(shot, CLIENTS, Duration::from_secs(2), &expected).await?;
    let single = closed_loop(shot, 1, time, &expected).await?;
    let many = closed_loop(shot, CLIENTS, time, &expected).await?;
    Ok((single, many))
}

async fn serverless_offline(work: &Path) -> Result<Peer> {
    let dir = work.join("serverless-offline");
    std::fs::create_dir_all(&dir)?;
    if !dir.join("node_modules/.bin/serverless").exists() {
        run(Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--prefix"])
            .arg(&dir)
            .args([SERVERLESS, SERVERLESS_OFFLINE]))?;
    }
    std::fs::write(dir.join("echo.py"), PYTHON_ECHO)?;
    std::fs::write(
        dir.join("serverless.yml"),
        "service: peer\nframeworkVersion: '3'\nprovider:\n  name: aws\n  runtime: python3.11\n  region: us-east-1\n\
         plugins:\n  - serverless-offline\nfunctions:\n  echo:\n    handler: echo.handler\n",
    )?;
    let (lambda, http) = (free_port()?, free_port()?);
    let mut command = Command::new(dir.join("node_modules/.bin/serverless"));
    command
        .args([
            "offline",
            "start",
            "--lambdaPort",
            &lambda.to_string(),
            "--httpPort",
            &http.to_string(),
        ])
        .env("SLS_TELEMETRY_DISABLED", "1")
        .current_dir(&dir);
    let path = "/2015-03-31/functions/peer-dev-echo/invocations";
    start(command, &dir, shot(lambda, Method::POST, path, payload())?).await
}

async fn ministack(work: &Path, functions: &Functions) -> Result<Peer> {
    let dir = work.join("ministack");
    std::fs::create_dir_all(&dir)?;
    let program = dir.join("venv/bin/ministack");
    if !program.exists() {
        run(Command::new("python3")
            .args(["-m", "venv"])
            .arg(dir.join("venv")))?;
        run(Command::new(dir.join("venv/bin/pip")).args(["install", "--quiet", MINISTACK]))?;
    }
    let port = free_port()?;
    let mut command = Command::new(program);
    command
        .env("GATEWAY_PORT", port.to_string())
        .current_dir(&dir);
    let create = json!({
        "FunctionName": "echo",
        "Runtime": "python3.11",
        "Handler": "echo.handler",
        "Role": "arn:aws:iam::000000000000:role/bench",
        "MemorySize": 128,
        "Timeout": 30,
        "Code": { "ZipFile": STANDARD.encode(functions.python_zip()?) },
    });
    let create = shot(
        port,
        Method::POST,
        "/2015-03-31/functions",
        create.to_string().into(),
    )?;
    let mut peer = start(command, &dir, create).await?;
    peer.shot = shot(
        port,
        Method::POST,
        "/2015-03-31/functions/echo/invocations",
        payload(),
    )?;
    let answer = client::once(&peer.shot).await?;
    ensure!(answer.status == 200, "invoke answered {}", answer.status);
    Ok(peer)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// Starts a peer in a process group of its own and waits until it answers `probe`.
async fn start(mut command: Command, dir: &Path, probe: Shot) -> Result<Peer> {
    use std::os::unix::process::CommandExt as _;
    let log = std::fs::File::create(dir.join("peer.log"))?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0);
    let child = command
        .spawn()
        .with_context(|| format!("start {command:?}"))?;
    let mut peer = Peer { child, shot: probe };
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        if let Some(status) = peer.child.try_wait()? {
            bail!("ended with {status}: see peer.log");
        }
        if matches!(client::once(&peer.shot).await, Ok(answer) if answer.status < 300) {
            return Ok(peer);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    bail!("did not answer within a minute: see peer.log")
}

/// A request with the header that emulators look for; they do not check signatures.
fn shot(port: u16, method: Method, path: &str, body: Bytes) -> Result<Shot> {
    let address = format!("127.0.0.1:{port}");
    let headers = HeaderMap::from_iter([
        (http::header::HOST, address.parse()?),
        (
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (
            http::header::AUTHORIZATION,
            HeaderValue::from_static(
                "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
            ),
        ),
    ]);
    Ok(Shot {
        address,
        method,
        path: path.to_owned(),
        headers,
        body,
    })
}
