//! Datagrams: an exchange between a client and a container, for as long as one of them speaks.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, sendmsg,
};
use rustix::net::{SendFlags, send};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How long an exchange lives in silence: as the kernel's own for translated ones (net.netfilter.
/// nf_conntrack_udp_timeout_stream).
const SILENCE: Duration = Duration::from_secs(120);
/// The largest datagram there is.
pub(crate) const DATAGRAM_BYTES: usize = 65_535;

/// The two ends of an exchange, as they see each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Peers {
    client: SocketAddrV6,
    /// The address that the client knows, and the interface it came by.
    own: (Ipv6Addr, u32),
    /// Which of the door's ports.
    pub(crate) place: u16,
}

/// An exchange: a socket of the relay's that stands for one client.
#[derive(Debug)]
pub(crate) struct Session {
    container: UdpSocket,
    /// Whether the client spoke since it was last looked at.
    spoke: AtomicBool,
}

impl Peers {
    /// Reads the next datagram that waits at a port; none if there is no more, or it is of no use.
    pub(crate) fn receive(
        port: BorrowedFd<'_>,
        place: u16,
        buffer: &mut [u8],
    ) -> io::Result<Option<(Self, usize)>> {
        let mut control = cmsg_space!(in6_pktinfo);
        let mut parts = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let message =
            match recvmsg::<SockaddrIn6>(port.as_raw_fd(), &mut parts, Some(&mut control), flags) {
                Err(Errno::EAGAIN) => return Ok(None),
                received => received?,
            };
        let own = message.cmsgs()?.find_map(|it| match it {
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                Some((Ipv6Addr::from(info.ipi6_addr.s6_addr), info.ipi6_ifindex))
            }
            _ => None,
        });
        let client = message.address.map(SocketAddrV6::from);
        let peers = client
            .zip(own)
            .map(|(client, own)| Self { client, own, place });
        Ok(peers.map(|peers| (peers, message.bytes)))
    }

    pub(crate) fn client(&self) -> SocketAddr {
        self.client.into()
    }

    /// Sends an answer from the address that the client asked.
    pub(crate) fn answer(&self, port: BorrowedFd<'_>, answer: &[u8]) -> io::Result<()> {
        let (address, interface) = self.own;
        let from = in6_pktinfo {
            ipi6_addr: in6_addr {
                s6_addr: address.octets(),
            },
            ipi6_ifindex: interface,
        };
        sendmsg(
            port.as_raw_fd(),
            &[IoSlice::new(answer)],
            &[ControlMessage::Ipv6PacketInfo(&from)],
            MsgFlags::MSG_DONTWAIT,
            Some(&SockaddrIn6::from(self.client)),
        )?;
        Ok(())
    }
}

impl Session {
    /// An exchange with a container.
    pub(crate) fn open(target: SocketAddr) -> io::Result<Self> {
        let any = match target {
            SocketAddr::V4(_) => "0.0.0.0:0",
            SocketAddr::V6(_) => "[::]:0",
        };
        let socket = std::net::UdpSocket::bind(any)?;
        socket.connect(target)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            container: UdpSocket::from_std(socket)?,
            spoke: AtomicBool::new(true),
        })
    }

    /// Passes on what the client said; what there is no room for is lost, as on any way.
    pub(crate) fn forward(&self, datagram: &[u8]) {
        self.spoke.store(true, Ordering::Relaxed);
        let forward = || send(&self.container, datagram, SendFlags::DONTWAIT);
        // the first one after a refusal is told of that, and not sent
        if forward() == Err(rustix::io::Errno::CONNREFUSED) {
            let _ = forward();
        }
    }

    /// What the container says next; none once both have been silent for long.
    pub(crate) async fn answer<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        loop {
            match timeout(SILENCE, self.container.recv(buffer)).await {
                Ok(Ok(length)) => return Some(&buffer[..length]),
                // nobody listens there yet: the next datagram will tell
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Ok(Err(_)) => return None,
                Err(_) if self.spoke.swap(false, Ordering::Relaxed) => {}
                Err(_) => return None,
            }
        }
    }
}
