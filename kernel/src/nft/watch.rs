//! Notices when others change a table, by what nfnetlink tells all who listen.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

use super::Family;
use crate::socket_filter::{DROP, KEEP, attach, load_word, unless_equal};

/// NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h.
const GROUP: u32 = 7;
/// NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN: the end of a transaction, which is about no table.
const NEW_GENERATION: u16 = 10 << 8 | 15;
/// Room for what a socket's queue holds at once: the kernel fills messages to a page at most.
const DATAGRAM_BYTES: usize = 32 << 10;
/// A message's header (struct nlmsghdr), that of netfilter (struct nfgenmsg), and an attribute's.
const HEADER: usize = 16;
const NETFILTER_HEADER: usize = 4;
const ATTRIBUTE_HEADER: usize = 4;

/// What others do to one table, in the network namespace it was made in.
pub(crate) struct Listener {
    socket: Socket,
    family: Family,
    table: &'static str,
}

impl Listener {
    /// Listens from now on; what `own` sends is not heard of, so own changes wake nobody.
    pub(crate) fn new(family: Family, table: &'static str, own: &Socket) -> io::Result<Self> {
        let mut own_port = SocketAddr::new(0, 0);
        own.get_address(&mut own_port)?;
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        ignore_sender(&socket, own_port.port_number())?;
        socket.bind_auto()?;
        socket.add_membership(GROUP)?;
        Ok(Self {
            socket,
            family,
            table,
        })
    }

    /// Whether others changed the table since the last call, or may have; never blocks.
    pub(crate) fn heard(&mut self) -> io::Result<bool> {
        let mut heard = false;
        let mut buffer = Vec::with_capacity(DATAGRAM_BYTES);
        loop {
            buffer.clear();
            match self.socket.recv(&mut buffer, libc::MSG_DONTWAIT) {
                Ok(_) => heard |= is_about(&buffer, self.family, self.table),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(heard),
                // more than the queue could hold: what was lost may have been about the table
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => heard = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Whether any of the messages in a datagram is about this table.
///
/// In every message but that of a new generation, the first attribute is the name of the table, NUL at its end
/// (nf_tables_api.c: NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, … are all 1).
fn is_about(mut datagram: &[u8], family: Family, table: &str) -> bool {
    while let Some(length) = datagram.first_chunk().map(|it| u32::from_ne_bytes(*it)) {
        let length = (length as usize).max(HEADER);
        let Some(message) = datagram.get(..length) else {
            return false;
        };
        if names(message, family, table) {
            return true;
        }
        let padded = length.next_multiple_of(4);
        datagram = datagram.get(padded..).unwrap_or_default();
    }
    false
}

fn names(message: &[u8], family: Family, table: &str) -> bool {
    let kind = u16::from_ne_bytes([message[4], message[5]]);
    let name = HEADER + NETFILTER_HEADER + ATTRIBUTE_HEADER;
    let told = message.get(name..name + table.len() + 1);
    kind != NEW_GENERATION
        && message.get(HEADER) == Some(&u8::from(family.number()))
        && told.and_then(|it| it.strip_suffix(&[0])) == Some(table.as_bytes())
}

/// Has the kernel drop messages about what the socket of this port did, before they are queued.
fn ignore_sender(socket: &Socket, port: u32) -> io::Result<()> {
    let sender = 12; // nlmsg_pid
    let program = [load_word(sender), unless_equal(port.to_be(), 1), DROP, KEEP];
    attach(socket, &program)
}
