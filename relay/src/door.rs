//! A door: successive ports of the host that lead to a container, for as long as they do.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::libc::{BPF_K, BPF_RET, ENOENT};
use nix::sys::socket::{setsockopt, sockopt};
use rnet_model::{Cidr, Protocol};
use rustix::net::{Shutdown, listen, shutdown, sockopt as options};
use socket2::{SockFilter, SockRef};
use tokio_util::sync::CancellationToken;

use crate::datagram::{Peers, Session};

/// How many clients may wait for the relay's turn at one port.
const BACKLOG: i32 = 1024;
/// Drops every packet (Documentation/networking/filter.rst).
const DEAF: [SockFilter; 1] = [SockFilter::new((BPF_RET | BPF_K) as u16, 0, 0, 0)];

/// Where the clients of successive ports are led, and whose.
#[derive(Clone, Debug)]
pub struct Passage {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The bound, non-blocking IPv6 sockets of the ports, in order; those of UDP may be filtered while nobody reads them.
    pub sockets: Arc<[OwnedFd]>,
    /// The container's address, and its port that the first of the host's leads to; the others follow in step.
    pub target: SocketAddr,
    /// The clients it is for; none listed stands for everyone.
    pub from: BTreeSet<Cidr>,
}

/// A passage that is open.
#[derive(Debug)]
pub(crate) struct Door {
    passage: Passage,
    /// Ends everything that came through it.
    pub(crate) over: CancellationToken,
    sessions: Mutex<HashMap<Peers, Arc<Session>>>,
}

impl Door {
    /// Opens a passage: from now on clients wait at it.
    pub(crate) fn open(passage: Passage, over: CancellationToken) -> io::Result<Self> {
        let door = Self {
            passage,
            over,
            sessions: Mutex::default(),
        };
        door.sockets()
            .try_for_each(|socket| door.prepare(socket))
            .inspect_err(|_| door.shut())?;
        Ok(door)
    }

    /// Ends all that came through, and takes nobody any more; the ports stay held by their sockets.
    pub(crate) fn shut(&self) {
        self.over.cancel();
        for socket in self.sockets() {
            // a port that cannot be shut refuses clients as soon as its socket is let go
            let _ = match self.passage.protocol {
                Protocol::Tcp => shutdown(socket, Shutdown::Read)
                    .and_then(|()| options::set_socket_reuseaddr(socket, false))
                    .map_err(io::Error::from),
                _ => SockRef::from(&socket).attach_filter(&DEAF),
            };
        }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.passage.protocol
    }

    pub(crate) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.passage.sockets.iter().map(AsFd::as_fd)
    }

    pub(crate) fn socket(&self, place: u16) -> Option<BorrowedFd<'_>> {
        self.passage
            .sockets
            .get(usize::from(place))
            .map(AsFd::as_fd)
    }

    /// Where the port at that place leads.
    pub(crate) fn target(&self, place: u16) -> SocketAddr {
        let first = self.passage.target;
        // a range and its target were made in step, so none passes the last port
        SocketAddr::new(first.ip(), first.port().saturating_add(place))
    }

    /// Whether a client may pass: one of IPv4 was not translated because it may not.
    pub(crate) fn is_for(&self, client: SocketAddr) -> bool {
        let IpAddr::V6(ip) = client.ip() else {
            return false;
        };
        let from = &self.passage.from;
        ip.to_ipv4_mapped().is_none()
            && (from.is_empty() || from.iter().any(|cidr| cidr.contains(ip.into())))
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, HashMap<Peers, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepare(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        match self.passage.protocol {
            Protocol::Tcp => {
                // connections that linger, of this holder or the last, must hinder nobody; nobody can share what listens
                options::set_socket_reuseaddr(socket, true)?;
                listen(socket, BACKLOG)?;
            }
            _ => {
                hear(socket)?;
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            }
        }
        Ok(())
    }
}

/// Takes off a socket the filter that dropped what nobody would have read; one without a filter hears already.
fn hear(socket: BorrowedFd<'_>) -> io::Result<()> {
    match SockRef::from(&socket).detach_filter() {
        Err(error) if error.raw_os_error() == Some(ENOENT) => Ok(()),
        detached => detached,
    }
}
