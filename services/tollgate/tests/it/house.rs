//! The house rules that a program can check: which way dependencies point, and that each is used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which of our crates a crate may use, apart from its tests. ARCHITECTURE.md says why.
const MAY_USE: &[(&str, &[&str])] = &[
    ("aws-codegen", &[]),
    ("aws-model", &[]),
    ("billing", &["chassis", "domain", "store"]),
    ("chassis", &[]),
    ("documents", &["domain"]),
    ("domain", &[]),
    ("package", &[]),
    ("wire", &["aws-model"]),
    ("store", &["domain"]),
    ("rpc", &["domain"]),
    ("testkit", &["domain", "store"]),
    ("dispatch", &["chassis", "domain", "rpc", "store"]),
    (
        "gateway",
        &[
            "aws-model",
            "chassis",
            "dispatch",
            "domain",
            "package",
            "rpc",
            "store",
            "wire",
        ],
    ),
    (
        "executor",
        &["chassis", "domain", "package", "rpc", "store"],
    ),
    (
        "tollgate",
        &[
            "billing",
            "chassis",
            "dispatch",
            "documents",
            "domain",
            "executor",
            "gateway",
            "package",
            "queue",
            "rpc",
            "scheduler",
            "store",
            "wire",
        ],
    ),
    (
        "load-tests",
        &[
            "chassis", "dispatch", "domain", "executor", "package", "rpc", "store", "wire",
        ],
    ),
    ("queue", &["chassis", "dispatch", "domain", "rpc", "store"]),
    ("queue-model", &[]),
    ("scheduler", &["chassis", "dispatch", "domain", "store"]),
];

/// Crates from outside that only one of ours may name.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("prost", &["rpc"]),
    ("tonic-prost", &["rpc"]),
    ("object_store", &["package"]),
    ("krilla", &["documents"]),
    ("parquet", &["documents"]),
    ("seccompiler", &["executor"]),
    ("stateright", &["queue-model"]),
    ("netlink-packet-core", &["executor"]),
    ("netlink-packet-route", &["executor"]),
];

/// Dependencies that only generated code names.
const GENERATED: &[(&str, &str)] = &[("rpc", "prost"), ("rpc", "tonic-prost")];

struct Member {
    name: String,
    dir: PathBuf,
    /// With their kind: `""`, `dev` or `build`.
    dependencies: Vec<(String, String)>,
}

fn workspace() -> Vec<Member> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| Member {
            name: text(&package["name"]),
            dir: Path::new(&text(&package["manifest_path"]))
                .parent()
                .expect("a directory")
                .to_owned(),
            dependencies: package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter()
                .map(|dependency| (text(&dependency["name"]), text(&dependency["kind"])))
                .collect(),
        })
        .collect()
}

#[test]
fn dependencies_point_the_right_way() {
    let members = workspace();
    let ours: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    assert_eq!(
        ours,
        allowed.keys().copied().collect(),
        "a crate came or went: say here what it may use"
    );
    let mut wrong = Vec::new();
    for member in &members {
        let normal = member.dependencies.iter().filter(|(_, kind)| kind != "dev");
        for (name, _) in normal {
            if ours.contains(name.as_str())
                && !allowed[member.name.as_str()].contains(&name.as_str())
            {
                wrong.push(format!("{} uses {name}", member.name));
            }
        }
        for (name, _) in &member.dependencies {
            let only = ONLY_IN.iter().find(|(outside, _)| outside == name);
            if only.is_some_and(|(_, only)| !only.contains(&member.name.as_str())) {
                wrong.push(format!("{} uses {name}", member.name));
            }
        }
    }
    assert!(wrong.is_empty(), "against ARCHITECTURE.md: {wrong:?}");
}

/// A dependency that no source file names is only compile time.
#[test]
fn every_dependency_is_used() {
    let mut unused = Vec::new();
    for member in workspace() {
        let mut words = BTreeSet::new();
        collect_words(&member.dir, &mut words);
        for (name, kind) in &member.dependencies {
            let generated = GENERATED.contains(&(member.name.as_str(), name.as_str()));
            if !generated && !words.contains(&name.replace('-', "_")) {
                unused.push(format!(
                    "{} ({}) {name}",
                    member.name,
                    if kind.is_empty() { "normal" } else { kind }
                ));
            }
        }
    }
    assert!(
        unused.is_empty(),
        "dependencies that nothing uses: {unused:#?}"
    );
}

/// All identifiers of a crate's Rust files, those in comments left out.
fn collect_words(dir: &Path, words: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect_words(&path, words);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                words.extend(
                    line.split(|c: char| !c.is_alphanumeric() && c != '_')
                        .map(str::to_owned),
                );
            }
        }
    }
}

#[test]
fn files_stay_short() {
    let mut long = Vec::new();
    for member in workspace() {
        measure(&member.dir, &mut long);
    }
    assert!(
        long.is_empty(),
        "files of more than 600 lines without their tests: {long:#?}"
    );
}

fn measure(dir: &Path, long: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).expect("readable") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && !matches!(name.as_str(), "target" | "tests" | "work") {
            measure(&path, long);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests.rs"
        {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            let generated = text.starts_with("// Generated");
            let lines = text
                .lines()
                .take_while(|line| *line != "#[cfg(test)]")
                .count();
            if lines > 600 && !generated {
                long.push(format!("{} ({lines})", path.display()));
            }
        }
    }
}
