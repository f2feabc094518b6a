//! Finds the installed Postgres and Redis, or says how to install them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

const POSTGRES_MAJOR_MIN: u32 = 14;
const REDIS_VERSION_MIN: (u32, u32) = (7, 0);

/// An installed program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// As it says itself, such as `15.14`.
    pub(crate) version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The `postgres` to use: of `major` where a data directory asks for one, else the newest.
pub(crate) fn postgres(major: Option<u32>) -> Result<Found> {
    let mut all = candidates("postgres", &postgres_dirs());
    all.retain(|found| found.path.with_file_name("initdb").is_file());
    all.sort_by_key(|found| found.version);
    if let Some(major) = major {
        let Some(found) = all.into_iter().rfind(|found| found.version.major == major) else {
            bail!(
                "The data directory was made by PostgreSQL {major}, which is not installed. \
                 Install it ({}), or start with a new --data-dir.",
                install(
                    &format!("postgresql-{major}"),
                    &format!("postgresql{major}-server"),
                    &format!("postgresql@{major}")
                )
            );
        };
        return Ok(found);
    }
    match all.pop() {
        Some(found) if found.version.major >= POSTGRES_MAJOR_MIN => Ok(found),
        Some(found) => bail!(
            "PostgreSQL {} is too old: {POSTGRES_MAJOR_MIN} or newer is needed. {}",
            found.version,
            install("postgresql", "postgresql-server", "postgresql")
        ),
        None => bail!(
            "PostgreSQL is not installed. {}",
            install("postgresql", "postgresql-server", "postgresql")
        ),
    }
}

/// The newest `redis-server` or `valkey-server`.
pub(crate) fn redis() -> Result<Found> {
    let dirs = path_dirs();
    let mut all = candidates("redis-server", &dirs);
    all.extend(candidates("valkey-server", &dirs));
    all.sort_by_key(|found| found.version);
    match all.pop() {
        Some(found) if (found.version.major, found.version.minor) >= REDIS_VERSION_MIN => Ok(found),
        Some(found) => bail!(
            "Redis {} is too old: 7.0 or newer (or Valkey) is needed. {}",
            found.version,
            install("redis-server", "valkey", "redis")
        ),
        None => bail!(
            "Redis is not installed. {}",
            install("redis-server", "valkey", "redis")
        ),
    }
}

/// The command that installs a package here.
fn install(debian: &str, fedora: &str, brew: &str) -> String {
    let has = |program: &str| path_dirs().iter().any(|dir| dir.join(program).is_file());
    let command = if has("apt-get") {
        format!("sudo apt-get install {debian}")
    } else if has("dnf") {
        format!("sudo dnf install {fedora}")
    } else if has("brew") {
        format!("brew install {brew}")
    } else {
        return format!("Install the package {debian} of your system.");
    };
    format!("Install it with `{command}`.")
}

fn candidates(program: &str, dirs: &[PathBuf]) -> Vec<Found> {
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for dir in dirs {
        // Run under the name it was found by: Debian's redis-server and redis-check-rdb are one file that looks at its name.
        let path = dir.join(program);
        let Ok(real) = path.canonicalize() else {
            continue;
        };
        if !seen.contains(&real)
            && let Some(version) = version(&path)
        {
            found.push(Found { path, version });
            seen.push(real);
        }
    }
    found
}

fn version(program: &Path) -> Option<Version> {
    let output = Command::new(program).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// The first `<major>.<minor>` in a program's words: `postgres (PostgreSQL) 15.14 (Debian ...)`, `Redis server v=7.0.15 ...`.
fn parse_version(text: &str) -> Option<Version> {
    text.split(|c: char| c.is_whitespace() || c == '=')
        .find_map(|word| {
            let mut parts = word.split('.');
            let major = parts.next()?.parse().ok()?;
            // A development version is `17devel`, `17beta1`: not for data that should last.
            let minor = parts.next()?.parse().ok()?;
            Some(Version { major, minor })
        })
}

fn path_dirs() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<_> = std::env::split_paths(&path).collect();
    // A user's PATH often lacks the directories of servers.
    dirs.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    dirs
}

/// Where packages put Postgres' server programs, which are not on the PATH.
fn postgres_dirs() -> Vec<PathBuf> {
    let mut dirs = path_dirs();
    for (parent, suffix) in [("/usr/lib/postgresql", "bin"), ("/usr", "bin")] {
        let Ok(entries) = std::fs::read_dir(parent) else {
            continue;
        };
        let versions = entries.flatten().map(|entry| entry.path());
        dirs.extend(
            versions
                .filter(|path| parent != "/usr" || is_pgsql(path))
                .map(|path| path.join(suffix)),
        );
    }
    dirs
}

/// `/usr/pgsql-16`, as Postgres' own packages for Fedora and its relatives name it.
fn is_pgsql(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    name.is_some_and(|name| name.starts_with("pgsql-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_say_their_version_in_many_ways() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(
                parse_version(text).map(|v| v.to_string()).as_deref(),
                expected,
                "{text}"
            );
        };
        check(
            "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)",
            Some("15.14"),
        );
        check(
            "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64",
            Some("7.0"),
        );
        check("Valkey server v=8.1.3 sha=0:0", Some("8.1"));
        check("postgres (PostgreSQL) 17devel", None);
        check("", None);
    }

    #[test]
    fn a_data_directory_of_a_version_that_is_not_installed_is_refused() {
        let error = postgres(Some(9)).expect_err("nobody has it").to_string();
        assert!(
            error.starts_with(
                "The data directory was made by PostgreSQL 9, which is not installed."
            ),
            "{error}"
        );
    }
}
