//! The process that forks: single-threaded, started by the executor, ended with it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use seccompiler::BpfProgram;

use super::cgroup::Cgroup;
use super::egress::{self, Link, Way};
use super::protocol::{self, Event, Mounted, Order, Refusal, Request, Setup, Welcome};
use super::root::{self, Template};
use super::shell::{self, Plan, Walls};
use super::{Bind, Isolation, Launch, filter, sys};

/// How soon to try again to remove a control group that the kernel still holds.
const GRAVE_RETRY_MS: u16 = 5;

/// How long the end of everything may take. After it we die regardless, and every sandbox with us.
const END_DEADLINE: Duration = Duration::from_secs(4);

/// The hidden subcommand: serves the executor over the inherited socket `control` until that closes. Call it before any thread is
/// started.
pub fn main(control: RawFd) -> ExitCode {
    let Ok(control) = sys::adopt(control) else {
        return ExitCode::FAILURE;
    };
    match Spawner::start(&control) {
        Ok(Some(mut spawner)) => {
            spawner.run(&control);
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}

struct Spawner {
    setup: Setup,
    walls: Option<(Template, Vec<BpfProgram>)>,
    signals: SignalFd,
    /// Shells without an order, oldest first. They may still be preparing: an order waits in their socket.
    parked: VecDeque<u64>,
    slots: BTreeMap<u64, Slot>,
    next_id: u64,
    /// Where sandboxes get out that ask for it; `None` where none do.
    way: Option<Way>,
}

/// A shell, parked or running, until nothing is left of it.
struct Slot {
    pid: i32,
    pidfd: OwnedFd,
    cgroup: Option<Cgroup>,
    /// Our end of the socket for orders. Its closing tells the shell that we are gone.
    orders: OwnedFd,
    channel: Option<OwnedFd>,
    /// The number of its user, relative to the first.
    seat: u32,
    /// The number of its link to the host, if it has one.
    link: Option<u16>,
    reaped: bool,
    released: bool,
}

impl Spawner {
    fn start(control: &OwnedFd) -> io::Result<Option<Self>> {
        let Some((setup, _)) = protocol::receive::<Setup>(control.as_fd())? else {
            return Ok(None);
        };
        let made = Self::build(setup);
        let failure = made.as_ref().err().map(ToString::to_string);
        protocol::send(control.as_fd(), &Welcome { failure }, &[])?;
        Ok(made.ok())
    }

    fn build(setup: Setup) -> io::Result<Self> {
        super::privileges::raise_open_files()?;
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGCHLD);
        mask.add(Signal::SIGTERM);
        mask.thread_block()?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let walls = match setup.isolation {
            Isolation::Container => Some((Template::build(&setup)?, filter::compile()?)),
            Isolation::Process => None,
        };
        let mut spawner = Self {
            way: setup.egress.clone().map(Way::new),
            setup,
            walls,
            signals,
            parked: VecDeque::new(),
            slots: BTreeMap::new(),
            next_id: 1,
        };
        spawner.refill();
        Ok(spawner)
    }

    /// Serves until the executor is gone, then ends every sandbox.
    fn run(&mut self, control: &OwnedFd) {
        loop {
            match self.wait(control) {
                Ok(Ready { orders: true, .. }) => match protocol::receive(control.as_fd()) {
                    Ok(Some((request, fds))) => self.serve(request, fds),
                    // A message that makes no sense, or whose sockets we have no room for: its sender sees its socket close.
                    Err(error) if error.raw_os_error().is_none() => {}
                    _ => break,
                },
                Ok(Ready { stop: true, .. }) | Err(_) => break,
                Ok(_) => {}
            }
            self.bury();
        }
        self.end();
    }

    fn serve(&mut self, request: Request, fds: Vec<OwnedFd>) {
        let Some(socket) = fds.into_iter().next() else {
            return;
        };
        match request {
            Request::Launch { launch, egress } => {
                if let Err(refusal) = self.launch(launch, egress, &socket) {
                    // Fails when the executor no longer wants the sandbox.
                    let _ = protocol::send(socket.as_fd(), &Event::Refused(refusal), &[]);
                }
                self.refill();
            }
            Request::Mount { id, bind } => self.mount(id, &bind, &socket),
            Request::Connect { id } => self.connect(id, &socket),
        }
    }

    fn launch(
        &mut self,
        mut launch: Launch,
        egress: bool,
        channel: &OwnedFd,
    ) -> Result<(), Refusal> {
        let setup = |error: io::Error| Refusal::Setup(error.to_string());
        let out = if egress {
            self.way_out(&mut launch).map_err(setup)?
        } else {
            None
        };
        let mounts = match self.setup.isolation {
            Isolation::Container => open_all(&launch.binds)?,
            Isolation::Process => Vec::new(),
        };
        if self.parked.is_empty() {
            self.fork().map_err(setup)?;
        }
        let Some(id) = self.parked.pop_front() else {
            return Err(Refusal::Setup("no shell could be made".to_owned()));
        };
        let Some(slot) = self.slots.get_mut(&id) else {
            return Err(Refusal::Setup("the parked shell has died".to_owned()));
        };
        slot.link = out.as_ref().map(|out| out.number);
        if let Some(cgroup) = &slot.cgroup {
            let boost_us = 100_000;
            cgroup.limit_memory(launch.memory_mb).map_err(setup)?;
            cgroup
                .limit_cpu(launch.memory_mb, boost_us)
                .map_err(setup)?;
        }
        let mut fds: Vec<BorrowedFd<'_>> = vec![channel.as_fd(), slot.pidfd.as_fd()];
        fds.extend(out.as_ref().map(|out| out.host.as_fd()));
        fds.extend(mounts.iter().map(AsFd::as_fd));
        let link = out.as_ref().map(|out| out.link.clone());
        let order = Order { id, launch, link };
        protocol::send(slot.orders.as_fd(), &order, &fds).map_err(setup)?;
        slot.channel = Some(channel.try_clone().map_err(setup)?);
        Ok(())
    }

    /// The way out of a launch that asks for one: its name servers become one more bind.
    fn way_out(&mut self, launch: &mut Launch) -> io::Result<Option<Out>> {
        // Without walls there is nothing to get out of.
        let Some((template, _)) = &self.walls else {
            return Ok(None);
        };
        launch.binds.push(template.name_servers());
        self.out().map(Some)
    }

    fn out(&mut self) -> io::Result<Out> {
        let Some(way) = &mut self.way else {
            return Err(io::Error::other("nobody gets out of here"));
        };
        let taken: Vec<u16> = self.slots.values().filter_map(|slot| slot.link).collect();
        let (number, link, host) = way.link(&taken)?;
        Ok(Out { number, link, host })
    }

    fn refill(&mut self) {
        while self.parked.len() < self.setup.parked_shells {
            // Reported when a launch needs a shell and cannot have one.
            if self.fork().is_err() {
                return;
            }
        }
    }

    /// Makes one more parked shell.
    fn fork(&mut self) -> io::Result<()> {
        let id = self.next_id;
        self.next_id += 1;
        let seat = self.free_seat();
        let cgroup = self.setup.cgroups.as_ref().map(|groups| groups.group(id));
        if let Some(cgroup) = &cgroup {
            cgroup.create().map_err(io::Error::other)?;
        }
        let target = cgroup
            .as_ref()
            .map(Cgroup::fork_target)
            .transpose()?
            .flatten();
        let (orders, inside) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )?;
        let namespaces = if self.walls.is_some() {
            sys::NEW_PID
        } else {
            0
        };
        match sys::fork(namespaces, target.as_ref().map(AsFd::as_fd))? {
            sys::Forked::Child => {
                let walls = self.walls.as_ref().zip(cgroup.as_ref());
                let plan = Plan {
                    walls: walls.map(|((template, filters), cgroup)| Walls {
                        template,
                        filters,
                        cgroup,
                        joined: target.is_some(),
                        gateway: self.setup.gateway_name.is_some(),
                        uid: self.setup.uid_base + seat,
                    }),
                };
                become_shell(&plan, &inside)
            }
            sys::Forked::Parent { pid, pidfd } => {
                let slot = Slot {
                    pid,
                    pidfd,
                    cgroup,
                    orders,
                    channel: None,
                    seat,
                    link: None,
                    reaped: false,
                    released: false,
                };
                self.slots.insert(id, slot);
                self.parked.push_back(id);
                Ok(())
            }
        }
    }

    /// The lowest number that no living sandbox has.
    fn free_seat(&self) -> u32 {
        let mut taken: Vec<u32> = self.slots.values().map(|slot| slot.seat).collect();
        taken.sort_unstable();
        let gap = (0..).zip(&taken).find(|(seat, taken)| seat != *taken);
        gap.map_or_else(
            || u32::try_from(taken.len()).unwrap_or(u32::MAX),
            |(seat, _)| seat,
        )
    }

    /// Mounts into a running sandbox, from a short-lived process that enters its mount namespace.
    fn mount(&self, id: u64, bind: &Bind, answer: &OwnedFd) {
        let tell = |failure: Option<String>| {
            // Fails when the caller has stopped waiting.
            let _ = protocol::send(answer.as_fd(), &Mounted { failure }, &[]);
        };
        let Some(slot) = self.slots.get(&id).filter(|slot| !slot.reaped) else {
            return tell(Some("the sandbox has ended".to_owned()));
        };
        let tree = match root::detached(&bind.source, bind.writable) {
            Ok(tree) => tree,
            Err(error) => return tell(Some(error.to_string())),
        };
        match sys::fork(0, None) {
            Ok(sys::Forked::Child) => {
                tell(
                    enter_and_attach(&slot.pidfd, &tree, bind)
                        .err()
                        .map(|error| error.to_string()),
                );
                sys::exit(0)
            }
            Ok(sys::Forked::Parent { .. }) => {}
            Err(error) => tell(Some(error.to_string())),
        }
    }

    /// Gives a running sandbox its way out, from a short-lived process that enters its network, then its mount namespace.
    fn connect(&mut self, id: u64, answer: &OwnedFd) {
        let tell = |failure: Option<String>| {
            // Fails when the caller has stopped waiting.
            let _ = protocol::send(answer.as_fd(), &Mounted { failure }, &[]);
        };
        let (out, servers) = match (self.out(), &self.walls) {
            (Ok(out), Some((template, _))) => (out, template.name_servers()),
            (Err(error), _) => return tell(Some(error.to_string())),
            (_, None) => return tell(Some("there is no network to enter".to_owned())),
        };
        let Some(slot) = self.slots.get_mut(&id).filter(|slot| !slot.reaped) else {
            return tell(Some("the sandbox has ended".to_owned()));
        };
        slot.link = Some(out.number);
        let tree = match root::detached(&servers.source, servers.writable) {
            Ok(tree) => tree,
            Err(error) => return tell(Some(error.to_string())),
        };
        match sys::fork(0, None) {
            Ok(sys::Forked::Child) => {
                let done = egress::in_own_network(slot.pidfd.as_fd(), &out.host, &out.link)
                    .and_then(|()| enter_and_attach(&slot.pidfd, &tree, &servers));
                tell(done.err().map(|error| error.to_string()));
                sys::exit(0)
            }
            Ok(sys::Forked::Parent { .. }) => {}
            Err(error) => tell(Some(error.to_string())),
        }
    }

    /// Waits for a request, the end of a child or the release of a sandbox.
    fn wait(&mut self, control: &OwnedFd) -> io::Result<Ready> {
        let graves = self.slots.values().any(|slot| slot.reaped && slot.released);
        let timeout = if graves {
            PollTimeout::from(GRAVE_RETRY_MS)
        } else {
            PollTimeout::NONE
        };
        let watched: Vec<(u64, BorrowedFd<'_>)> = self
            .slots
            .iter()
            .filter(|(_, slot)| !slot.released)
            .filter_map(|(id, slot)| Some((*id, slot.channel.as_ref()?.as_fd())))
            .collect();
        let mut polled = vec![
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        polled.extend(
            watched
                .iter()
                .map(|(_, fd)| PollFd::new(*fd, PollFlags::POLLIN)),
        );
        match poll(&mut polled, timeout) {
            Err(Errno::EINTR) => return Ok(Ready::default()),
            other => other?,
        };
        let happened = |index: usize| polled[index].any().unwrap_or(true);
        let orders = happened(0);
        let signalled = happened(1);
        let released: Vec<u64> = watched
            .iter()
            .enumerate()
            .filter_map(|(index, (id, _))| happened(index + 2).then_some(*id))
            .collect();
        for id in released {
            self.release(id);
        }
        let stop = signalled && self.take_signals();
        Ok(Ready { orders, stop })
    }

    /// The executor wants nothing more from this sandbox.
    fn release(&mut self, id: u64) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.released = true;
            kill(slot, self.setup.isolation);
        }
    }

    /// Handles pending signals; true if asked to stop.
    fn take_signals(&mut self) -> bool {
        let mut stop = false;
        while let Ok(Some(signal)) = self.signals.read_signal() {
            stop |= signal.ssi_signo == Signal::SIGTERM as u32;
        }
        while let Some((pid, _)) = sys::reap() {
            self.reaped(pid);
        }
        stop
    }

    fn reaped(&mut self, pid: i32) {
        // Helpers that mount are children without a slot.
        let Some((id, slot)) = self
            .slots
            .iter_mut()
            .find(|(_, slot)| slot.pid == pid && !slot.reaped)
        else {
            return;
        };
        slot.reaped = true;
        match &slot.channel {
            // Fails when the executor has let go already.
            Some(channel) => drop(protocol::send(channel.as_fd(), &Event::Gone, &[])),
            None => slot.released = true,
        }
        let id = *id;
        self.parked.retain(|parked| *parked != id);
    }

    /// Removes what nobody needs any more. Closing the channel tells the executor that nothing is left.
    fn bury(&mut self) {
        self.slots.retain(|_, slot| {
            let done = slot.reaped && slot.released;
            let removed = || {
                slot.cgroup
                    .as_ref()
                    .is_none_or(|cgroup| cgroup.remove().is_ok())
            };
            !(done && removed())
        });
    }

    /// Kills everything and leaves no control group behind.
    fn end(&mut self) {
        self.parked.clear();
        for slot in self.slots.values_mut() {
            slot.released = true;
            kill(slot, self.setup.isolation);
        }
        let deadline = Instant::now() + END_DEADLINE;
        while !self.slots.is_empty() && Instant::now() < deadline {
            while let Some((pid, _)) = sys::reap() {
                self.reaped(pid);
            }
            self.bury();
            // Wakes at the next child's end, or to try a busy group again.
            let mut polled = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut polled, PollTimeout::from(GRAVE_RETRY_MS));
            while let Ok(Some(_)) = self.signals.read_signal() {}
        }
        if let Some(way) = &mut self.way {
            // What stays is replaced at the next start.
            let _ = way.close();
        }
        if let Some(cgroups) = &self.setup.cgroups {
            // What stays is removed at the next start.
            let _ = cgroups.clear();
        }
    }
}

