//! Sockets at a gateway's address, for the containers behind one bridge alone.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, setsockopt, socket,
    sockopt,
};
use rnet_model::IfName;

use crate::contract::ResolverSockets;

/// The port of DNS.
const DOMAIN: u16 = 53;

/// Opens the sockets of a resolver at an address of the host's, which may be absent for a while.
///
/// They take what comes in by the bridge, and nothing that comes to the address from elsewhere (socket(7),
/// SO_BINDTODEVICE): a gateway is no resolver for the world.
pub(crate) fn open(bridge: &IfName, address: Ipv4Addr) -> io::Result<ResolverSockets> {
    let udp = UdpSocket::from(bound(SockType::Datagram, bridge, address)?);
    let tcp = bound(SockType::Stream, bridge, address)?;
    listen(&tcp, Backlog::MAXCONN)?;
    Ok(ResolverSockets {
        udp,
        tcp: TcpListener::from(tcp),
    })
}

fn bound(kind: SockType, bridge: &IfName, address: Ipv4Addr) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet, kind, flags, None)?;
    setsockopt(&socket, sockopt::BindToDevice, &bridge.as_str().into())?;
    setsockopt(&socket, sockopt::IpFreebind, &true)?;
    // connections that a daemon before this one had do not keep the port
    setsockopt(&socket, sockopt::ReuseAddr, &(kind == SockType::Stream))?;
    let address = SockaddrIn::from(SocketAddrV4::new(address, DOMAIN));
    bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &address)?;
    Ok(socket)
}
