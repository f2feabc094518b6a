//! The kernel's routing socket: requests that are answered one by one.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

/// Answers to what is asked here are far smaller.
const ANSWER_BYTES_MAX: usize = 32 * 1024;

/// Opens a socket that speaks for the network this process is in now, wherever it is used later.
pub(super) fn open() -> io::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    Ok(socket)
}

/// Sends one request and waits until it is done. Answers what the kernel told besides.
pub(super) fn request(
    socket: &OwnedFd,
    message: RouteNetlinkMessage,
    flags: u16,
) -> io::Result<Vec<RouteNetlinkMessage>> {
    let mut packet = NetlinkMessage::from(message);
    packet.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len()];
    packet.serialize(&mut bytes);
    let fd = socket.as_fd().as_raw_fd();
    send(fd, &bytes, MsgFlags::empty())?;
    let mut told = Vec::new();
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    loop {
        let length = recv(fd, &mut buffer, MsgFlags::empty())?;
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest);
            let answer = answer.map_err(io::Error::other)?;
            match answer.payload {
                NetlinkPayload::Error(error) if error.code.is_none() => return Ok(told),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                NetlinkPayload::InnerMessage(message) => told.push(message),
                _ => {}
            }
            // Messages are aligned to four bytes.
            let size = usize::try_from(answer.header.length).map_err(io::Error::other)?;
            rest = rest.get(size.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}
