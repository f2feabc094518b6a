//! Runtimes that the operator adds: `<data-dir>/runtimes/<name>.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio::sync::OnceCell;

use super::runtime::{Kind, Runtime};

/// One runtime, described by hand. Its command speaks the Runtime API; the address is in `AWS_LAMBDA_RUNTIME_API`, the
/// function's code in `/var/task`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// Lambda's identifiers that it answers to, such as `ruby3.3`.
    identifiers: Vec<String>,
    /// The command: an absolute path, then its arguments.
    argv: Vec<String>,
    /// Directories of the host that it needs, besides `/usr`.
    #[serde(default)]
    host_dirs: Vec<PathBuf>,
    #[serde(default)]
    version: String,
    /// Variables set for it.
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

/// Reads all manifests in `dir`. One that cannot be used is reported and left out.
pub(super) fn read_all(dir: &Path) -> Vec<Runtime> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| match read(path) {
            Ok(manifest) => Some(runtime(manifest, dir)),
            Err(why) => {
                tracing::error!(path = %path.display(), error = why, "runtime manifest not used");
                None
            }
        })
        .collect()
}

fn read(path: &Path) -> Result<Manifest, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| error.to_string())?;
    if manifest.identifiers.is_empty() {
        return Err("identifiers must name at least one runtime".to_owned());
    }
    match manifest.argv.first() {
        Some(program) if program.starts_with('/') => {}
        _ => return Err("argv must start with an absolute path".to_owned()),
    }
    if let Some(dir) = manifest.host_dirs.iter().find(|dir| !dir.is_absolute()) {
        return Err(format!("host_dirs: {} is not absolute", dir.display()));
    }
    Ok(manifest)
}

fn runtime(manifest: Manifest, dir: &Path) -> Runtime {
    Runtime {
        identifiers: manifest.identifiers,
        version: manifest.version,
        program: manifest.argv.first().map(PathBuf::from).unwrap_or_default(),
        host_dirs: manifest.host_dirs,
        kind: Kind::Custom {
            argv: manifest.argv,
            env: manifest.environment,
        },
        dir: dir.to_path_buf(),
        client: OnceCell::new(),
    }
}
