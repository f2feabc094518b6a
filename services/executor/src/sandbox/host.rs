//! What this host offers for isolation.

use std::fs;
use std::path::Path;

use nix::unistd::geteuid;

use super::cgroup::{Probe, probe};
use super::egress;

/// One thing that isolation needs or can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub name: &'static str,
    /// Whether it is there.
    pub ok: bool,
    /// Whether container isolation is impossible without it.
    pub required: bool,
    /// What was found.
    pub found: String,
    /// What to do about it, if it is not there.
    pub advice: Option<&'static str>,
}

/// Everything, for `tollgate doctor`.
pub fn report() -> Vec<Finding> {
    let mut findings = vec![kernel(), privilege(), control_groups(), seccomp()];
    findings.extend(NAMESPACES.iter().map(|(name, file)| namespace(name, file)));
    findings.push(loop_devices());
    findings.push(way_out());
    findings
}

/// `Err` has a sentence for whoever started us on a host that cannot do container isolation.
pub(super) fn require_container() -> Result<(), String> {
    let missing: Vec<String> = report()
        .into_iter()
        .filter(|finding| finding.required && !finding.ok)
        .map(|finding| {
            let advice = finding.advice.unwrap_or("see `tollgate doctor`");
            format!("{}: {} ({advice})", finding.name, finding.found)
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "container isolation is not available on this host: {}. For development only, isolation \"process\" runs functions without any walls",
        missing.join("; ")
    ))
}

const NAMESPACES: [(&str, &str); 6] = [
    ("mount namespaces", "mnt"),
    ("pid namespaces", "pid"),
    ("network namespaces", "net"),
    ("ipc namespaces", "ipc"),
    ("uts namespaces", "uts"),
    ("cgroup namespaces", "cgroup"),
];

/// `mount_setattr` came with 5.12.
const KERNEL_LEAST: (u32, u32) = (5, 12);

fn kernel() -> Finding {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim().to_owned();
    Finding {
        name: "kernel",
        ok: version(&release).is_some_and(|version| version >= KERNEL_LEAST),
        required: true,
        found: format!("Linux {release}"),
        advice: Some("Linux 5.12 or later is needed"),
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn privilege() -> Finding {
    let root = geteuid().is_root();
    Finding {
        name: "privilege",
        ok: root,
        required: true,
        found: if root {
            "root".to_owned()
        } else {
            format!("user {}", geteuid())
        },
        advice: Some(
            "start the executor as root: it gives up every privilege inside its sandboxes",
        ),
    }
}

fn control_groups() -> Finding {
    let (ok, found) = match probe() {
        Probe::V1 { memory, .. } => (true, format!("version 1, {}", memory.display())),
        Probe::V2 { own, root } => {
            let offered = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
            let all = ["cpu", "memory", "pids"]
                .iter()
                .all(|name| offered.split_whitespace().any(|offer| offer == *name));
            (
                all,
                format!(
                    "version 2, {}, controllers: {}",
                    own.display(),
                    offered.trim()
                ),
            )
        }
        Probe::Missing(why) => (false, why),
    };
    Finding {
        name: "control groups",
        ok,
        required: true,
        found,
        advice: Some("mount control groups with the cpu, memory and pids controllers, writable"),
    }
}

fn seccomp() -> Finding {
    let ok = Path::new("/proc/sys/kernel/seccomp/actions_avail").exists();
    Finding {
        name: "seccomp filters",
        ok,
        required: true,
        found: if ok {
            "available"
        } else {
            "not in this kernel"
        }
        .to_owned(),
        advice: Some("use a kernel built with CONFIG_SECCOMP_FILTER"),
    }
}

fn namespace(name: &'static str, file: &str) -> Finding {
    let ok = Path::new("/proc/self/ns").join(file).exists();
    Finding {
        name,
        ok,
        required: true,
        found: if ok {
            "available"
        } else {
            "not in this kernel"
        }
        .to_owned(),
        advice: Some("use a kernel built with namespaces"),
    }
}

fn loop_devices() -> Finding {
    let ok = Path::new("/dev/loop-control").exists();
    Finding {
        name: "loop devices",
        ok,
        required: false,
        found: if ok { "available" } else { "none" }.to_owned(),
        advice: Some("without them /tmp is kept in memory and counts against the function's"),
    }
}

/// For functions that ask for it.
fn way_out() -> Finding {
    let finding = |ok, found, advice| Finding {
        name: "egress",
        ok,
        required: false,
        found,
        advice: Some(advice),
    };
    if !geteuid().is_root() {
        let found = "needs root".to_owned();
        return finding(false, found, "start the executor as root");
    }
    match egress::probe() {
        Err(error) => finding(
            false,
            error.to_string(),
            "install nftables, and use a kernel that has it: without it functions that ask for egress do not run",
        ),
        Ok(egress::Found {
            version,
            obstacle: Some(chain),
        }) => finding(
            false,
            format!("{version}, but the chain {chain} drops all that is passed on"),
            "accept in that chain what comes in by interfaces named tg*, and established connections that go out by them",
        ),
        Ok(egress::Found {
            version,
            obstacle: None,
        }) => finding(true, format!("{version}, {}", forwarding()), "none needed"),
    }
}

fn forwarding() -> &'static str {
    match fs::read_to_string("/proc/sys/net/ipv4/ip_forward") {
        Ok(text) if text.trim() == "1" => "this host is a router",
        _ => "forwarding is switched on where it is needed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_versions_are_compared_by_number() {
        for (release, new_enough) in [
            ("6.1.0-18-amd64", true),
            ("5.12.0", true),
            ("5.4.0-150-generic", false),
            ("4.18.0-553.el8.x86_64", false),
            ("10.0", true),
        ] {
            let found = version(release).is_some_and(|version| version >= KERNEL_LEAST);
            assert_eq!(found, new_enough, "{release}");
        }
        assert_eq!(version(""), None);
    }

    #[test]
    fn every_requirement_says_what_to_do_without_it() {
        for finding in report() {
            assert!(finding.advice.is_some(), "{}", finding.name);
            assert!(!finding.found.is_empty(), "{}", finding.name);
        }
    }
}
