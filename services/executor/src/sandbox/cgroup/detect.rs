//! Where this executor's groups live.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::group::Cgroup;

/// The parents of all groups of one executor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sandbox) enum Cgroups {
    V1 {
        memory: PathBuf,
        cpu: PathBuf,
        pids: PathBuf,
    },
    V2 {
        base: PathBuf,
    },
}

/// What a host offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) enum Probe {
    V1 {
        memory: PathBuf,
        cpu: PathBuf,
        pids: PathBuf,
    },
    V2 {
        own: PathBuf,
        root: PathBuf,
    },
    Missing(String),
}

/// Finds the group that this process is in, for each controller we need.
pub(in crate::sandbox) fn probe() -> Probe {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    find(&mounts, &own)
}

fn find(mounts: &str, own: &str) -> Probe {
    let v1 = |controller| place(mounts, own, Some(controller));
    match (v1("memory"), v1("cpu"), v1("pids")) {
        (Some(memory), Some(cpu), Some(pids)) => Probe::V1 {
            memory: memory.0,
            cpu: cpu.0,
            pids: pids.0,
        },
        (None, None, None) => match place(mounts, own, None) {
            Some((own, root)) => Probe::V2 { own, root },
            None => Probe::Missing("no control groups are mounted under /sys/fs/cgroup".to_owned()),
        },
        (memory, cpu, pids) => {
            let missing: Vec<_> = [("memory", memory), ("cpu", cpu), ("pids", pids)]
                .into_iter()
                .filter_map(|(name, found)| found.is_none().then_some(name))
                .collect();
            Probe::Missing(format!(
                "control groups version 1 lack {}",
                missing.join(", ")
            ))
        }
    }
}

/// The directory of our own group of `controller` (`None`: version 2), and the root of its hierarchy as far as we see it.
fn place(mounts: &str, own: &str, controller: Option<&str>) -> Option<(PathBuf, PathBuf)> {
    let (root, mount_point) = mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let kind = right.next()?;
        let options = right.nth(1)?;
        let matches = match controller {
            Some(name) => kind == "cgroup" && options.split(',').any(|option| option == name),
            None => kind == "cgroup2",
        };
        let mut left = left.split(' ').skip(3);
        matches.then_some((left.next()?, left.next()?))
    })?;
    let path = own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (names, path) = (parts.next()?, parts.next()?);
        let matches = match controller {
            Some(name) => names.split(',').any(|option| option == name),
            None => names.is_empty(),
        };
        matches.then_some(path)
    })?;
    // In a container without a cgroup namespace, our path is the host's and the mount shows a part of it only.
    let visible = if root == "/" {
        path
    } else {
        path.strip_prefix(root).unwrap_or("")
    };
    let mount_point = PathBuf::from(mount_point);
    let own = mount_point.join(visible.trim_start_matches('/'));
    let own = if own.is_dir() {
        own
    } else {
        mount_point.clone()
    };
    Some((own, mount_point))
}

impl Cgroups {
    /// The parents for the executor called `instance`, made if needed.
    pub(in crate::sandbox) fn prepare(instance: &str) -> Result<Self, String> {
        match probe() {
            Probe::V1 { memory, cpu, pids } => {
                let parents = Self::V1 {
                    memory: memory.join(instance),
                    cpu: cpu.join(instance),
                    pids: pids.join(instance),
                };
                for dir in parents.dirs() {
                    make(dir)?;
                }
                Ok(parents)
            }
            Probe::V2 { own, root } => super::v2::prepare(&own, &root, instance),
            Probe::Missing(why) => Err(why),
        }
    }

    /// The group of sandbox `id`, which need not exist yet.
    pub(in crate::sandbox) fn group(&self, id: u64) -> Cgroup {
        let name = id.to_string();
        match self {
            Self::V1 { memory, cpu, pids } => Cgroup::V1 {
                memory: memory.join(&name),
                cpu: cpu.join(&name),
                pids: pids.join(&name),
            },
            Self::V2 { base } => Cgroup::V2 {
                dir: base.join(name),
            },
        }
    }

    /// Kills everything in these groups and removes them: what a crash has left.
    pub(in crate::sandbox) fn clear(&self) -> io::Result<()> {
        for parent in self.dirs() {
            let children = match fs::read_dir(parent) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            for child in children {
                let child = child?;
                if child.file_type()?.is_dir() {
                    clear_group(&child.path())?;
                }
            }
            remove(parent)?;
        }
        Ok(())
    }

    fn dirs(&self) -> Vec<&Path> {
        match self {
            Self::V1 { memory, cpu, pids } => {
                let mut dirs: Vec<&Path> = vec![memory, cpu, pids];
                dirs.dedup();
                dirs
            }
            Self::V2 { base } => vec![base],
        }
    }
}

pub(super) fn make(dir: &Path) -> Result<(), String> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(format!(
            "cannot make the control group {}: {error}",
            dir.display()
        )),
        _ => Ok(()),
    }
}

fn clear_group(dir: &Path) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let members = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        for pid in members.lines().filter_map(|line| line.parse().ok()) {
            // A process that has just ended is what we want.
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGKILL,
            );
        }
        match remove(dir) {
            Err(error) if Instant::now() > deadline => return Err(error),
            // The kernel needs a moment to take dead processes out of a group, and offers no event for version 1.
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
            Ok(()) => return Ok(()),
        }
    }
}

pub(super) fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "\
35 31 0:32 / /proc/1 rw,relatime - cgroup cgroup rw,memory
32 31 0:29 / /proc/2 rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
39 31 0:36 /docker/abc /proc/3 rw,relatime - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn version_1_is_taken_where_the_controllers_are_there() {
        let own = "8:pids:/docker/abc\n4:memory:/\n1:cpu,cpuacct:/gone\n0::/\n";
        let found = find(V1, own);
        assert_eq!(
            found,
            Probe::V1 {
                memory: "/proc/1/".into(),
                cpu: "/proc/2".into(),
                pids: "/proc/3/".into()
            }
        );
    }

    #[test]
    fn version_2_is_taken_otherwise() {
        let mounts = "30 23 0:26 / /proc rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let found = find(mounts, "0::/self\n");
        let Probe::V2 { own, root } = found else {
            panic!("{found:?}")
        };
        assert_eq!((own, root), ("/proc/self".into(), "/proc".into()));
    }

    #[test]
    fn a_missing_controller_is_named() {
        let mounts = V1.lines().take(2).collect::<Vec<_>>().join("\n");
        let found = find(&mounts, "4:memory:/\n1:cpu,cpuacct:/\n");
        assert_eq!(
            found,
            Probe::Missing("control groups version 1 lack pids".to_owned())
        );
        assert!(matches!(find("", ""), Probe::Missing(_)));
    }
}
