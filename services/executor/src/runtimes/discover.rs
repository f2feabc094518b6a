//! Finding interpreters on the host.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::install;
use super::manifest;
use super::runtime::{Kind, Runtime};

/// The oldest and newest Python 3 that AWS has, or will have, an identifier for.
const PYTHON_MINORS: std::ops::RangeInclusive<u8> = 9..=15;
/// Time for an interpreter to say what it is.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks a Python what it is. `missing` names parts of the standard library that a slim installation lacks.
const PYTHON_PROBE: &str = "import sys, json, importlib.util as u; print(json.dumps({\
    'version': '.'.join(map(str, sys.version_info[:3])), \
    'program': sys.executable, 'prefix': sys.base_prefix, \
    'missing': [m for m in ('ssl', 'decimal', 'http', 'asyncio', 'ctypes', 'logging') if u.find_spec(m) is None]}))";

const NODE_PROBE: &str = "JSON.stringify({version: process.versions.node, program: process.execPath, \
    prefix: require('path').dirname(require('path').dirname(process.execPath)), missing: []})";

/// What an interpreter says about itself.
#[derive(Debug, Deserialize)]
struct Answer {
    version: String,
    program: PathBuf,
    prefix: PathBuf,
    missing: Vec<String>,
}

/// The runtimes of this host. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runtimes {
    all: Arc<Vec<Arc<Runtime>>>,
    by_identifier: Arc<BTreeMap<String, Arc<Runtime>>>,
}

impl Runtimes {
    /// Looks for interpreters, `extra` ones first. `dir` (`<data-dir>/runtimes`) holds the runtimes' own files and the
    /// operator's manifests, which win over what is found.
    pub async fn discover(dir: &Path, extra: &[PathBuf]) -> Self {
        // Mounted from, so it must mean the same to the sandbox's spawner.
        let dir = &std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
        let (pythons, nodes) = tokio::join!(
            probe_all(
                candidates(extra, "python", &python_dirs()),
                &["-I", "-S", "-c", PYTHON_PROBE]
            ),
            probe_all(candidates(extra, "node", &node_dirs()), &["-p", NODE_PROBE]),
        );
        let mut all = manifest::read_all(dir);
        all.extend(
            complete_first(pythons)
                .into_iter()
                .filter_map(|found| python(found, dir)),
        );
        all.extend(nodes.into_iter().filter_map(|found| node(found, dir)));
        all.push(provided(dir));
        Self::new(all)
    }

    fn new(all: Vec<Runtime>) -> Self {
        let mut by_identifier = BTreeMap::new();
        let mut kept = Vec::new();
        for runtime in all {
            // The first one wins: candidates come in order of preference.
            if runtime
                .identifiers
                .iter()
                .all(|name| by_identifier.contains_key(name))
            {
                continue;
            }
            if let Some(client) = install::present(&runtime) {
                let _ = runtime.client.set(client);
            }
            let runtime = Arc::new(runtime);
            for name in &runtime.identifiers {
                by_identifier
                    .entry(name.clone())
                    .or_insert_with(|| Arc::clone(&runtime));
            }
            kept.push(runtime);
        }
        Self {
            all: Arc::new(kept),
            by_identifier: Arc::new(by_identifier),
        }
    }

    /// The runtime that answers to Lambda's identifier.
    pub fn find(&self, identifier: &str) -> Option<&Arc<Runtime>> {
        self.by_identifier.get(identifier)
    }

    pub fn list(&self) -> impl Iterator<Item = &Arc<Runtime>> {
        self.all.iter()
    }

    /// Every identifier that functions may use here, sorted.
    pub fn identifiers(&self) -> impl Iterator<Item = &str> {
        self.by_identifier.keys().map(String::as_str)
    }

    /// Prepares all runtimes now instead of at their first use. One that cannot be prepared is reported and passed over.
    pub async fn install(&self) {
        for runtime in self.all.iter() {
            if let Err(error) = runtime.prepare().await {
                tracing::error!(runtime = runtime.name(), %error, "runtime cannot be prepared");
            }
        }
    }

    /// What the host lacks, and what to do about it: a sentence each.
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        if !self.identifiers().any(|name| name.starts_with("python")) {
            advice.push(
                "No Python 3.9 or newer was found: functions in Python cannot run. Debian, Ubuntu: apt-get install \
                 python3 python3-pip."
                    .to_owned(),
            );
        }
        if !self.identifiers().any(|name| name.starts_with("nodejs")) {
            advice.push(
                "No Node.js was found: functions in JavaScript cannot run. Debian, Ubuntu: apt-get install nodejs."
                    .to_owned(),
            );
        }
        for runtime in self.all.iter() {
            if let Some(why) = install::fallback(runtime) {
                advice.push(format!(
                    "{} uses the built-in client instead of AWS's awslambdaric, which could not be installed ({why}); the next start tries again.",
                    runtime.name()
                ));
            }
        }
        advice
    }
}

/// Stable order: interpreters with a whole standard library first.
fn complete_first(mut found: Vec<Answer>) -> Vec<Answer> {
    for answer in &found {
        if !answer.missing.is_empty() {
            tracing::warn!(
                program = %answer.program.display(),
                missing = answer.missing.join(", "),
                "this Python lacks parts of its standard library"
            );
        }
    }
    found.sort_by_key(|answer| !answer.missing.is_empty());
    found
}