/// A link to be made.
struct Out {
    number: u16,
    link: Link,
    /// A routing socket of the host's network.
    host: OwnedFd,
}

#[derive(Default)]
struct Ready {
    orders: bool,
    stop: bool,
}

fn kill(slot: &Slot, isolation: Isolation) {
    let signal = match isolation {
        // A running sandbox without a pid namespace must end its processes itself; a parked shell has none yet.
        Isolation::Process if slot.channel.is_some() => Signal::SIGTERM,
        _ => Signal::SIGKILL,
    };
    // Fails only for a process that is gone.
    let _ = sys::signal(slot.pidfd.as_fd(), signal as i32);
}

/// The forked child's way: forget everything of the spawner's but the socket for orders.
fn become_shell(plan: &Plan<'_>, orders: &OwnedFd) -> ! {
    let kept = sys::place(orders.as_fd(), 3)
        .and_then(|()| sys::close_from(4))
        .and_then(|()| sys::adopt(3));
    match kept {
        Ok(orders) => shell::run(plan, &orders),
        Err(_) => sys::exit(1),
    }
}

fn open_all(binds: &[Bind]) -> Result<Vec<OwnedFd>, Refusal> {
    binds
        .iter()
        .map(|bind| {
            root::detached(&bind.source, bind.writable).map_err(|error| Refusal::Bind {
                target: bind.target.clone(),
                why: format!("{}: {error}", bind.source.display()),
            })
        })
        .collect()
}

fn enter_and_attach(pidfd: &OwnedFd, tree: &OwnedFd, bind: &Bind) -> io::Result<()> {
    setns(pidfd, CloneFlags::CLONE_NEWNS)?;
    root::attach_at(tree.as_fd(), bind.target.as_ref())
}
