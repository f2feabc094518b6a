//! The pinned wheel that holds the models.

use std::io::{Cursor, Read as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

use crate::config::WheelPin;
use crate::model::Model;

pub(crate) struct Wheel(ZipArchive<Cursor<Vec<u8>>>);

impl Wheel {
    /// Opens the file given, or fetches the pinned version; its hash must be the pinned one either way.
    pub(crate) fn open(pin: &WheelPin, path: Option<&Path>) -> Result<Self> {
        let bytes = match path {
            Some(path) => {
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?
            }
            None => download(pin)?,
        };
        let sha256 = hex::encode(Sha256::digest(&bytes));
        ensure!(
            sha256 == pin.sha256,
            "the wheel's SHA-256 is {sha256}; operations.toml pins {}",
            pin.sha256
        );
        Ok(Self(
            ZipArchive::new(Cursor::new(bytes)).context("the wheel is no zip")?,
        ))
    }

    /// Reads a service model, compressed or plain: both occur.
    pub(crate) fn model(&mut self, folder: &str) -> Result<Model> {
        let plain = format!("botocore/data/{folder}/service-2.json");
        let packed = format!("{plain}.gz");
        let mut json = Vec::new();
        if self.0.index_for_name(&packed).is_some() {
            GzDecoder::new(self.0.by_name(&packed)?).read_to_end(&mut json)?;
        } else {
            self.0
                .by_name(&plain)
                .with_context(|| format!("the wheel has no {plain}"))?
                .read_to_end(&mut json)?;
        }
        serde_json::from_slice(&json).with_context(|| format!("{plain} is not understood"))
    }
}

fn download(pin: &WheelPin) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let fetched = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--dest",
        ])
        .arg(folder.path())
        .arg(format!("botocore=={}", pin.version))
        .status()
        .context("cannot run python3 -m pip")?;
    ensure!(
        fetched.success(),
        "pip cannot download botocore {}",
        pin.version
    );
    let file = std::fs::read_dir(folder.path())?
        .next()
        .context("pip downloaded nothing")??;
    Ok(std::fs::read(file.path())?)
}
