//! A shell: the process that becomes the first one of a sandbox.
//!
//! It prepares all that does not depend on what will run, parks, and turns an [`Order`] into a running program.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket, socketpair};
use seccompiler::BpfProgram;

use super::cgroup::Cgroup;
use super::egress;
use super::init::{self, Program};
use super::protocol::{self, Event, GATEWAY_PORT, Order, RUNTIME_API_PORT, Refusal};
use super::root::{self, Template};
use super::{Isolation, Launch, privileges, sys};

/// What a shell is made of. Everything is borrowed from the spawner, whose memory the shell has a copy of.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) walls: Option<Walls<'a>>,
}

/// Container isolation.
#[derive(Debug)]
pub(super) struct Walls<'a> {
    pub(super) template: &'a Template,
    pub(super) filters: &'a [BpfProgram],
    pub(super) cgroup: &'a Cgroup,
    /// Whether the process was forked into its group already.
    pub(super) joined: bool,
    /// Whether the public gateway is to be reached.
    pub(super) gateway: bool,
    pub(super) uid: u32,
}

impl Plan<'_> {
    fn isolation(&self) -> Isolation {
        match self.walls {
            Some(_) => Isolation::Container,
            None => Isolation::Process,
        }
    }
}

/// Where a program's connections come out that it makes to the platform.
struct Listeners {
    runtime_api: TcpListener,
    gateway: Option<TcpListener>,
}

/// What the first process of a sandbox is called inside.
const NAME: &std::ffi::CStr = c"sandbox-init";

/// Runs a shell to its end. `orders` is its only descriptor besides 0 to 2.
pub(super) fn run(plan: &Plan<'_>, orders: &OwnedFd) -> ! {
    let ready = prepare(plan);
    let code = match protocol::receive::<Order>(orders.as_fd()) {
        Ok(Some((order, fds))) => serve(plan, ready, order, fds, orders),
        // The spawner is gone, so nobody wants this sandbox.
        _ => 0,
    };
    sys::exit(code)
}

fn prepare(plan: &Plan<'_>) -> Result<Listeners, String> {
    let step = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    prctl::set_name(NAME).map_err(|error| format!("name: {error}"))?;
    init::take_signals().map_err(step("signals"))?;
    init::die_with_parent(plan.isolation()).map_err(step("parent's death"))?;
    let Some(walls) = &plan.walls else {
        prctl::set_child_subreaper(true).map_err(|error| format!("subreaper: {error}"))?;
        let runtime_api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(step("listener"))?;
        return Ok(Listeners {
            runtime_api,
            gateway: None,
        });
    };
    if !walls.joined {
        walls.cgroup.join().map_err(step("control groups"))?;
    }
    privileges::volunteer_for_out_of_memory().map_err(step("oom_score_adj"))?;
    unshare(
        CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWCGROUP,
    )
    .map_err(|error| format!("namespaces: {error}"))?;
    nix::unistd::sethostname(root::HOST_NAME).map_err(|error| format!("host name: {error}"))?;
    let listeners = listen(walls.gateway).map_err(step("loopback network"))?;
    walls
        .template
        .enter(walls.uid)
        .map_err(step("file system"))?;
    Ok(listeners)
}

/// The listeners on this network namespace's own loopback.
fn listen(gateway: bool) -> io::Result<Listeners> {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    sys::loopback_up(socket.as_fd())?;
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    Ok(Listeners {
        runtime_api: bind(RUNTIME_API_PORT)?,
        gateway: gateway.then(|| bind(GATEWAY_PORT)).transpose()?,
    })
}

/// The descriptors that come with an order.
struct Inherited {
    channel: OwnedFd,
    pidfd: OwnedFd,
    /// A routing socket of the host's network.
    host: Option<OwnedFd>,
    mounts: Vec<OwnedFd>,
}

fn serve(
    plan: &Plan<'_>,
    ready: Result<Listeners, String>,
    order: Order,
    fds: Vec<OwnedFd>,
    orders: &OwnedFd,
) -> i32 {
    let mut fds = fds.into_iter();
    let (Some(channel), Some(pidfd)) = (fds.next(), fds.next()) else {
        return 1;
    };
    let host = order.link.as_ref().and_then(|_| fds.next());
    let inherited = Inherited {
        channel,
        pidfd,
        host,
        mounts: fds.collect(),
    };
    let started = ready
        .map_err(Refusal::Setup)
        .and_then(|listeners| start(plan, order, &listeners, &inherited));
    let channel = inherited.channel;
    match started {
        Ok(program) => init::watch(&program, &channel, orders, plan.isolation()),
        Err(refusal) => {
            // Nobody to tell when this fails: the executor is gone.
            let _ = protocol::send(channel.as_fd(), &Event::Refused(refusal), &[]);
            1
        }
    }
}

