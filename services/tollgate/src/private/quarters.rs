//! Where a private child process lives and as whom.
//!
//! Postgres refuses to run as root, and neither it nor Redis needs to. Where we are root, a child runs as its package's
//! own user, or as `nobody`. That user must reach its directory, which may lie below one that only root may enter
//! (`/root/project/.tollgate`). Opening that parent up is not ours to do; instead the child gets a mount namespace of
//! its own in which its directory is bound to a short path under `/run/tollgate`. Nothing of it is visible outside, and it
//! ends with the child.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, User, chdir, getpid, getppid, setgid, setgroups, setsid, setuid};
use sha2::{Digest, Sha256};

/// Where mount points and short names are made when we are root.
const RUN_DIR: &str = "/run/tollgate";

/// The longest path that a unix socket's address holds, without its final zero.
const SOCKET_PATH_MAX: usize = 107;

/// Bit of `CAP_SYS_ADMIN` in the capability sets.
const CAP_SYS_ADMIN: u32 = 21;

/// A child's directory, seen from both sides, and its user.
#[derive(Debug, Clone)]
pub(crate) struct Quarters {
    outside: PathBuf,
    inside: PathBuf,
    user: Option<User>,
}

impl Quarters {
    /// Makes `dir` (absolute) a home for a child. Where we are root it belongs to the first of `users` that exists.
    pub(crate) fn prepare(dir: &Path, users: &[&str]) -> Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("{} cannot be made", dir.display()))?;
        let user = Uid::effective()
            .is_root()
            .then(|| first_of(users))
            .transpose()?;
        if let Some(user) = &user {
            own(dir, user)?;
        }
        let inside = match &user {
            Some(user) if !can_enter(dir, user)? => mount_point(dir, user)?,
            _ => dir.to_owned(),
        };
        Ok(Self {
            outside: dir.to_owned(),
            inside,
            user,
        })
    }

    /// The quarters in `dir` of a child that another process runs: for its sockets' paths.
    pub(crate) fn visit(dir: &Path) -> Self {
        Self {
            outside: dir.to_owned(),
            inside: dir.to_owned(),
            user: None,
        }
    }

    /// The directory as we see it.
    pub(crate) fn outside(&self) -> &Path {
        &self.outside
    }

    /// The directory as the child sees it.
    pub(crate) fn inside(&self) -> &Path {
        &self.inside
    }

    /// The name of the user the child runs as, or ours.
    pub(crate) fn user_name(&self) -> Result<String> {
        match &self.user {
            Some(user) => Ok(user.name.clone()),
            None => own_name(),
        }
    }

    /// A socket's path in the directory, from outside and from inside, each short enough for a socket address.
    pub(crate) fn socket(&self, name: &str) -> Result<(PathBuf, PathBuf)> {
        let outside = shorten(&self.outside, name.len())?.join(name);
        let inside = if self.inside == self.outside {
            outside.clone()
        } else {
            self.inside.join(name)
        };
        Ok((outside, inside))
    }

    /// A command that runs in the quarters: in a session of its own (a Ctrl-C at the terminal is for us, not for it), as
    /// its user, with an empty environment, and that receives `at_parents_end` when the *thread* that starts it ends.
    pub(crate) fn command(&self, program: &Path, at_parents_end: Signal) -> Result<Command> {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        let entry = Entry {
            bind: self.bind()?,
            cwd: c_path(&self.inside)?,
            ids: self.user.as_ref().map(|user| (user.uid, user.gid)),
            at_parents_end,
            parent: getpid(),
        };
        enter_before_exec(&mut command, entry);
        Ok(command)
    }

    fn bind(&self) -> Result<Option<(CString, CString)>> {
        if self.inside == self.outside {
            return Ok(None);
        }
        Ok(Some((c_path(&self.outside)?, c_path(&self.inside)?)))
    }
}

/// Removes what was made outside of `dir` for its child. Call it when the child has ended.
pub(crate) fn leave(dir: &Path) {
    // The mount point is empty on our side. Neither is there in most cases.
    let _ = std::fs::remove_dir(Path::new(RUN_DIR).join(hash(dir)));
    let Ok(links) = link_dir() else { return };
    let link = links.join(format!("{}.dir", hash(dir)));
    if std::fs::read_link(&link).is_ok_and(|target| target == dir) {
        let _ = std::fs::remove_file(link);
    }
}

/// What a child does between fork and exec.
struct Entry {
    bind: Option<(CString, CString)>,
    cwd: CString,
    ids: Option<(Uid, Gid)>,
    at_parents_end: Signal,
    parent: nix::unistd::Pid,
}

#[expect(unsafe_code, reason = "pre_exec runs between fork and exec")]
fn enter_before_exec(command: &mut Command, entry: Entry) {
    // SAFETY: the closure only makes system calls on values prepared before the fork: it neither allocates nor takes a
    // lock, as async-signal-safety asks.
    unsafe {
        command.pre_exec(move || entry.run());
    }
}

