//! The file system that a sandbox sees.
//!
//! The *template* is made once, in the spawner's private mount namespace: a small `/etc` and `/dev`. Every sandbox gets an in-memory root of
//! its own with read-only copies of the mounts of `/usr` and of the template, so that building one takes a dozen system calls and
//! no copying of files. Nothing here shows in the host's table of mounts, and all of it is gone with the last process.

use std::ffi::CString;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use super::egress::resolv_conf;
use super::protocol::Setup;
use super::{Bind, sys};

/// The host's name inside every sandbox.
pub(super) const HOST_NAME: &str = "169-254-10-1";

/// Where deployed code and runtimes go. There in every sandbox, so that code can be mounted into a running one.
const PLACES: [&str; 4] = ["var/task", "var/runtime", "var/lang", "opt"];

/// Directories of the host that hold programs and libraries; symbolic links on most systems, copied as such.
const SYSTEM: [&str; 7] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// Files of the host's `/etc` that programs and libraries need and that tell nothing about the host's users or secrets.
const ETC_FILES: [&str; 13] = [
    "ld.so.cache",
    "ld.so.conf",
    "nsswitch.conf",
    "localtime",
    "timezone",
    "protocols",
    "services",
    "host.conf",
    "gai.conf",
    "mime.types",
    "magic",
    "os-release",
    "debian_version",
];

/// Directories of the host's `/etc`, likewise.
const ETC_DIRS: [&str; 7] = [
    "alternatives",
    "ssl/certs",
    "pki/ca-trust",
    "pki/tls/certs",
    "crypto-policies",
    "fonts",
    "ld.so.conf.d",
];

const DEVICES: [(&str, u64); 5] = [
    ("null", 3),
    ("zero", 5),
    ("full", 7),
    ("random", 8),
    ("urandom", 9),
];

/// Files of `/proc` that tell about the host or act on it.
const MASKED: [&str; 11] = [
    "cmdline",
    "config.gz",
    "kcore",
    "keys",
    "key-users",
    "kallsyms",
    "kmsg",
    "sysrq-trigger",
    "timer_list",
    "sched_debug",
    "latency_stats",
];

const MASKED_DIRS: [&str; 6] = ["acpi", "bus", "driver", "fs", "irq", "scsi"];

const ROOT_OPTIONS: &str = "mode=755,size=4m,nr_inodes=4096";
const SHARED_MEMORY_OPTIONS: &str = "mode=1777,size=64m,nr_inodes=4096";

/// Read-only, no set-user-id programs, no device files.
pub(super) const READ_ONLY: u64 =
    libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
/// As [`READ_ONLY`], but writable.
pub(super) const WRITABLE: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// What all sandboxes share.
#[derive(Debug)]
pub(super) struct Template {
    etc: PathBuf,
    dev: PathBuf,
    /// An empty directory over which each sandbox mounts its root.
    root: PathBuf,
    /// A directory that stays empty.
    void: PathBuf,
    /// The `resolv.conf` of sandboxes that get out.
    name_servers: PathBuf,
}

impl Template {
    /// Makes the template under `work_dir`, after moving this process into a mount namespace of its own. Mounts that the host makes
    /// later still appear here, never the other way round.
    pub(super) fn build(setup: &Setup) -> io::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)?;
        let base = setup.work_dir.join("template");
        fs::create_dir_all(&base)?;
        mount_memory(&base, MsFlags::MS_NOSUID, "mode=755,size=64m")?;
        let template = Self {
            etc: base.join("etc"),
            dev: base.join("dev"),
            root: base.join("root"),
            void: base.join("void"),
            name_servers: base.join("resolv.conf"),
        };
        for dir in [&template.etc, &template.dev, &template.root, &template.void] {
            directory(dir)?;
        }
        template.fill_etc(setup.gateway_name.as_deref())?;
        if let Some(egress) = &setup.egress {
            fs::write(&template.name_servers, resolv_conf(&egress.resolvers))?;
        }
        template.fill_dev()?;
        Ok(template)
    }

    fn fill_etc(&self, gateway_name: Option<&str>) -> io::Result<()> {
        let host = Path::new("/etc");
        for name in ETC_FILES {
            // Not every system has every one of them.
            if host.join(name).is_file() {
                fs::copy(host.join(name), self.etc.join(name))?;
            }
        }
        for name in ETC_DIRS {
            let source = host.join(name);
            if source.is_dir() {
                directory(&self.etc.join(name))?;
                attach_path(&source, &self.etc.join(name), READ_ONLY)?;
            }
        }
        fs::write(self.etc.join("hostname"), format!("{HOST_NAME}\n"))?;
        let gateway = gateway_name.map_or_else(String::new, |name| format!("127.0.0.1 {name}\n"));
        fs::write(
            self.etc.join("hosts"),
            format!("127.0.0.1 localhost {HOST_NAME}\n::1 localhost\n{gateway}"),
        )?;
        // There is no network, so there is no name server, but for those that ask for one: see `name_servers`.
        fs::write(self.etc.join("resolv.conf"), "")?;
        // The user differs from sandbox to sandbox.
        symlink("/run/passwd", self.etc.join("passwd"))?;
        symlink("/run/group", self.etc.join("group"))?;
        symlink("/proc/self/mounts", self.etc.join("mtab"))
    }

    fn fill_dev(&self) -> io::Result<()> {
        for (name, minor) in DEVICES {
            let path = self.dev.join(name);
            mknod(
                &path,
                SFlag::S_IFCHR,
                Mode::from_bits_truncate(0o666),
                makedev(1, minor),
            )?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ] {
            symlink(target, self.dev.join(name))?;
        }
        directory(&self.dev.join("shm"))
    }

    /// What tells a sandbox that gets out whom to ask for addresses.
    pub(super) fn name_servers(&self) -> Bind {
        Bind::read_only(&self.name_servers, "/etc/resolv.conf")
    }

    /// Builds a sandbox' root and makes it this process' root. The caller is alone in a new mount namespace and the first process of a new
    /// pid namespace. What follows is [`bind`] and [`seal`].
    pub(super) fn enter(&self, uid: u32) -> io::Result<()> {
        let root = &self.root;
        mount(
            None::<&str>,
            "/",
            None::<&str>,
            MsFlags::MS_REC | MsFlags::MS_PRIVATE,
            None::<&str>,
        )?;
        mount_memory(root, MsFlags::MS_NOSUID | MsFlags::MS_NODEV, ROOT_OPTIONS)?;
        for name in SYSTEM {
            link_or_attach(&Path::new("/").join(name), &root.join(name))?;
        }
        for name in ["etc", "dev", "proc", "tmp", "run"].iter().chain(&PLACES) {
            directory(&root.join(name))?;
        }
        attach_path(&self.etc, &root.join("etc"), READ_ONLY)?;
        attach_path(
            &self.dev,
            &root.join("dev"),
            libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID,
        )?;
        let shared = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount_memory(&root.join("dev/shm"), shared, SHARED_MEMORY_OPTIONS)?;
        mount(
            Some("proc"),
            &root.join("proc"),
            Some("proc"),
            shared,
            None::<&str>,
        )?;
        mask(&root.join("proc"), &self.dev.join("null"), &self.void)?;
        write_user(&root.join("run"), uid)?;
        nix::unistd::chdir(root)?;
        nix::unistd::pivot_root(".", ".")?;
        umount2(".", MntFlags::MNT_DETACH)?;
        nix::unistd::chdir("/").map_err(io::Error::from)
    }
}

