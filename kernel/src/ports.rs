//! Sockets: ports of the host held, and sockets opened in places.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, getsockname,
    setsockopt, socket, sockopt,
};
use rnet_model::{PortRange, Protocol};

use crate::contract::{HeldPorts, SocketKind};
use crate::error::KernelError;
use crate::socket_filter;

/// Binds ports of the calling thread's namespace, so that nobody else can; the contract of [`crate::Host::hold_ports`].
///
/// One socket holds a port in both families: half the files and half the memory of two.
pub(crate) fn hold(
    protocol: Protocol,
    address: Option<IpAddr>,
    ports: PortRange,
) -> Result<HeldPorts, KernelError> {
    let whom = |port| SocketAddr::new(address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()), port);
    let refused = |port, cause: Errno| KernelError::BindPort {
        protocol,
        address: match address {
            None => SocketAddr::new(hindered(protocol, port), port),
            Some(_) => whom(port),
        },
        cause: cause.into(),
    };
    let mut sockets = Vec::with_capacity(ports.count() as usize);
    for port in ports.ports() {
        match bound(protocol, whom(port), address.is_none()) {
            Ok(socket) => sockets.push(socket),
            // no process can bind them either
            Err(Errno::EPROTONOSUPPORT) if protocol == Protocol::Sctp && port != 0 => {
                return Ok(HeldPorts {
                    ports,
                    sockets: Arc::default(),
                });
            }
            Err(cause) => return Err(refused(port, cause)),
        }
    }
    let ports = match (ports.first(), sockets.first()) {
        (0, Some(socket)) => PortRange::one(port_of(socket).map_err(|cause| refused(0, cause))?),
        _ => ports,
    };
    Ok(HeldPorts {
        ports,
        sockets: sockets.into(),
    })
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

/// Which family a port that cannot be bound in both is taken in.
fn hindered(protocol: Protocol, port: u16) -> IpAddr {
    let v4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    match bound(protocol, SocketAddr::new(v4, port), false) {
        Err(_) => v4,
        Ok(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn bound(protocol: Protocol, address: SocketAddr, both_families: bool) -> nix::Result<OwnedFd> {
    let bound = |despite_lingering| try_bind(protocol, address, both_families, despite_lingering);
    match bound(false) {
        // connections of a dead listener linger for a minute (TIME_WAIT): they alone hinder nobody
        Err(Errno::EADDRINUSE) if protocol == Protocol::Tcp => bound(true),
        outcome => outcome,
    }
}

fn try_bind(
    protocol: Protocol,
    address: SocketAddr,
    both_families: bool,
    despite_lingering: bool,
) -> nix::Result<OwnedFd> {
    let (kind, number) = match protocol {
        Protocol::Tcp => (SockType::Stream, SockProtocol::Tcp),
        Protocol::Udp => (SockType::Datagram, SockProtocol::Udp),
        Protocol::Sctp => (SockType::Stream, SockProtocol::Sctp),
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family(address), kind, flags, number)?;
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &!both_families)?;
    }
    if protocol == Protocol::Udp {
        // nobody reads what is not translated, so nothing is kept of it; a relay takes the filter off while it does
        socket_filter::attach(&socket, &[socket_filter::DROP]).map_err(errno)?;
    }
    setsockopt(&socket, sockopt::ReuseAddr, &despite_lingering)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    // with it, a process that sets it too could bind the port as well, as this socket does not listen
    // (net/ipv4/inet_connection_sock.c, `inet_bind_conflict`)
    setsockopt(&socket, sockopt::ReuseAddr, &false)?;
    Ok(socket)
}

fn port_of(socket: &OwnedFd) -> nix::Result<u16> {
    let name = getsockname::<SockaddrStorage>(socket.as_raw_fd())?;
    let v4 = name.as_sockaddr_in().map(|name| name.port());
    let v6 = name.as_sockaddr_in6().map(|name| name.port());
    v4.or(v6).ok_or(Errno::EAFNOSUPPORT)
}

fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

const fn family(address: SocketAddr) -> AddressFamily {
    match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    }
}