impl Entry {
    fn run(&self) -> io::Result<()> {
        setsid()?;
        if let Some((source, target)) = &self.bind {
            unshare(CloneFlags::CLONE_NEWNS)?;
            let none: Option<&std::ffi::CStr> = None;
            mount(
                none,
                c"/",
                none,
                MsFlags::MS_REC | MsFlags::MS_PRIVATE,
                none,
            )?;
            mount(
                Some(source.as_c_str()),
                target.as_c_str(),
                none,
                MsFlags::MS_BIND,
                none,
            )?;
        }
        if let Some((uid, gid)) = self.ids {
            setgroups(&[])?;
            setgid(gid)?;
            setuid(uid)?;
        }
        chdir(self.cwd.as_c_str())?;
        // After the change of user, which clears it.
        set_pdeathsig(self.at_parents_end)?;
        // The parent may have died before the line above: then no signal comes.
        if getppid() != self.parent {
            return Err(io::Error::from_raw_os_error(nix::libc::ESRCH));
        }
        Ok(())
    }
}

fn first_of(users: &[&str]) -> Result<User> {
    for name in users {
        if let Some(user) = User::from_name(name)? {
            return Ok(user);
        }
    }
    bail!(
        "None of the users {} exists on this host.",
        users.join(", ")
    )
}

fn own_name() -> Result<String> {
    let uid = Uid::effective();
    let user = User::from_uid(uid)?;
    user.map(|user| user.name)
        .with_context(|| format!("User id {uid} has no name on this host: add it to /etc/passwd."))
}

/// Gives the directory and what is in it to `user`, where it is not theirs already.
fn own(dir: &Path, user: &User) -> Result<()> {
    let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
    if std::fs::symlink_metadata(dir)?.uid() == uid {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            own(&entry.path(), user)?;
        } else {
            std::os::unix::fs::lchown(entry.path(), Some(uid), Some(gid))?;
        }
    }
    // Last: an interrupted change of owner is taken up again.
    chown(dir, Some(uid), Some(gid))
        .with_context(|| format!("{} cannot change owner", dir.display()))
}

/// Whether `user` may enter `dir`: search permission on every directory above it.
fn can_enter(dir: &Path, user: &User) -> Result<bool> {
    for above in dir.ancestors().skip(1) {
        let meta = std::fs::metadata(above)?;
        let shift = if meta.uid() == user.uid.as_raw() {
            6
        } else if meta.gid() == user.gid.as_raw() {
            3
        } else {
            0
        };
        if (meta.permissions().mode() >> shift) & 1 == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn mount_point(dir: &Path, user: &User) -> Result<PathBuf> {
    ensure!(
        has_sys_admin(),
        "User {} cannot enter {}, and this host does not let us mount it elsewhere for them: \
         choose a --data-dir below directories that everyone may enter.",
        user.name,
        dir.display()
    );
    let point = Path::new(RUN_DIR).join(hash(dir));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(&point)
        .with_context(|| format!("{} cannot be made", point.display()))?;
    Ok(point)
}

fn has_sys_admin() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    effective.is_some_and(|set| set >> CAP_SYS_ADMIN & 1 == 1)
}

/// `dir`, or a symbolic link to it with a short name where a socket in it would have too long a path.
fn shorten(dir: &Path, name_bytes: usize) -> Result<PathBuf> {
    if dir.as_os_str().len() + 1 + name_bytes <= SOCKET_PATH_MAX {
        return Ok(dir.to_owned());
    }
    let link = link_dir()?.join(format!("{}.dir", hash(dir)));
    match symlink(dir, &link) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.with_context(|| format!("{} cannot be made", link.display()))?,
    }
    // In a directory that others write to, somebody else may have been here first.
    let meta = std::fs::symlink_metadata(&link)?;
    let ours = meta.uid() == Uid::effective().as_raw() && std::fs::read_link(&link)? == dir;
    ensure!(
        ours,
        "{} is in the way: remove it, or choose a shorter --data-dir.",
        link.display()
    );
    Ok(link)
}

fn link_dir() -> Result<PathBuf> {
    if Uid::effective().is_root() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(RUN_DIR)
            .with_context(|| format!("{RUN_DIR} cannot be made"))?;
        return Ok(RUN_DIR.into());
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    Ok(runtime
        .filter(|dir| dir.is_dir())
        .unwrap_or_else(std::env::temp_dir))
}

/// A short name for a directory, the same at every start.
fn hash(dir: &Path) -> String {
    let digest = Sha256::digest(dir.as_os_str().as_bytes());
    hex::encode(&digest[..6])
}

fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .with_context(|| format!("{} holds a zero byte", path.display()))
}
