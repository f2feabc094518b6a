//! The first process of a sandbox, once the program runs: it reaps what the program leaves behind and ends everything with it.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::libc;
use nix::sys::prctl;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg, sigprocmask};
use nix::sys::socket::{MsgFlags, recv};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, chdir, execve, pipe2, setsid};

use super::protocol::{self, Event, Refusal};
use super::{Isolation, Launch, privileges, sys};

/// A running program.
#[derive(Debug)]
pub(super) struct Program {
    pid: Pid,
}

/// Exit statuses are read in [`watch`], so the signals that tell of them must not be lost before.
pub(super) fn take_signals() -> io::Result<()> {
    signals().thread_block().map_err(io::Error::from)
}

fn signals() -> SigSet {
    SigSet::from_iter([Signal::SIGCHLD, Signal::SIGTERM])
}

/// Asks for a signal at the spawner's death. Forgotten by the kernel at a change of user, so asked for again after one.
pub(super) fn die_with_parent(isolation: Isolation) -> io::Result<()> {
    let signal = match isolation {
        // Nothing in a pid namespace survives its first process.
        Isolation::Container => Signal::SIGKILL,
        // Here the first process has to end the others itself.
        Isolation::Process => Signal::SIGTERM,
    };
    prctl::set_pdeathsig(signal).map_err(io::Error::from)
}

/// Forks and executes the program. Returns once it is known to be executing.
pub(super) fn spawn(launch: &Launch, inside: &[OwnedFd]) -> Result<Program, Refusal> {
    let program = launch.argv.first().cloned().unwrap_or_default();
    let refused = |error: io::Error| Refusal::Exec {
        program: program.clone(),
        errno: error.raw_os_error().unwrap_or(libc::EINVAL),
    };
    let image = Image::new(launch).map_err(refused)?;
    let (report, report_inside) =
        pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(|error| refused(error.into()))?;
    match sys::fork_simply().map_err(refused)? {
        None => {
            let error = image.execute(inside);
            let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
            // When this cannot be written, the parent sees an early end instead.
            let _ = File::from(report_inside).write_all(&errno.to_ne_bytes());
            sys::exit(127)
        }
        Some(pid) => {
            drop(report_inside);
            let mut errno = [0; 4];
            // The pipe closes at `exec`; anything that comes through is an error.
            match File::from(report).read_exact(&mut errno) {
                Ok(()) => Err(refused(io::Error::from_raw_os_error(i32::from_ne_bytes(
                    errno,
                )))),
                Err(_) => Ok(Program {
                    pid: Pid::from_raw(pid),
                }),
            }
        }
    }
}

/// Everything `execve` needs, made before the fork.
struct Image {
    program: CString,
    argv: Vec<CString>,
    env: Vec<CString>,
    cwd: String,
}

impl Image {
    fn new(launch: &Launch) -> io::Result<Self> {
        let text = |text: &str| CString::new(text).map_err(io::Error::other);
        let argv: Vec<CString> = launch
            .argv
            .iter()
            .map(|arg| text(arg))
            .collect::<Result<_, _>>()?;
        let Some(program) = argv.first().cloned() else {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        };
        let pair = |(name, value): &(String, String)| text(&format!("{name}={value}"));
        Ok(Self {
            program,
            argv,
            env: launch.env.iter().map(pair).collect::<Result<_, _>>()?,
            cwd: launch.cwd.clone(),
        })
    }

    /// Returns only when it fails.
    fn execute(&self, inside: &[OwnedFd]) -> io::Error {
        match self.settle(inside) {
            Ok(()) => match execve(&self.program, &self.argv, &self.env) {
                Ok(never) => match never {},
                Err(error) => error.into(),
            },
            Err(error) => error,
        }
    }

    fn settle(&self, inside: &[OwnedFd]) -> io::Result<()> {
        setsid()?;
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        let null = File::open("/dev/null")?;
        sys::place(null.as_fd(), 0)?;
        for (to, fd) in (1..).zip(inside) {
            sys::place(fd.as_fd(), to)?;
        }
        privileges::limit_resources()?;
        // Only a matter of speed, so a host that refuses it does not matter.
        let _ = sys::schedule_as_batch();
        umask(Mode::from_bits_truncate(0o022));
        chdir(self.cwd.as_str())?;
        // Rust programs ignore SIGPIPE, and what is ignored stays ignored over `exec`.
        restore(Signal::SIGPIPE)?;
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
        Ok(())
    }
}

fn restore(number: Signal) -> io::Result<()> {
    sys::default_action(number as i32)
}

/// Waits for the program's end, reports it and returns this process' own exit code. With the return everything else in the sandbox ends.
pub(super) fn watch(
    program: &Program,
    channel: &OwnedFd,
    orders: &OwnedFd,
    isolation: Isolation,
) -> i32 {
    // Only now is the standing request to die with the spawner final; it may have died in between.
    let orphaned = die_with_parent(isolation).is_err() || hung_up(orders);
    let status = if orphaned { None } else { wait(program) };
    if isolation == Isolation::Process {
        // Fails when nobody is left, which is the aim.
        let _ = killpg(program.pid, Signal::SIGKILL);
    }
    if let Some(status) = status {
        let peak_kb = getrusage(UsageWho::RUSAGE_CHILDREN)
            .map_or(0, |usage| u64::try_from(usage.max_rss()).unwrap_or(0));
        // Fails when the executor has let go of the sandbox.
        let _ = protocol::send(channel.as_fd(), &Event::Exited { status, peak_kb }, &[]);
    }
    0
}

fn hung_up(orders: &OwnedFd) -> bool {
    let mut byte = [0];
    matches!(
        recv(sys::number(orders), &mut byte, MsgFlags::MSG_DONTWAIT),
        Ok(0)
    )
}

/// The program's wait status; `None` when this process is asked to end first.
fn wait(program: &Program) -> Option<i32> {
    loop {
        loop {
            match sys::reap() {
                Some((pid, status)) if pid == program.pid.as_raw() => return Some(status),
                Some(_) => {}
                None => break,
            }
        }
        if signals().wait() == Ok(Signal::SIGTERM) {
            return None;
        }
    }
}
