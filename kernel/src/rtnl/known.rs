//! The host's routes, listed once and followed from then on: to look at them costs what has changed since.
//!
//! ```text
//! look ──▶ what was told since ──▶ says how they changed ──▶ changed likewise
//!                              ──▶ does not, or was lost ──▶ all listed again
//! ```
//! The kernel tells of a route before the call that made it returns, so what is known is never behind.

use std::io;

use netlink_sys::{Socket, protocols::NETLINK_ROUTE};

use super::socket::split;
use super::{Refusal, Routes, Rtnetlink};
use crate::socket_filter::{DROP, KEEP, attach, if_any, load_byte, load_half, unless_equal};

/// Groups of linux/rtnetlink.h: links, the routes of both families.
const GROUPS: [u32; 3] = [
    libc::RTNLGRP_LINK,
    libc::RTNLGRP_IPV4_ROUTE,
    libc::RTNLGRP_IPV6_ROUTE,
];
/// More than the kernel puts in one datagram of news.
const DATAGRAM_BYTES: usize = 32 << 10;
/// More than this are not kept: a router of the Internet has a million.
const MOST: usize = 1 << 16;
/// Where the byte with IFF_UP is: struct nlmsghdr has 16 bytes, ifi_flags are at 8 of struct ifinfomsg.
const LOWEST_FLAGS: u32 = 16
    + if cfg!(target_endian = "little") {
        8
    } else {
        11
    };

/// Follows the routes of the network namespace it was opened in.
#[derive(Debug)]
pub(crate) struct KnownRoutes {
    told: Socket,
    /// None until they are listed.
    routes: Option<Routes>,
}

impl KnownRoutes {
    /// Follows from now on.
    pub(crate) fn open() -> io::Result<Self> {
        let mut told = Socket::new(NETLINK_ROUTE)?;
        told.bind_auto()?;
        // links that are up are dropped: those of containers that come would fill the queue
        let program = [
            load_half(4),
            unless_equal(u32::from(libc::RTM_NEWLINK.to_be()), 3),
            load_byte(LOWEST_FLAGS),
            if_any(libc::IFF_UP.cast_unsigned(), 2),
            KEEP,
            KEEP,
            DROP,
        ];
        attach(&told, &program)?;
        for group in GROUPS {
            told.add_membership(group)?;
        }
        // kernels before Linux 5.3 have no next hops that routes share
        let _ = told.add_membership(libc::RTNLGRP_NEXTHOP);
        Ok(Self { told, routes: None })
    }

    /// Looks at the routes there are now; `host` lists them where that has to be.
    pub(crate) fn look<T>(
        &mut self,
        host: &mut Rtnetlink,
        see: impl FnOnce(&Routes) -> T,
    ) -> Result<T, Refusal> {
        let known = self.routes.take();
        let routes = match self.followed(known)? {
            Some(routes) => routes,
            None => Routes::listed(host)?,
        };
        let seen = see(&routes);
        self.routes = Some(routes).filter(|it| it.len() <= MOST);
        Ok(seen)
    }

    /// What is known, with all that was told since; none if that is not enough to know them.
    fn followed(&self, mut known: Option<Routes>) -> io::Result<Option<Routes>> {
        let mut buffer = Vec::with_capacity(DATAGRAM_BYTES);
        loop {
            buffer.clear();
            match self.told.recv(&mut buffer, libc::MSG_DONTWAIT) {
                Ok(_) => {
                    for message in split(&buffer) {
                        known = known.and_then(|routes| routes.after(message));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(known.and_then(Routes::settled));
                }
                // more than the queue could hold
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => known = None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
