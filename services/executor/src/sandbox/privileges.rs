//! What a sandbox gives up before it runs anything foreign.

use std::fs;
use std::io;

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use seccompiler::BpfProgram;

use super::sys;

/// How much more likely than the platform's own processes a sandbox is to be chosen when the whole host is out of memory.
const OUT_OF_MEMORY_SCORE: u32 = 300;

/// Open files and sockets, as Lambda has it.
const OPEN_FILES_MAX: u64 = 1024;

/// Limits that no control group knows.
pub(super) fn limit_resources() -> io::Result<()> {
    setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES_MAX, OPEN_FILES_MAX)?;
    // Zero would still let a core dump program of the host run, as root, on what the sandbox feeds it; one byte is the kernel's word
    // for no dump of either kind.
    setrlimit(Resource::RLIMIT_CORE, 1, 1)?;
    setrlimit(Resource::RLIMIT_MEMLOCK, 64 * 1024, 64 * 1024)?;
    setrlimit(Resource::RLIMIT_MSGQUEUE, 0, 0)?;
    Ok(())
}

/// Lets this process open as many files as it is allowed to: a sandbox takes seven in the executor and three in the spawner.
pub(super) fn raise_open_files() -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(())
}

/// Prefers sandboxes over the platform when the host is out of memory. Cannot be lowered again from inside.
pub(super) fn volunteer_for_out_of_memory() -> io::Result<()> {
    fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE.to_string())
}

/// Becomes the user `uid` without any capability, any way to new ones, and with the system call filters on. Also forbids
/// processes of the same user to look into this one.
pub(super) fn drop_all(uid: u32, filters: &[BpfProgram]) -> io::Result<()> {
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
    sys::new_session_keyring()?;
    setgroups(&[])?;
    setresgid(group, group, group)?;
    // The bounding set can be emptied only while still privileged, the rest only after the change of user does it.
    sys::drop_capabilities_bound()?;
    setresuid(user, user, user)?;
    sys::drop_capabilities()?;
    prctl::set_dumpable(false)?;
    prctl::set_no_new_privs()?;
    for filter in filters {
        seccompiler::apply_filter(filter).map_err(io::Error::other)?;
    }
    Ok(())
}
