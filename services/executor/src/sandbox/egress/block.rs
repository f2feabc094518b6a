//! An executor's own addresses: one of 512 blocks of 100.64.0.0/10, which is for networks inside networks.

use std::io;
use std::net::Ipv4Addr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use super::link::Link;
use super::uplinks::Route;

/// 100.64.0.0.
const FIRST: u32 = 0x6440_0000;
const BLOCKS: u32 = 512;
const PREFIX_LENGTH: u32 = 19;
const BLOCK_SIZE: u32 = 1 << (32 - PREFIX_LENGTH);

/// Pairs of addresses in a block.
pub(super) const LINKS: u16 = 4096;

/// A block that no other executor on this host uses while this lives.
#[derive(Debug)]
pub(super) struct Block {
    number: u32,
    /// A name in the network's own space of socket names. The kernel gives it to one process, and takes it back at its end.
    #[expect(dead_code, reason = "held, not used")]
    claim: UnixListener,
}

impl Block {
    /// Takes the first block from `wanted` on that is neither another executor's nor part of the host's own network.
    pub(super) fn claim(wanted: u32, routes: &[Route]) -> io::Result<Self> {
        for offset in 0..BLOCKS {
            let number = (wanted + offset) % BLOCKS;
            if routes.iter().any(|route| overlaps(number, route)) {
                continue;
            }
            let name = SocketAddr::from_abstract_name(format!("tollgate-egress-{number}"))?;
            match UnixListener::bind_addr(&name) {
                Ok(claim) => return Ok(Self { number, claim }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other(
            "every part of 100.64.0.0/10 is in use on this host",
        ))
    }

    /// As nftables writes it.
    pub(super) fn network(&self) -> String {
        format!("{}/{PREFIX_LENGTH}", Ipv4Addr::from(start(self.number)))
    }

    /// The `number`th link; `prefix` is what this executor's interfaces are called.
    pub(super) fn link(&self, prefix: &str, number: u16) -> Link {
        let host = start(self.number) + 2 * u32::from(number % LINKS);
        Link {
            name: format!("{prefix}{number:03x}"),
            host: host.into(),
            inside: (host + 1).into(),
        }
    }
}

fn start(number: u32) -> u32 {
    FIRST + number * BLOCK_SIZE
}

fn overlaps(number: u32, route: &Route) -> bool {
    let mask = route.mask & !(BLOCK_SIZE - 1);
    // The way to everywhere else is no network of the host's own.
    route.mask != 0 && route.destination & mask == start(number) & mask
}

#[cfg(test)]
mod tests {
    use nix::sched::{CloneFlags, unshare};

    use super::*;

    /// Blocks are divided up per network, so a test has one of its own.
    fn alone() {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
    }

    fn route(destination: [u8; 4], length: u32) -> Route {
        Route {
            interface: "lan0".to_owned(),
            destination: u32::from_be_bytes(destination),
            mask: u32::MAX.checked_shl(32 - length).unwrap_or(0),
        }
    }

    #[test]
    fn links_of_a_block_are_pairs_of_its_addresses() {
        alone();
        let block = Block::claim(511, &[]).unwrap();
        assert_eq!(block.network(), "100.127.224.0/19");
        let link = block.link("tg0123abcd", LINKS - 1);
        assert_eq!(link.name, "tg0123abcdfff");
        assert_eq!(link.host, Ipv4Addr::new(100, 127, 255, 254));
        assert_eq!(link.inside, Ipv4Addr::new(100, 127, 255, 255));
        // Linux takes 15 characters.
        assert!(link.name.len() <= 15);
    }

    #[test]
    fn a_block_belongs_to_one() {
        alone();
        let first = Block::claim(7, &[]).unwrap();
        let second = Block::claim(7, &[]).unwrap();
        assert_ne!(first.network(), second.network());
        drop(first);
        assert_eq!(
            Block::claim(7, &[]).unwrap().network(),
            Ipv4Addr::from(start(7)).to_string() + "/19"
        );
    }

    #[test]
    fn networks_of_the_host_are_left_alone() {
        alone();
        let check = |routes: &[Route], network: &str| {
            assert_eq!(Block::claim(0, routes).unwrap().network(), network);
        };
        check(&[route([0, 0, 0, 0], 0)], "100.64.0.0/19");
        check(&[route([100, 64, 3, 0], 24)], "100.64.32.0/19");
        check(&[route([100, 64, 0, 0], 17)], "100.64.128.0/19");
        check(&[route([100, 64, 0, 0], 11)], "100.96.0.0/19");
        assert!(Block::claim(0, &[route([100, 0, 0, 0], 8)]).is_err());
    }
}
