//! The function that load tests run. Its answer proves that it ran: a digest over a secret that only it and the load generator
//! know, the request id it was given, and the number in its event. A platform that recorded a success without a run, or for
//! another event, could not show it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Work {
    /// Not in the record of another event's end, which this function is handed as a destination.
    #[serde(default)]
    number: u64,
    /// How long to run.
    #[serde(default)]
    ms: u64,
    /// Whether to fail, each time.
    #[serde(default)]
    fail: bool,
    /// Whether to write a line to the log at the start.
    #[serde(default)]
    say: bool,
}

#[derive(Serialize)]
struct Proof {
    proof: String,
    /// When the handler began, by the host's clock: microseconds since 1970.
    started_us: u128,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let secret = std::env::var("SECRET")?;
    run(service_fn(async |request| witness(&secret, request).await)).await
}

async fn witness(secret: &str, request: LambdaEvent<Work>) -> Result<Proof, Error> {
    let started_us = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let (work, context) = request.into_parts();
    if work.say {
        println!("began {} {started_us}.", context.request_id);
    }
    if work.ms > 0 {
        tokio::time::sleep(Duration::from_millis(work.ms)).await;
    }
    if work.fail {
        return Err("asked to fail".into());
    }
    let digest = Sha256::new()
        .chain_update(secret)
        .chain_update(&context.request_id)
        .chain_update(work.number.to_le_bytes());
    Ok(Proof {
        proof: hex::encode(digest.finalize()),
        started_us,
    })
}
