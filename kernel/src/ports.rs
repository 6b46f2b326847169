//! Sockets: ports of the host held, and sockets opened in places.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, getsockname,
    setsockopt, socket, sockopt,
};
use rnet_model::Protocol;

use crate::contract::{PortReservation, SocketKind};

/// Binds a port of the calling thread's namespace, so that nobody else can; port 0 lets the kernel choose.
///
/// A stream socket never listens: packets for the port are translated before they would reach it. Where the kernel
/// knows no SCTP, no process can bind its ports either, and nothing needs to be held.
pub(crate) fn reserve(protocol: Protocol, address: SocketAddr) -> io::Result<PortReservation> {
    let bound = match bound(protocol, address, false) {
        // connections of a dead listener linger for a minute (TIME_WAIT): they alone hinder nobody
        Err(Errno::EADDRINUSE) if protocol == Protocol::Tcp => bound(protocol, address, true),
        outcome => outcome,
    };
    match bound {
        Ok(socket) => {
            let port = match address.port() {
                0 => port_of(&socket)?,
                port => port,
            };
            Ok(PortReservation {
                port,
                socket: Some(socket),
            })
        }
        Err(Errno::EPROTONOSUPPORT) if protocol == Protocol::Sctp && address.port() != 0 => {
            Ok(PortReservation {
                port: address.port(),
                socket: None,
            })
        }
        Err(Errno::EPROTONOSUPPORT) => Err(io::ErrorKind::Unsupported.into()),
        Err(error) => Err(error.into()),
    }
}

/// A non-blocking socket in the calling thread's namespace, of the family of `peer`.
pub(crate) fn unconnected(peer: SocketAddr, kind: SocketKind) -> io::Result<OwnedFd> {
    let kind = match kind {
        SocketKind::Datagram => SockType::Datagram,
        SocketKind::Stream => SockType::Stream,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socket(family(peer), kind, flags, None)?)
}

fn bound(protocol: Protocol, address: SocketAddr, despite_lingering: bool) -> nix::Result<OwnedFd> {
    let (kind, number) = match protocol {
        Protocol::Tcp => (SockType::Stream, SockProtocol::Tcp),
        Protocol::Udp => (SockType::Datagram, SockProtocol::Udp),
        Protocol::Sctp => (SockType::Stream, SockProtocol::Sctp),
    };
    let socket = socket(family(address), kind, SockFlag::SOCK_CLOEXEC, number)?;
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    setsockopt(&socket, sockopt::ReuseAddr, &despite_lingering)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    // with it, a process that sets it too could bind the port as well, as this socket does not listen
    // (net/ipv4/inet_connection_sock.c, `inet_bind_conflict`)
    setsockopt(&socket, sockopt::ReuseAddr, &false)?;
    Ok(socket)
}

fn port_of(socket: &OwnedFd) -> io::Result<u16> {
    let name = getsockname::<SockaddrStorage>(socket.as_raw_fd())?;
    let v4 = name.as_sockaddr_in().map(|name| name.port());
    let v6 = name.as_sockaddr_in6().map(|name| name.port());
    v4.or(v6).ok_or_else(|| io::ErrorKind::Unsupported.into())
}

const fn family(address: SocketAddr) -> AddressFamily {
    match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    }
}
