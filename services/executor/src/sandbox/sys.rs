//! System calls that have no safe wrapper elsewhere, each behind one.
#![expect(
    unsafe_code,
    reason = "raw system calls; every block says why it is sound"
)]

use std::ffi::CStr;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, sendmsg};
use tokio::io::unix::AsyncFd;

/// The child gets its own pid namespace.
pub(super) const NEW_PID: u64 = libc::CLONE_NEWPID as u64;

/// `CLONE_INTO_CGROUP`, whose constant in libc is too narrow.
const INTO_CGROUP: u64 = 0x2_0000_0000;

/// What `fork` returned.
#[derive(Debug)]
pub(super) enum Forked {
    Parent { pid: i32, pidfd: OwnedFd },
    Child,
}

/// Forks with `clone3`, so that the parent has a pidfd at once. The caller must be a process without threads: that is what
/// makes running ordinary code in the child sound.
pub(super) fn fork(namespaces: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Forked> {
    let mut pidfd: RawFd = -1;
    let mut flags = namespaces | libc::CLONE_PIDFD as u64;
    if cgroup.is_some() {
        flags |= INTO_CGROUP;
    }
    let args = libc::clone_args {
        flags,
        pidfd: (&raw mut pidfd) as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: cgroup.map_or(0, |fd| u64::from(fd.as_raw_fd().unsigned_abs())),
    };
    // SAFETY: `args` lives over the call and names no stack or TLS, so this is a fork: the child runs on a copy of this
    // single thread. The kernel writes one descriptor to `pidfd`.
    let pid = check(unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const args,
            size_of::<libc::clone_args>(),
        )
    })?;
    match i32::try_from(pid) {
        Ok(0) => Ok(Forked::Child),
        // SAFETY: the kernel has just given us this descriptor.
        Ok(pid) => Ok(Forked::Parent {
            pid,
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        }),
        Err(_) => Err(io::Error::other("clone3 returned no pid")),
    }
}

/// Forks without `clone3`, which is not to be had behind the filter. Same condition as [`fork`].
pub(super) fn fork_simply() -> io::Result<Option<i32>> {
    // SAFETY: the caller has no other threads, so the child may run ordinary code.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => Ok(None),
        nix::unistd::ForkResult::Parent { child } => Ok(Some(child.as_raw())),
    }
}

