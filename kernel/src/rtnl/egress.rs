//! Notices when the host's way out becomes another, or another's size.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_sys::{Socket, protocols::NETLINK_ROUTE};

use super::Rtnetlink;
use crate::facts;
use crate::socket_filter::{
    DROP, KEEP, attach, if_equal, if_greater, load_byte, load_half, load_word, unless_equal,
};
use crate::{KernelError, Refusal, Watch};

/// Groups of linux/rtnetlink.h: links, and the routes of both families.
const GROUPS: [u32; 3] = [
    libc::RTNLGRP_LINK,
    libc::RTNLGRP_IPV4_ROUTE,
    libc::RTNLGRP_IPV6_ROUTE,
];
/// A route as short as this may be the way out, or the half of it that a VPN puts before it.
const LONGEST_PREFIX: u32 = 1;

/// The routes that lead out, and the link they lead to, in the namespace it was opened in.
///
/// All other links and routes are dropped by the kernel: attaching endpoints wakes nobody.
pub(crate) struct EgressWatch {
    told: Socket,
    asked: Rtnetlink,
}

impl EgressWatch {
    /// Watches from now on.
    pub(crate) fn open() -> Result<Self, KernelError> {
        let open = || -> io::Result<Self> {
            let mut told = Socket::new(NETLINK_ROUTE)?;
            told.bind_auto()?;
            for group in GROUPS {
                told.add_membership(group)?;
            }
            Ok(Self {
                told,
                asked: Rtnetlink::open()?,
            })
        };
        let mut watch = open().map_err(|source| KernelError::WatchEgress { source })?;
        watch.aim()?;
        Ok(watch)
    }

    /// Lets through what is about the link that leads out now.
    fn aim(&mut self) -> Result<(), KernelError> {
        let failed = |refusal: Refusal| KernelError::WatchEgress {
            source: io::Error::from_raw_os_error(refusal.errno()),
        };
        let link = facts::egress(&mut self.asked).map_err(failed)?;
        let index = link.map_or(0, |link| link.index);
        let kind = |kind: u16| u32::from(kind.to_be());
        // struct nlmsghdr: nlmsg_type at 4, 16 bytes; struct ifinfomsg: ifi_index at 4; struct rtmsg: rtm_dst_len at 1
        let program = [
            load_half(4),
            if_equal(kind(libc::RTM_NEWLINK), 4),
            if_equal(kind(libc::RTM_DELLINK), 3),
            load_byte(17),
            if_greater(LONGEST_PREFIX, 4),
            KEEP,
            load_word(20),
            unless_equal(index.to_be(), 1),
            KEEP,
            DROP,
        ];
        attach(&self.told, &program).map_err(|source| KernelError::WatchEgress { source })
    }
}

impl AsFd for EgressWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }
}

impl Watch for EgressWatch {
    fn changed(&mut self) -> Result<bool, KernelError> {
        let mut changed = false;
        let mut buffer = Vec::with_capacity(8 << 10);
        loop {
            buffer.clear();
            match self.told.recv(&mut buffer, libc::MSG_DONTWAIT) {
                Ok(_) => changed = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // more than the queue could hold
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => changed = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(KernelError::WatchEgress { source }),
            }
        }
        // before anyone looks at the way out, so that what comes after the look is told
        if changed {
            self.aim()?;
        }
        Ok(changed)
    }
}
