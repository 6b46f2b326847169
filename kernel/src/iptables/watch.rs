//! Notices when others take rnet's rules out of an iptables that keeps them in nf_tables.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

use super::Memory;
use super::ruleset::OURS;
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

/// What others delete. rnet's own programs are heard too, but leave the tables as they are remembered.
pub(super) struct Watched {
    socket: Socket,
    memory: Arc<Memory>,
}

impl Watched {
    /// Listens from now on, in the calling thread's network namespace.
    pub(super) fn new(memory: Arc<Memory>) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        socket.add_membership(GROUP)?;
        Ok(Self { socket, memory })
    }

    /// Whether anything of rnet's was deleted since the last call, by whomever, or may have been.
    fn heard(&self) -> io::Result<bool> {
        let mut heard = false;
        let mut buffer = Vec::with_capacity(DATAGRAM_BYTES);
        loop {
            buffer.clear();
            match self.socket.recv(&mut buffer, libc::MSG_DONTWAIT) {
                Ok(_) => heard |= deletes_ours(&buffer),
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
        let heard = self.heard();
        let heard = heard.map_err(|source| KernelError::WatchNetfilter { source })?;
        Ok(heard && self.memory.others_wrote())
    }
}

/// Whether a datagram tells of a deleted chain of rnet's, or of a deleted rule in one or with a jump to one.
fn deletes_ours(mut datagram: &[u8]) -> bool {
    while let Some(length) = datagram.first_chunk().map(|it| u32::from_ne_bytes(*it)) {
        let length = (length as usize).max(HEADER);
        let Some(message) = datagram.get(..length) else {
            return false;
        };
        let kind = u16::from_ne_bytes([message[4], message[5]]);
        let names = |text: &str| message.windows(text.len()).any(|it| it == text.as_bytes());
        if matches!(kind, DELETE_CHAIN | DELETE_RULE) && names(OURS) {
            return true;
        }
        datagram = datagram
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    false
}
