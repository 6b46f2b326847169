//! Notices when others take rnet's rules out of an iptables that keeps them in nf_tables.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

use super::ruleset::{OURS, USER};
use super::writers::Writers;
use crate::{KernelError, Watch};

/// NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h.
const GROUP: u32 = 7;
/// NFNL_SUBSYS_NFTABLES << 8 with NFT_MSG_DELCHAIN and NFT_MSG_DELRULE of linux/netfilter/nf_tables.h.
const DELETE_CHAIN: u16 = 10 << 8 | 5;
const DELETE_RULE: u16 = 10 << 8 | 8;
/// Room for what a socket's queue holds at once.
const DATAGRAM_BYTES: usize = 32 << 10;
/// A message's header (struct nlmsghdr).
const HEADER: usize = 16;

/// What others delete; rnet's own programs are heard too, and known by the netlink port that is their process's number.
pub(super) struct Watched {
    socket: Socket,
    writers: Arc<Writers>,
}

impl Watched {
    /// Listens from now on, in the calling thread's network namespace.
    pub(super) fn new(writers: Arc<Writers>) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        socket.add_membership(GROUP)?;
        Ok(Self { socket, writers })
    }

    /// Whether others deleted anything of rnet's since the last call, or may have.
    fn heard(&self) -> io::Result<bool> {
        let mut heard = false;
        let mut buffer = Vec::with_capacity(DATAGRAM_BYTES);
        loop {
            buffer.clear();
            match self.socket.recv(&mut buffer, libc::MSG_DONTWAIT) {
                Ok(_) => heard |= deletes_ours(&buffer, &self.writers),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(heard),
                // more than the queue could hold: what was lost may have been about ours
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => heard = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Watch for Watched {
    fn changed(&mut self) -> Result<bool, KernelError> {
        self.heard()
            .map_err(|source| KernelError::WatchNetfilter { source })
    }
}

/// Whether a datagram tells that others deleted a chain of rnet's, or a rule in one or with a jump to one.
fn deletes_ours(mut datagram: &[u8], writers: &Writers) -> bool {
    while let Some(length) = datagram.first_chunk().map(|it| u32::from_ne_bytes(*it)) {
        let length = (length as usize).max(HEADER);
        let Some(message) = datagram.get(..length) else {
            return false;
        };
        if deletes(message) && !writers.know(sender(message)) && names_ours(message) {
            return true;
        }
        datagram = datagram
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    false
}

fn deletes(message: &[u8]) -> bool {
    let kind = u16::from_ne_bytes([message[4], message[5]]);
    matches!(kind, DELETE_CHAIN | DELETE_RULE)
}

/// nlmsg_pid: the port of whoever asked for it.
fn sender(message: &[u8]) -> u32 {
    u32::from_ne_bytes([message[12], message[13], message[14], message[15]])
}

/// Whether it is about a chain of rnet's; what a rule of the user's chain is, is the user's affair.
fn names_ours(message: &[u8]) -> bool {
    let names = |text: &str| message.windows(text.len()).any(|it| it == text.as_bytes());
    let users = names(USER) && !names("PREROUTING");
    names(OURS) && !users
}
