//! The function whose answer proves that it ran (`load-tests/functions/witness`), from the load generator's side.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use chassis::Ids;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::children::Program;

/// Bytes of an event, where nothing else is said.
const EVENT_BYTES: usize = 256;
const BUILD_TIME_MAX: Duration = Duration::from_mins(5);

/// What one event asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// What the proof is made over besides the request id.
    pub(crate) number: u64,
    /// How long to run.
    pub(crate) ms: u64,
    /// Whether to fail, each time.
    pub(crate) fail: bool,
    /// Whether to say so in the log when it begins.
    pub(crate) say: bool,
}

impl Work {
    /// The event: 256 bytes.
    pub(crate) fn payload(self) -> Bytes {
        let event = json!({
            "number": self.number,
            "ms": self.ms,
            "fail": self.fail,
            "say": self.say,
            "pad": "",
        });
        let text = event.to_string();
        let pad = "x".repeat(EVENT_BYTES.saturating_sub(text.len()));
        text.replace("\"pad\":\"\"", &format!("\"pad\":\"{pad}\""))
            .into()
    }
}

/// The built function and the secret that its proofs are made with.
pub(crate) struct Witness {
    pub(crate) zip: Vec<u8>,
    pub(crate) secret: String,
}

/// What a run answered.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    proof: String,
    /// When its handler began: microseconds since 1970.
    pub(crate) started_us: i64,
}

impl Witness {
    /// Builds it below `work`.
    pub(crate) async fn build(repository: &Path, work: &Path) -> Result<Self> {
        let manifest = repository.join("load-tests/functions/witness/Cargo.toml");
        let target = work.join("witness");
        let words = [
            "cargo",
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--manifest-path",
        ];
        let words = words
            .map(Into::into)
            .into_iter()
            .chain([manifest.into_os_string()]);
        Program::new("cargo", &work.join("witness.log"), words)
            .env("CARGO_TARGET_DIR", target.as_os_str())
            .run(BUILD_TIME_MAX)
            .await?;
        let dir = tempfile::tempdir()?;
        std::fs::copy(
            target.join("release/bootstrap"),
            dir.path().join("bootstrap"),
        )
        .context("the built function")?;
        Ok(Self {
            zip: package::build(dir.path())?,
            secret: hex::encode(Ids.bytes::<16>()),
        })
    }

    /// The answer of the run of this event, if it is one.
    pub(crate) fn verify(&self, id: Uuid, number: u64, response: &[u8]) -> Option<Answer> {
        let answer: Answer = serde_json::from_slice(response).ok()?;
        let digest = Sha256::new()
            .chain_update(&self.secret)
            .chain_update(id.to_string())
            .chain_update(number.to_le_bytes());
        (answer.proof == hex::encode(digest.finalize())).then_some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_256_bytes() {
        let work = Work {
            number: u64::MAX,
            ms: 20_000,
            ..Work::default()
        };
        for work in [Work::default(), work] {
            assert_eq!(work.payload().len(), EVENT_BYTES);
            serde_json::from_slice::<serde_json::Value>(&work.payload()).expect("JSON");
        }
    }

    #[test]
    fn a_proof_is_good_for_one_event() {
        let witness = Witness {
            zip: Vec::new(),
            secret: "s".to_owned(),
        };
        let id = Uuid::from_u128(7);
        let digest = Sha256::new().chain_update(format!("s{id}"));
        let proof = hex::encode(digest.chain_update(3_u64.to_le_bytes()).finalize());
        let response = json!({ "proof": proof, "started_us": 1 }).to_string();
        let good = |id, number| witness.verify(id, number, response.as_bytes()).is_some();
        assert!(good(id, 3));
        assert!(!good(id, 4));
        assert!(!good(Uuid::from_u128(8), 3));
        assert!(witness.verify(id, 3, b"{}").is_none());
    }
}