/// Lets the async runtime wait for a descriptor.
pub(super) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` stays the same open descriptor for as long as it lives.
    unsafe { AsyncFd::register(fd) }.map_err(io::Error::from)
}

/// Ends this process at once, running nothing.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: takes no pointer and does not return.
    unsafe { libc::_exit(code) }
}

/// Closes every descriptor from `first` on. Descriptors owned by values of this process are void afterwards: for a forked
/// child that never drops what it inherited.
pub(super) fn close_from(first: RawFd) -> io::Result<()> {
    // SAFETY: takes no pointer; the caller gives up the descriptors as said above.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) }).map(drop)
}

/// Makes `fd` available under the number `to`, inherited by `exec`.
pub(super) fn place(fd: BorrowedFd<'_>, to: RawFd) -> io::Result<()> {
    // SAFETY: takes no pointer. Numbers 0 to 3 belong to nobody else where this is called, just before `exec`.
    check(unsafe { libc::dup2(fd.as_raw_fd(), to) }.into()).map(drop)
}

/// Takes over a descriptor that this process inherited.
pub(super) fn adopt(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) }.into())?;
    // SAFETY: open, as `fcntl` has just shown; the caller owns what it inherited.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A detached copy of the mounts at and below `path`.
pub(super) fn open_tree(path: &CStr) -> io::Result<OwnedFd> {
    let flags = libc::OPEN_TREE_CLONE
        | libc::O_CLOEXEC as libc::c_uint
        | libc::AT_RECURSIVE as libc::c_uint;
    // SAFETY: `path` is a C string that lives over the call.
    let fd =
        check(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) })?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(raw(fd)?) })
}

/// Sets attributes (`MOUNT_ATTR_*`) of the mounts of a tree from [`open_tree`], or of the one at an open directory.
pub(super) fn set_mount_attributes(
    tree: BorrowedFd<'_>,
    set: u64,
    recursive: bool,
) -> io::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: set,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let mut flags = libc::AT_EMPTY_PATH;
    if recursive {
        flags |= libc::AT_RECURSIVE;
    }
    // SAFETY: both pointers live over the call and the size is that of the structure.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    })
    .map(drop)
}

/// Attaches a tree from [`open_tree`] over the open file or directory `target`.
pub(super) fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    const FROM_EMPTY_PATH: libc::c_uint = 0x4;
    const TO_EMPTY_PATH: libc::c_uint = 0x40;
    // SAFETY: the two paths are empty C strings of static life.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            target.as_raw_fd(),
            c"".as_ptr(),
            FROM_EMPTY_PATH | TO_EMPTY_PATH,
        )
    })
    .map(drop)
}

/// Opens `path` as a place (`O_PATH`) without following any symbolic link.
pub(super) fn open_place(path: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: `open_how` is plain data for which zero is valid.
    let mut how: libc::open_how = unsafe { MaybeUninit::zeroed().assume_init() };
    how.flags = (libc::O_PATH | libc::O_CLOEXEC) as u64;
    how.resolve = libc::RESOLVE_NO_SYMLINKS;
    // SAFETY: both pointers live over the call and the size is that of the structure.
    let fd = check(unsafe {
        libc::syscall(
            libc::SYS_openat2,
            libc::AT_FDCWD,
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    })?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(raw(fd)?) })
}

/// Sends `signal` to the process behind a pidfd. `Ok` as well when it has ended already.
pub(super) fn signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    // SAFETY: a null `siginfo` is allowed: the kernel fills one in as for `kill`.
    let sent = check(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    });
    match sent {
        Err(error) if error.raw_os_error() != Some(libc::ESRCH) => Err(error),
        _ => Ok(()),
    }
}

/// Waking up, this process and its children do not interrupt what runs: a function that gets its event lets the platform
/// hand out the next ones first, which saves a change of context for each. Shares of the processor stay what they are.
pub(super) fn schedule_as_batch() -> io::Result<()> {
    // SAFETY: all of the structure's bytes may be zero: it holds a priority, which must be 0 here.
    let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the structure lives over the call, which only reads it.
    check(unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters) }.into())
        .map(drop)
}

/// Empties the bounding set: no `exec` can give a capability any more.
pub(super) fn drop_capabilities_bound() -> io::Result<()> {
    for capability in 0..64 {
        // SAFETY: takes no pointer.
        let dropped =
            check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }.into());
        match dropped {
            Ok(_) => {}
            // Past the last capability that this kernel knows.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Empties the ambient, effective, permitted and inheritable sets.
pub(super) fn drop_capabilities() -> io::Result<()> {
    let clear = libc::PR_CAP_AMBIENT_CLEAR_ALL;
    // SAFETY: takes no pointer.
    check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, clear, 0, 0, 0) }.into())?;
    let header = CapabilityHeader {
        version: CAPABILITY_VERSION,
        pid: 0,
    };
    let none = [0u32; 6];
    // SAFETY: version 3 takes the header and two blocks of three words, all zero here; both live over the call.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) }).map(drop)
}

const CAPABILITY_VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

/// Joins a new session keyring, so that the keys of whoever started us are out of reach.
pub(super) fn new_session_keyring() -> io::Result<()> {
    const JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: a null name asks for an anonymous keyring.
    check(unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            JOIN_SESSION_KEYRING,
            std::ptr::null::<libc::c_char>(),
        )
    })
    .map(drop)
}

/// Brings up the loopback interface of this network namespace.
pub(super) fn loopback_up(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: `ifreq` is plain data for which zero is valid.
    let mut request: libc::ifreq = unsafe { MaybeUninit::zeroed().assume_init() };
    request.ifr_name[0] = b'l'.cast_signed() as libc::c_char;
    request.ifr_name[1] = b'o'.cast_signed() as libc::c_char;
    request.ifr_ifru.ifru_flags =
        libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).map_err(io::Error::other)?;
    // SAFETY: `SIOCSIFFLAGS` reads one `ifreq`, which lives over the call.
    check(
        unsafe {
            libc::ioctl(
                socket.as_raw_fd(),
                libc::SIOCSIFFLAGS as _,
                &raw const request,
            )
        }
        .into(),
    )
    .map(drop)
}

/// A counter that the kernel can signal through, non-blocking.
pub(super) fn event_counter() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) }.into())?;
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(raw(fd)?) })
}

/// Sets up `command` so that the child finds `sockets[n]` as descriptor `3 + n`, leads a session of its own (a Ctrl-C at our terminal is
/// not meant for it), and is told by SIGTERM when the thread that starts it ends.
pub(super) fn as_child(command: &mut Command, sockets: Vec<OwnedFd>) {
    let setup = move || {
        // First out of the way of the numbers they go to, then into place.
        let base = 3 + i32::try_from(sockets.len()).unwrap_or(0) + 64;
        for (to, socket) in (3..).zip(&sockets) {
            // SAFETY: plain system calls without pointers; safe after a fork. The copy `moved` is closed on exec.
            unsafe {
                let moved = libc::fcntl(socket.as_raw_fd(), libc::F_DUPFD_CLOEXEC, base);
                check(moved.into())?;
                check(libc::dup2(moved, to).into())?;
            }
        }
        // SAFETY: plain system calls without pointers; safe after a fork.
        unsafe {
            check(libc::setsid().into())?;
            check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM, 0, 0, 0).into())?;
        }
        Ok(())
    };
    // SAFETY: `setup` makes system calls only: no allocation, no lock.
    unsafe { command.pre_exec(setup) };
}

/// Sends one message with descriptors over a seqpacket socket.
pub(super) fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let numbers: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let control = if numbers.is_empty() {
        &rights[..0]
    } else {
        &rights[..]
    };
    sendmsg::<UnixAddr>(
        socket.as_raw_fd(),
        &[IoSlice::new(bytes)],
        control,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    Ok(())
}

/// The most descriptors in one message; the kernel's own limit is 253.
pub(super) const FDS_MAX: usize = 64;

/// Receives one message into `buffer`. Zero bytes mean that the other side is gone.
pub(super) fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = nix::cmsg_space!([RawFd; FDS_MAX]);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut slices, Some(&mut control), flags)?;
    let mut fds = Vec::new();
    for item in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = item {
            // SAFETY: the kernel has just put these descriptors into our table for us.
            fds.extend(
                numbers
                    .into_iter()
                    .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }),
            );
        }
    }
    if message
        .flags
        .intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC)
    {
        return Err(io::Error::other("a message did not fit the buffer"));
    }
    Ok((message.bytes, fds))
}

/// The number, for a descriptor that must be named in a text file of the kernel's.
pub(super) fn number(fd: &impl AsFd) -> RawFd {
    fd.as_fd().as_raw_fd()
}

fn raw(fd: libc::c_long) -> io::Result<RawFd> {
    RawFd::try_from(fd).map_err(io::Error::other)
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Takes the exit status of one ended child, as `wait` gives it; `None` when none has ended.
pub(super) fn reap() -> Option<(i32, i32)> {
    let mut status = 0;
    // SAFETY: the status lives over the call.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    (pid > 0).then_some((pid, status))
}

/// Restores the default action of a signal.
pub(super) fn default_action(signal: i32) -> io::Result<()> {
    // SAFETY: installs no handler of ours.
    let before = unsafe { libc::signal(signal, libc::SIG_DFL) };
    if before == libc::SIG_ERR {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
