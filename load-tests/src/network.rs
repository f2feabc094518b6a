//! A network of the program's own: one namespace for each service, and one that lies between them all.
//!
//! Nothing of it is named or outlives the processes that hold it, and nothing of the host's network is touched: the load
//! generator itself runs in the middle namespace ([`Network::enter`]). Services reach each other through the middle one, which
//! can cut any two of them off from each other without either being told: packets are dropped, as a broken switch would.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CloneFlags, setns};

use crate::children::{Child, Program};

const COMMAND_TIME_MAX: Duration = Duration::from_secs(10);
/// A holder that nobody ended goes by itself.
const HOLDER_SECONDS: &str = "14400";

/// The namespaces.
pub(crate) struct Network {
    middle: Child,
    spaces: Vec<Child>,
    dir: PathBuf,
}

impl Network {
    /// Makes `spaces` namespaces around a middle one. `dir` takes the logs of its commands.
    pub(crate) async fn new(dir: &Path, spaces: u8) -> Result<Self> {
        let middle = holder(dir).await?;
        let mut network = Self {
            middle,
            spaces: Vec::new(),
            dir: dir.to_owned(),
        };
        network
            .ip(network.middle.id(), "link set lo up\n", "middle")
            .await?;
        for number in 0..spaces {
            let space = holder(dir).await?;
            let (name, gateway, own) = (link(number), address(number, 1), address(number, 2));
            let outside = format!(
                "link add {name} type veth peer name eth0 netns {}\naddr add {gateway}/24 dev {name}\nlink set {name} up\n",
                space.id()
            );
            let inside = format!(
                "link set lo up\naddr add {own}/24 dev eth0\nlink set eth0 up\nroute add default via {gateway}\n"
            );
            network.ip(network.middle.id(), &outside, &name).await?;
            network.ip(space.id(), &inside, &name).await?;
            network.spaces.push(space);
        }
        let forward = "echo 1 >/proc/sys/net/ipv4/ip_forward";
        network
            .inside(network.middle.id(), &["sh", "-c", forward])
            .await?;
        Ok(network)
    }

    /// Moves the calling thread into the middle.
    pub(crate) fn enter(middle: &File) -> Result<()> {
        setns(middle, CloneFlags::CLONE_NEWNET).context("enter the network namespace")
    }

    /// What [`Self::enter`] takes.
    pub(crate) fn middle(&self) -> Result<File> {
        Ok(File::open(format!("/proc/{}/ns/net", self.middle.id()))?)
    }

    /// The process that holds a namespace, for programs that shall run in it.
    pub(crate) fn holder(&self, space: u8) -> Option<u32> {
        self.spaces.get(usize::from(space)).map(Child::id)
    }

    /// The address of what runs in a namespace.
    pub(crate) fn address(space: u8) -> IpAddr {
        address(space, 2).into()
    }

    /// Cuts two namespaces off from each other.
    pub(crate) async fn cut(&self, a: u8, b: u8) -> Result<()> {
        self.rules("add", a, b).await
    }

    /// Undoes [`Self::cut`].
    pub(crate) async fn join(&self, a: u8, b: u8) -> Result<()> {
        self.rules("del", a, b).await
    }

    async fn rules(&self, verb: &str, a: u8, b: u8) -> Result<()> {
        let (a, b) = (address(a, 2), address(b, 2));
        let batch = format!(
            "rule {verb} from {a} to {b} blackhole\nrule {verb} from {b} to {a} blackhole\n"
        );
        self.ip(self.middle.id(), &batch, "rules").await
    }

    async fn ip(&self, holder: u32, batch: &str, name: &str) -> Result<()> {
        let file = self.dir.join(format!("ip-{name}"));
        std::fs::write(&file, batch)?;
        let file = file.display().to_string();
        self.inside(holder, &["ip", "-batch", &file]).await
    }

    async fn inside(&self, holder: u32, words: &[&str]) -> Result<()> {
        let program = Program::new(words[0], &self.dir.join("network.log"), words);
        program.network(Some(holder)).run(COMMAND_TIME_MAX).await?;
        Ok(())
    }
}

/// A process that does nothing in a network namespace of its own.
async fn holder(dir: &Path) -> Result<Child> {
    let words = ["unshare", "--net", "--", "sleep", HOLDER_SECONDS];
    let child = Program::new("unshare", &dir.join("network.log"), words).start()?;
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net"));
    // The nursery's own: not the calling thread's, which may be in another.
    let ours = namespace("self")?;
    let deadline = Instant::now() + COMMAND_TIME_MAX;
    while namespace(&child.id().to_string()).is_ok_and(|theirs| theirs == ours) {
        ensure!(Instant::now() < deadline, "no network namespace was made");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(child)
}

fn link(space: u8) -> String {
    format!("space{space}")
}

fn address(space: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, space, host)
}