fn start(
    plan: &Plan<'_>,
    order: Order,
    listeners: &Listeners,
    inherited: &Inherited,
) -> Result<Program, Refusal> {
    let Order {
        id,
        mut launch,
        link,
    } = order;
    let setup =
        |what: &'static str| move |error: io::Error| Refusal::Setup(format!("{what}: {error}"));
    let address = listeners
        .runtime_api
        .local_addr()
        .map_err(setup("listener"))?;
    match &plan.walls {
        Some(walls) => {
            if let Some((link, host)) = link.as_ref().zip(inherited.host.as_ref()) {
                egress::connect(host, link).map_err(setup("egress"))?;
            }
            for (bind, tree) in launch.binds.iter().zip(&inherited.mounts) {
                root::bind(tree.as_fd(), &bind.target).map_err(|error| Refusal::Bind {
                    target: bind.target.clone(),
                    why: error.to_string(),
                })?;
            }
            root::seal(walls.uid, launch.ephemeral_mb).map_err(setup("/tmp"))?;
            substitute(&mut launch, address, "/var/task");
            privileges::drop_all(walls.uid, walls.filters).map_err(setup("privileges"))?;
        }
        None => rewrite_paths(&mut launch, address),
    }
    let pipes = Pipes::new(launch.control).map_err(setup("pipes"))?;
    let program = init::spawn(&launch, &pipes.inside)?;
    let mut ours: Vec<BorrowedFd<'_>> = vec![inherited.pidfd.as_fd()];
    ours.extend(pipes.outside[..2].iter().map(AsFd::as_fd));
    ours.push(listeners.runtime_api.as_fd());
    ours.extend(listeners.gateway.as_ref().map(AsFd::as_fd));
    ours.extend(pipes.outside[2..].iter().map(AsFd::as_fd));
    let started = Event::Started {
        id,
        port: address.port(),
    };
    protocol::send(inherited.channel.as_fd(), &started, &ours).map_err(setup("channel"))?;
    Ok(program)
}

/// Standard output and error, and the control socket if there is one.
struct Pipes {
    outside: Vec<OwnedFd>,
    inside: Vec<OwnedFd>,
}

impl Pipes {
    fn new(control: bool) -> io::Result<Self> {
        let (stdout, stdout_inside) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let (stderr, stderr_inside) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let mut pipes = Self {
            outside: vec![stdout, stderr],
            inside: vec![stdout_inside, stderr_inside],
        };
        if control {
            let (ours, inside) = socketpair(
                AddressFamily::Unix,
                SockType::Stream,
                None,
                SockFlag::SOCK_CLOEXEC,
            )?;
            pipes.outside.push(ours);
            pipes.inside.push(inside);
        }
        Ok(pipes)
    }
}

fn substitute(launch: &mut Launch, address: SocketAddr, task_root: &str) {
    let address = address.to_string();
    let fill = |text: &mut String| {
        if text.contains("${") {
            *text = text
                .replace("${RUNTIME_API}", &address)
                .replace("${TASK_ROOT}", task_root);
        }
    };
    launch.argv.iter_mut().for_each(fill);
    launch.env.iter_mut().for_each(|(_, value)| fill(value));
}

/// Process isolation has no mounts: the program is told where things really are.
fn rewrite_paths(launch: &mut Launch, address: SocketAddr) {
    let binds: Vec<(String, String)> = launch
        .binds
        .iter()
        .map(|bind| (bind.target.clone(), bind.source.display().to_string()))
        .collect();
    let rewritten = |path: &str| {
        binds.iter().find_map(|(target, source)| {
            let rest = path.strip_prefix(target.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{source}{rest}"))
        })
    };
    let rewrite = |text: &mut String| {
        let parts: Vec<_> = text
            .split(':')
            .map(|part| rewritten(part).unwrap_or_else(|| part.to_owned()))
            .collect();
        *text = parts.join(":");
    };
    launch.argv.iter_mut().for_each(rewrite);
    launch.env.iter_mut().for_each(|(_, value)| rewrite(value));
    rewrite(&mut launch.cwd);
    let task_root = rewritten("/var/task").unwrap_or_else(|| launch.cwd.clone());
    substitute(launch, address, &task_root);
}
