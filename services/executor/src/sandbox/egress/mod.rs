//! The way out, for sandboxes that ask for it: the internet, and neither this host nor anything near it.
//!
//! Such a sandbox gets one end of a veth pair, which its first process makes before the program starts ([`link`]). The other
//! end is an interface of the host, whose packets pass a table of nftables rules ([`rules`]) that rewrites their source on the
//! way out and refuses private and local destinations. Addresses come from a block that executors on one host divide among
//! themselves ([`block`]). All of it is made at the first wish, so a host where nothing asks for egress stays as it was.
//!
//! The spawner owns it: interfaces go with their sandbox, and the table goes at the spawner's end, which follows the
//! executor's whatever that died of.

mod block;
mod link;
mod netlink;
mod probe;
mod resolvers;
mod rules;
mod uplinks;
mod way;

pub(super) use link::{Link, connect, in_own_network};
pub(super) use probe::{Found, prepare, probe};
pub(super) use resolvers::{resolv_conf, resolvers};
pub(super) use way::{EgressSetup, Way};
