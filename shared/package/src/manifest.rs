//! `tollgate.toml`: how a directory is deployed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The file's name, in the directory that is deployed.
pub const FILE: &str = "tollgate.toml";

/// How to deploy a directory as one function. What is left out keeps AWS's default on the first deployment, and the
/// function's present value on later ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The function's name.
    pub name: String,
    /// Lambda's runtime identifier, such as `python3.11`.
    pub runtime: String,
    /// `module.function`, or any word for a custom runtime.
    #[serde(default = "bootstrap")]
    pub handler: String,
    /// 128 to 10,240.
    pub memory_mb: Option<u32>,
    /// 1 to 900.
    pub timeout_s: Option<u32>,
    /// Size of `/tmp`: 512 to 10,240.
    pub ephemeral_mb: Option<u32>,
    /// `x86_64` or `arm64`.
    pub architecture: Option<String>,
    pub description: Option<String>,
    /// A shell command run in the directory before it is zipped; `TOLLGATE_RUNTIME` holds the runtime's identifier.
    pub build: Option<String>,
    /// The directory that is zipped, relative to this file.
    #[serde(default = "here")]
    pub include: String,
    /// The function's environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

fn bootstrap() -> String {
    "bootstrap".to_owned()
}

fn here() -> String {
    ".".to_owned()
}

/// A `tollgate.toml` that cannot be used. The message says where and why.
#[derive(Debug, thiserror::Error)]
#[error("{FILE}: {0}")]
pub struct ManifestError(String);

impl Manifest {
    /// Reads the text of a `tollgate.toml`.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self =
            toml::from_str(text).map_err(|error| ManifestError(error.to_string()))?;
        let outside = std::path::Path::new(&manifest.include)
            .components()
            .any(|part| {
                !matches!(
                    part,
                    std::path::Component::Normal(_) | std::path::Component::CurDir
                )
            });
        if outside || manifest.include.is_empty() {
            return Err(ManifestError(format!(
                "include must be a directory below this file, got {:?}",
                manifest.include
            )));
        }
        Ok(manifest)
    }
}
