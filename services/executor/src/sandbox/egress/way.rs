//! What the spawner keeps for egress: made at the first wish, taken away at the end.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::block::{Block, LINKS};
use super::link::{self, Link};
use super::netlink;
use super::rules::{self, Rules};
use super::uplinks::{self, TABLE_PREFIX};

/// What the executor tells its spawner about egress.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::sandbox) struct EgressSetup {
    /// The program that loads rules.
    pub(in crate::sandbox) nft: PathBuf,
    /// Eight hexadecimal digits of this executor's own: its table and its interfaces are named after them.
    pub(in crate::sandbox) tag: String,
    pub(in crate::sandbox) resolvers: Vec<Ipv4Addr>,
}

/// The way out of one executor's sandboxes.
#[derive(Debug)]
pub(in crate::sandbox) struct Way {
    setup: EgressSetup,
    block: Option<Block>,
    /// Numbers are used in turn, so that what still arrives for a sandbox that has gone does not meet its successor.
    next: u16,
    /// Whether the host has been seen passing packets on by its owner's will.
    router: bool,
}

impl Way {
    pub(in crate::sandbox) fn new(setup: EgressSetup) -> Self {
        Self {
            setup,
            block: None,
            next: 0,
            router: false,
        }
    }

    /// A link whose number none of `taken` has, and a routing socket to make it with.
    pub(in crate::sandbox) fn link(&mut self, taken: &[u16]) -> io::Result<(u16, Link, OwnedFd)> {
        let block = match self.block.take() {
            Some(block) => block,
            None => self.open()?,
        };
        let block = self.block.insert(block);
        // Interfaces come and go, and so may the owner's mind.
        if !uplinks::is_router() {
            uplinks::open(&self.setup.nft)?;
        } else if !self.router {
            uplinks::yield_to_owner(&self.setup.nft)?;
            self.router = true;
        }
        let free = (0..LINKS).map(|offset| (self.next + offset) % LINKS);
        let number = free
            .into_iter()
            .find(|number| !taken.contains(number))
            .ok_or_else(|| io::Error::other("all addresses are in use"))?;
        self.next = (number + 1) % LINKS;
        Ok((
            number,
            block.link(&prefix(&self.setup.tag), number),
            netlink::open()?,
        ))
    }

    fn open(&self) -> io::Result<Block> {
        let wanted = u32::from_str_radix(&self.setup.tag, 16).unwrap_or(0);
        let block = Block::claim(wanted, &uplinks::routes()?)?;
        let rules = Rules {
            table: &table(&self.setup.tag),
            prefix: &prefix(&self.setup.tag),
            network: &block.network(),
            resolvers: &self.setup.resolvers,
        };
        rules::load(&self.setup.nft, &rules.script())?;
        Ok(block)
    }

    /// Takes everything away, interfaces too that the kernel is still taking away by itself.
    pub(in crate::sandbox) fn close(&mut self) -> io::Result<()> {
        if self.block.take().is_none() {
            return Ok(());
        }
        let socket = netlink::open()?;
        for name in interfaces(&prefix(&self.setup.tag))? {
            link::remove(&socket, &name)?;
        }
        rules::load(&self.setup.nft, &rules::removal(&table(&self.setup.tag)))?;
        uplinks::close(&self.setup.nft)
    }
}

/// The host's interfaces whose names begin so.
fn interfaces(prefix: &str) -> io::Result<Vec<String>> {
    let text = fs::read_to_string("/proc/net/dev")?;
    let names = text.lines().filter_map(|line| line.trim().split_once(':'));
    Ok(names
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.starts_with(prefix))
        .collect())
}

fn table(tag: &str) -> String {
    format!("{TABLE_PREFIX}{tag}")
}

fn prefix(tag: &str) -> String {
    format!("tg{tag}")
}
