//! Listening to what rtnetlink tells of routes that come, and of addresses that go.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rnet_model::Cidr;

use super::socket::messages;
use super::{Route, address};
use crate::socket_filter::{DROP, KEEP, attach, load_half, unless_equal};

/// More than the kernel puts in one datagram of news: a message a route.
const DATAGRAM_BYTES: usize = 32 << 10;

/// Hears of one kind of news of the network namespace it was opened in.
pub(crate) struct Listener<T> {
    socket: Socket,
    read: fn(RouteNetlinkMessage) -> Option<T>,
}

impl Listener<Route> {
    /// Listens to routes that come from now on.
    pub(crate) fn routes() -> io::Result<Self> {
        let groups = [libc::RTNLGRP_IPV4_ROUTE, libc::RTNLGRP_IPV6_ROUTE];
        Self::open(Route::parse, &groups, libc::RTM_NEWROUTE)
    }
}

impl Listener<Cidr> {
    /// Listens to addresses that are taken off links from now on.
    pub(crate) fn lost_addresses() -> io::Result<Self> {
        let groups = [libc::RTNLGRP_IPV4_IFADDR, libc::RTNLGRP_IPV6_IFADDR];
        Self::open(address::parse_lost, &groups, libc::RTM_DELADDR)
    }
}

impl<T> Listener<T> {
    /// What is not of the one kind is dropped by the kernel, and wakes nobody.
    fn open(
        read: fn(RouteNetlinkMessage) -> Option<T>,
        groups: &[u32],
        kind: u16,
    ) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        // struct nlmsghdr: nlmsg_type at 4
        let program = [
            load_half(4),
            unless_equal(u32::from(kind.to_be()), 1),
            KEEP,
            DROP,
        ];
        attach(&socket, &program)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        for group in groups {
            socket.add_membership(*group)?;
        }
        Ok(Self { socket, read })
    }

    /// What came since the last call; none if there was more than the queue could hold. Never blocks.
    pub(crate) fn heard(&mut self) -> io::Result<Option<Vec<T>>> {
        let (mut news, mut lost) = (Vec::new(), false);
        let mut buffer = Vec::with_capacity(DATAGRAM_BYTES);
        loop {
            buffer.clear();
            match self.socket.recv(&mut buffer, libc::MSG_DONTWAIT) {
                Ok(_) => news.extend(messages(&buffer).filter_map(|it| match it.payload {
                    NetlinkPayload::InnerMessage(message) => (self.read)(message),
                    _ => None,
                })),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok((!lost).then_some(news));
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => lost = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<T> AsFd for Listener<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
