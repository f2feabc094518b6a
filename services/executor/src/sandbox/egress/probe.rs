//! Whether this host can let sandboxes out.

use std::io;
use std::path::{Path, PathBuf};

use super::rules::{ask, load, removal};
use super::uplinks::TABLE_PREFIX;

/// Where administrators' programs are, besides the PATH.
const PLACES: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin"];

/// What was found.
#[derive(Debug)]
pub(in crate::sandbox) struct Found {
    /// What `nft` says it is.
    pub(in crate::sandbox) version: String,
    /// Another firewall's chain that drops whatever is passed on, as `family table chain`.
    pub(in crate::sandbox) obstacle: Option<String>,
}

/// For `tollgate doctor`; changes nothing.
pub(in crate::sandbox) fn probe() -> io::Result<Found> {
    let nft = find()?;
    let version = ask(&nft, &["--version"])?;
    let chains = ask(&nft, &["-j", "list", "chains"])?;
    Ok(Found {
        version: version.trim().to_owned(),
        obstacle: obstacle(&chains),
    })
}

/// Makes sure that rules can be loaded, and removes those that an earlier executor of this tag has left.
pub(in crate::sandbox) fn prepare(tag: &str) -> io::Result<PathBuf> {
    let nft = find()?;
    load(&nft, &removal(&format!("{TABLE_PREFIX}{tag}")))?;
    Ok(nft)
}

fn find() -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(PLACES.iter().map(PathBuf::from))
        .map(|dir| dir.join("nft"))
        .find(|program| is_program(program))
        .ok_or_else(|| io::Error::other("the program nft is not installed"))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn obstacle(json: &str) -> Option<String> {
    let shown: serde_json::Value = serde_json::from_str(json).ok()?;
    let mut chains = shown["nftables"]
        .as_array()?
        .iter()
        .map(|object| &object["chain"]);
    let chain = chains.find(|chain| chain["hook"] == "forward" && chain["policy"] == "drop")?;
    let word = |name: &str| chain[name].as_str().unwrap_or_default();
    Some(format!(
        "{} {} {}",
        word("family"),
        word("table"),
        word("name")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_firewall_that_forwards_nothing_is_seen() {
        let check = |policy: &str, hook: &str, expected: Option<&str>| {
            let json = format!(
                r#"{{"nftables": [{{"metainfo": {{}}}}, {{"chain": {{"family": "ip", "table": "filter", "name": "FORWARD",
                   "type": "filter", "hook": "{hook}", "policy": "{policy}"}}}}]}}"#
            );
            assert_eq!(obstacle(&json).as_deref(), expected);
        };
        check("drop", "forward", Some("ip filter FORWARD"));
        check("accept", "forward", None);
        check("drop", "input", None);
    }
}