/// Attaches a detached mount at `target` of the present root, making the place for it.
pub(super) fn bind(tree: BorrowedFd<'_>, target: &str) -> io::Result<()> {
    if !target.starts_with('/') || target.split('/').any(|part| part == "..") {
        return Err(io::Error::other(
            "the path must be absolute and without \"..\"",
        ));
    }
    let path = Path::new(target);
    if !path.exists() {
        if is_directory(tree)? {
            directory(path)?;
        } else {
            directory(path.parent().unwrap_or_else(|| Path::new("/")))?;
            File::create(path)?;
        }
    }
    attach_at(tree, path)
}

/// Attaches a detached mount at `path`, which exists and leads over no symbolic link.
pub(super) fn attach_at(tree: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let place = sys::open_place(&c_path(path)?)?;
    sys::attach(tree, place.as_fd())
}

/// A detached copy of the mounts at `source`, read-only unless `writable`.
pub(super) fn detached(source: &Path, writable: bool) -> io::Result<OwnedFd> {
    let tree = sys::open_tree(&c_path(source)?)?;
    sys::set_mount_attributes(
        tree.as_fd(),
        if writable { WRITABLE } else { READ_ONLY },
        true,
    )?;
    Ok(tree)
}

/// Gives the sandbox its `/tmp` and makes the rest of the root unchangeable.
pub(super) fn seal(uid: u32, ephemeral_mb: u32) -> io::Result<()> {
    let options = format!("mode=700,uid={uid},gid={uid},size={ephemeral_mb}m");
    mount_memory(
        Path::new("/tmp"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        &options,
    )?;
    let root = sys::open_place(c"/")?;
    sys::set_mount_attributes(root.as_fd(), READ_ONLY, false)
}

fn mask(proc: &Path, null: &Path, empty: &Path) -> io::Result<()> {
    for name in MASKED {
        let path = proc.join(name);
        // Which of them exist depends on how the kernel was built.
        if path.exists() {
            attach_path(
                null,
                &path,
                libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID,
            )?;
        }
    }
    for name in MASKED_DIRS {
        let path = proc.join(name);
        if path.is_dir() {
            attach_path(empty, &path, READ_ONLY)?;
        }
    }
    Ok(())
}

fn write_user(run: &Path, uid: u32) -> io::Result<()> {
    let passwd = format!(
        "root:x:0:0:root:/root:/sbin/nologin\nsandbox:x:{uid}:{uid}:sandbox:/tmp:/sbin/nologin\n"
    );
    fs::write(run.join("passwd"), passwd)?;
    fs::write(run.join("group"), format!("root:x:0:\nsandbox:x:{uid}:\n"))
}

fn link_or_attach(source: &Path, target: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(source) else {
        return Ok(());
    };
    if metadata.is_symlink() {
        return symlink(fs::read_link(source)?, target);
    }
    directory(target)?;
    attach_path(source, target, READ_ONLY)
}

fn attach_path(source: &Path, target: &Path, attributes: u64) -> io::Result<()> {
    let tree = sys::open_tree(&c_path(source)?)?;
    sys::set_mount_attributes(tree.as_fd(), attributes, true)?;
    attach_at(tree.as_fd(), target)
}

fn mount_memory(target: &Path, flags: MsFlags, options: &str) -> io::Result<()> {
    mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options)).map_err(io::Error::from)
}

fn directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(path)
}

fn is_directory(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mode = nix::sys::stat::fstat(fd)?.st_mode;
    Ok(SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()) == SFlag::S_IFDIR)
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