fn python(found: Answer, dir: &Path) -> Option<Runtime> {
    let mut numbers = found.version.split('.').map(str::parse::<u8>);
    let (Some(Ok(3)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return None;
    };
    PYTHON_MINORS.contains(&minor).then(|| {
        interpreter(
            found,
            format!("python3.{minor}"),
            Kind::Python { minor },
            dir,
        )
    })
}

fn node(found: Answer, dir: &Path) -> Option<Runtime> {
    let major: u8 = found.version.split('.').next()?.parse().ok()?;
    (major >= 18).then(|| interpreter(found, format!("nodejs{major}.x"), Kind::Node, dir))
}

fn interpreter(found: Answer, identifier: String, kind: Kind, dir: &Path) -> Runtime {
    let program = found.program.canonicalize().unwrap_or(found.program);
    let mut host_dirs = Vec::new();
    for needed in [&found.prefix, &program] {
        let seen = |dir: &PathBuf| needed.starts_with(dir);
        if !needed.starts_with("/usr") && !host_dirs.iter().any(seen) {
            host_dirs.push(needed.clone());
        }
    }
    Runtime {
        identifiers: vec![identifier],
        version: found.version,
        program,
        host_dirs,
        kind,
        dir: dir.to_path_buf(),
        client: OnceCell::new(),
    }
}

fn provided(dir: &Path) -> Runtime {
    Runtime {
        identifiers: ["provided.al2023", "provided.al2", "provided"]
            .map(str::to_owned)
            .to_vec(),
        version: String::new(),
        program: PathBuf::from("/var/task/bootstrap"),
        host_dirs: Vec::new(),
        kind: Kind::Provided,
        dir: dir.to_path_buf(),
        client: OnceCell::new(),
    }
}

/// Executables named `<stem>`, `<stem>3` or `<stem>3.x`, each real file once, in order of preference.
fn candidates(extra: &[PathBuf], stem: &str, dirs: &[PathBuf]) -> Vec<PathBuf> {
    let mut names = vec![stem.to_owned()];
    if stem == "python" {
        names = PYTHON_MINORS
            .rev()
            .map(|minor| format!("python3.{minor}"))
            .collect();
        names.push("python3".to_owned());
    } else {
        names.push("nodejs".to_owned());
    }
    let is_of_stem = |path: &&PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(stem))
    };
    let explicit = extra.iter().filter(is_of_stem).cloned();
    let found = dirs
        .iter()
        .flat_map(|dir| names.iter().map(move |name| dir.join(name)));
    let mut seen = BTreeSet::new();
    explicit
        .chain(found)
        .filter(|path| {
            path.canonicalize()
                .is_ok_and(|real| is_binary(&real) && seen.insert(real))
        })
        .collect()
}

/// Version managers put scripts in front of their interpreters; the interpreters themselves are found where they are.
fn is_binary(path: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0; 4];
    fs::File::open(path).is_ok_and(|mut file| file.read_exact(&mut magic).is_ok())
        && &magic == b"\x7fELF"
}

/// `/usr` first: every sandbox sees it already, and the distribution's builds start fastest.
fn system_dirs() -> Vec<PathBuf> {
    let mut dirs = vec![PathBuf::from("/usr/bin"), PathBuf::from("/usr/local/bin")];
    if let Some(path) = std::env::var_os("PATH") {
        dirs.extend(std::env::split_paths(&path).filter(|dir| dir.is_absolute()));
    }
    dirs.extend(below(Path::new("/opt"), "bin"));
    dirs
}

fn python_dirs() -> Vec<PathBuf> {
    let mut dirs = system_dirs();
    if let Some(root) = std::env::var_os("PYENV_ROOT") {
        dirs.extend(below(&PathBuf::from(root).join("versions"), "bin"));
    }
    if let Some(home) = home() {
        dirs.extend(below(&home.join(".pyenv/versions"), "bin"));
        dirs.extend(below(&home.join(".local/share/uv/python"), "bin"));
        dirs.extend(below(&home.join(".asdf/installs/python"), "bin"));
        dirs.extend(below(
            &home.join(".local/share/mise/installs/python"),
            "bin",
        ));
    }
    dirs
}

fn node_dirs() -> Vec<PathBuf> {
    let mut dirs = system_dirs();
    if let Some(home) = home() {
        dirs.extend(below(&home.join(".nvm/versions/node"), "bin"));
        dirs.extend(below(
            &home.join(".local/share/fnm/node-versions"),
            "installation/bin",
        ));
        dirs.extend(below(&home.join(".volta/tools/image/node"), "bin"));
        dirs.extend(below(&home.join(".asdf/installs/nodejs"), "bin"));
        dirs.extend(below(&home.join(".local/share/mise/installs/node"), "bin"));
    }
    dirs
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

/// `<dir>/*/<inner>`, the highest names first.
fn below(dir: &Path, inner: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path().join(inner)))
        .filter(|dir| dir.is_dir())
        .collect();
    found.sort();
    found.reverse();
    found
}

/// Asks all candidates at once; those that do not answer are left out. Keeps the order.
async fn probe_all(programs: Vec<PathBuf>, args: &[&str]) -> Vec<Answer> {
    let probes = programs.iter().map(|program| probe(program, args));
    let answers = futures::future::join_all(probes).await;
    answers.into_iter().flatten().collect()
}

async fn probe(program: &Path, args: &[&str]) -> Option<Answer> {
    let output = Command::new(program)
        .args(args)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PROBE_TIMEOUT, output)
        .await
        .ok()?
        .ok()?;
    let answer = serde_json::from_slice(&output.stdout).ok();
    if answer.is_none() {
        tracing::debug!(program = %program.display(), "not a usable interpreter");
    }
    answer
}
