//! The veth pair between the host and one sandbox.

use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    AfSpecInet, AfSpecUnspec, InetDevConf, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags,
    LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::libc;
use nix::sched::{CloneFlags, setns};
use serde::{Deserialize, Serialize};

use super::netlink::{self, request};

/// What the interface is called inside.
const NAME_INSIDE: &str = "eth0";

/// Two addresses, one for each end.
const PREFIX_LENGTH: u8 = 31;

/// One sandbox's connection to the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sandbox) struct Link {
    /// The interface on the host.
    pub(in crate::sandbox) name: String,
    /// Its address: the sandbox's gateway.
    pub(super) host: Ipv4Addr,
    /// The sandbox's address.
    pub(super) inside: Ipv4Addr,
}

/// Makes the pair. The caller is inside, with its own `/proc`; `host` is a routing socket of the host's network.
pub(in crate::sandbox) fn connect(host: &OwnedFd, link: &Link) -> io::Result<()> {
    let here = File::open("/proc/self/ns/net")?;
    match create(host, link, here.as_fd()) {
        // The kernel has not yet taken away what a sandbox long ago had.
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
            remove(host, &link.name)?;
            create(host, link, here.as_fd())?;
        }
        other => other?,
    }
    let index = index_of(host, &link.name)?;
    address(host, index, link.host)?;
    request(host, RouteNetlinkMessage::SetLink(as_router(index)), 0)?;
    inside(link)
}

/// As [`connect`], from a process outside: it ends up in the network of `pidfd`'s process.
pub(in crate::sandbox) fn in_own_network(
    pidfd: BorrowedFd<'_>,
    host: &OwnedFd,
    link: &Link,
) -> io::Result<()> {
    setns(pidfd, CloneFlags::CLONE_NEWNET)?;
    connect(host, link)
}

/// Takes the pair away, if it is there.
pub(super) fn remove(host: &OwnedFd, name: &str) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::IfName(name.to_owned())];
    match request(host, RouteNetlinkMessage::DelLink(message), 0) {
        Err(error) if error.raw_os_error() != Some(libc::ENODEV) => Err(error),
        _ => Ok(()),
    }
}

fn create(host: &OwnedFd, link: &Link, inside: BorrowedFd<'_>) -> io::Result<()> {
    let mut peer = LinkMessage::default();
    peer.attributes = vec![
        LinkAttribute::IfName(NAME_INSIDE.to_owned()),
        LinkAttribute::NetNsFd(inside.as_raw_fd()),
    ];
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(link.name.clone()),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]),
    ];
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    request(host, RouteNetlinkMessage::NewLink(message), flags).map(drop)
}

fn index_of(socket: &OwnedFd, name: &str) -> io::Result<u32> {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::IfName(name.to_owned())];
    let told = request(socket, RouteNetlinkMessage::GetLink(message), 0)?;
    let index = told.into_iter().find_map(|message| match message {
        RouteNetlinkMessage::NewLink(link) => Some(link.header.index),
        _ => None,
    });
    index.ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))
}

fn address(socket: &OwnedFd, index: u32, address: Ipv4Addr) -> io::Result<()> {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = PREFIX_LENGTH;
    message.header.index = index;
    message.attributes = vec![
        AddressAttribute::Local(IpAddr::V4(address)),
        AddressAttribute::Address(IpAddr::V4(address)),
    ];
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    request(socket, RouteNetlinkMessage::NewAddress(message), flags).map(drop)
}

fn up(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    message
}

/// Up, passing packets on, and only such as come from the address that belongs there.
fn as_router(index: u32) -> LinkMessage {
    let mut conf = InetDevConf::default();
    conf.forwarding = 1;
    conf.rp_filter = 1;
    let mut message = up(index);
    message.attributes = vec![LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet(vec![
        AfSpecInet::DevConfRequest(conf),
    ])])];
    message
}

fn inside(link: &Link) -> io::Result<()> {
    let switch = Path::new("/proc/sys/net/ipv6/conf").join(NAME_INSIDE);
    // A kernel without IPv6 has nothing to turn off.
    if switch.exists() {
        fs::write(switch.join("disable_ipv6"), "1")?;
    }
    let socket = netlink::open()?;
    let index = index_of(&socket, NAME_INSIDE)?;
    address(&socket, index, link.inside)?;
    request(&socket, RouteNetlinkMessage::SetLink(up(index)), 0)?;
    let mut route = RouteMessage::default();
    route.header.address_family = AddressFamily::Inet;
    route.header.table = RouteHeader::RT_TABLE_MAIN;
    route.header.protocol = RouteProtocol::Static;
    route.header.scope = RouteScope::Universe;
    route.header.kind = RouteType::Unicast;
    route.attributes = vec![
        RouteAttribute::Gateway(RouteAddress::Inet(link.host)),
        RouteAttribute::Oif(index),
    ];
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    request(&socket, RouteNetlinkMessage::NewRoute(route), flags).map(drop)
}
