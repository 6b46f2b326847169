//! Listening to what rtnetlink tells of routes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::NetlinkPayload;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::Route;
use super::socket::messages;

/// RTNLGRP_IPV4_ROUTE and RTNLGRP_IPV6_ROUTE (linux/rtnetlink.h).
const GROUPS: [u32; 2] = [7, 11];
/// More than the kernel puts in one datagram of news: a message a route.
const DATAGRAM_BYTES: usize = 32 << 10;

/// Hears of every route that comes to the network namespace it was opened in.
pub(crate) struct Listener(Socket);

impl Listener {
    /// Listens from now on.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        for group in GROUPS {
            socket.add_membership(group)?;
        }
        Ok(Self(socket))
    }

    /// The routes that came since the last call; none if there were more than the queue could hold. Never blocks.
    pub(crate) fn heard(&mut self) -> io::Result<Option<Vec<Route>>> {
        let (mut routes, mut lost) = (Vec::new(), false);
        let mut buffer = Vec::with_capacity(DATAGRAM_BYTES);
        loop {
            buffer.clear();
            match self.0.recv(&mut buffer, libc::MSG_DONTWAIT) {
                Ok(_) => routes.extend(messages(&buffer).filter_map(|it| match it.payload {
                    NetlinkPayload::InnerMessage(message) => Route::parse(message),
                    _ => None,
                })),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok((!lost).then_some(routes));
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => lost = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
