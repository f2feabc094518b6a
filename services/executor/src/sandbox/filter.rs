//! The system call filters of a sandbox.
//!
//! Two are stacked. The first answers `EPERM` to what could harm the kernel or reach around the namespaces. The second
//! answers `ENOSYS` to `clone3`, whose flags a filter cannot see, so that libc falls back to `clone`, whose flags it can, and to
//! calls that are younger than this list.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Op, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Denied whatever the arguments.
const DENIED: &[i64] = &[
    // The tree of mounts, and ways around its walls.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_fanotify_init,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // Other namespaces.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // The kernel itself.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
    libc::SYS_nfsservctl,
    // Large and often broken surfaces that functions do without.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_memfd_secret,
];

#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[i64] = &[
    libc::SYS_kexec_file_load,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
];

#[cfg(target_arch = "aarch64")]
const DENIED_HERE: &[i64] = &[];

/// Calls since Linux 6.5, and the numbers that the next ones will get; the same on every architecture.
const YOUNG: RangeInclusive<i64> = 451..=511;

/// Of these, the harmless ones: `cachestat`, `fchmodat2`, `map_shadow_stack`, the futex family, `mseal`, extended attributes.
const YOUNG_ALLOWED: [i64; 13] = [
    451, 452, 453, 454, 455, 456, 462, 463, 464, 465, 466, 468, 469,
];

const NAMESPACE_FLAGS: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;

/// Families of sockets that stay inside the sandbox's own network. Others, such as `AF_VSOCK`, know no network namespaces.
const SOCKET_FAMILIES: [libc::c_int; 4] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

/// Both filters, in the order in which to apply them.
pub(super) fn compile() -> io::Result<Vec<BpfProgram>> {
    build().map_err(io::Error::other)
}

fn build() -> Result<Vec<BpfProgram>, seccompiler::BackendError> {
    let mut denied: Rules = DENIED
        .iter()
        .chain(DENIED_HERE)
        .map(|number| (*number, Vec::new()))
        .collect();
    denied.insert(libc::SYS_clone, namespace_clones()?);
    denied.insert(libc::SYS_socket, foreign_sockets()?);
    denied.insert(libc::SYS_socketpair, foreign_sockets()?);
    denied.insert(libc::SYS_ioctl, terminal_injections()?);
    denied.insert(libc::SYS_personality, vec![foreign_personalities()?]);
    let mut unknown: Rules = YOUNG
        .filter(|number| !YOUNG_ALLOWED.contains(number))
        .map(|number| (number, Vec::new()))
        .collect();
    unknown.insert(libc::SYS_clone3, Vec::new());
    Ok(vec![
        program(denied, libc::EPERM)?,
        program(unknown, libc::ENOSYS)?,
    ])
}

fn program(rules: Rules, errno: i32) -> Result<BpfProgram, seccompiler::BackendError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let refusal = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refusal, architecture)?.try_into()
}

/// `clone` with any flag that makes a namespace: one rule per flag, since a rule can only ask for given bits.
fn namespace_clones() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    (0..64)
        .map(|bit| 1u64 << bit)
        .filter(|flag| NAMESPACE_FLAGS & flag != 0)
        .map(|flag| {
            SeccompRule::new(vec![SeccompCondition::new(
                0,
                Width::Qword,
                Op::MaskedEq(flag),
                flag,
            )?])
        })
        .collect()
}

/// Any other family, and any netlink protocol but the one that lists interfaces and routes.
fn foreign_sockets() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let family = |op, family: libc::c_int| {
        SeccompCondition::new(0, Width::Dword, op, u64::from(family.unsigned_abs()))
    };
    let others: Result<_, _> = SOCKET_FAMILIES
        .iter()
        .map(|known| family(Op::Ne, *known))
        .collect();
    let route = u64::from(libc::NETLINK_ROUTE.unsigned_abs());
    Ok(vec![
        SeccompRule::new(others?)?,
        SeccompRule::new(vec![
            family(Op::Eq, libc::AF_NETLINK)?,
            SeccompCondition::new(2, Width::Dword, Op::Ne, route)?,
        ])?,
    ])
}

/// Pushing characters into a terminal's input.
fn terminal_injections() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    [libc::TIOCSTI, libc::TIOCLINUX]
        .into_iter()
        .map(|request| {
            SeccompRule::new(vec![SeccompCondition::new(
                1,
                Width::Dword,
                Op::Eq,
                request,
            )?])
        })
        .collect()
}

/// Anything but asking for the personality or setting the plain one.
fn foreign_personalities() -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![
        SeccompCondition::new(0, Width::Dword, Op::Ne, 0)?,
        SeccompCondition::new(0, Width::Dword, Op::Ne, 0xffff_ffff)?,
    ])
}
