//! The netlink socket to netfilter.

use std::io;

use netlink_packet_core::{
    NLM_F_REQUEST, NLMSG_ERROR, NetlinkBuffer, NetlinkHeader, NetlinkMessage,
};
use netlink_packet_netfilter::nftables::NfTablesMessage;
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::sys::socket::{setsockopt, sockopt::SndBufForce};

use super::{Family, generation, message};
use crate::KernelError;

/// A batch is one datagram: room for a hundred thousand elements and more.
const SEND_BUFFER_BYTES: usize = 32 << 20;
/// Replies repeat what was asked unless they are told not to, but what is read of them stands first.
const REPLY_BYTES: usize = 4096;

/// Opens a socket to the netfilter of the calling thread's network namespace.
pub(crate) fn open() -> Result<Socket, KernelError> {
    let open = || {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        setsockopt(&socket, SndBufForce, &SEND_BUFFER_BYTES)?;
        socket.set_cap_ack(true)?;
        // without nf_tables the socket opens all the same, and whatever is asked is invalid
        generation(&socket)?;
        Ok(socket)
    };
    open().map_err(|source| KernelError::OpenNetfilter { source })
}

/// Whether a table exists.
pub(crate) fn stands(
    socket: &Socket,
    family: Family,
    table: &'static str,
) -> Result<bool, KernelError> {
    let header = NetfilterHeader::new(family.number(), 0, 0);
    let question = NfTablesMessage::GetTable(message::table(table));
    let mut netlink = NetlinkHeader::default();
    netlink.flags = NLM_F_REQUEST;
    let payload = NetfilterMessage::new(header, question).into();
    let mut question = NetlinkMessage::new(netlink, payload);
    question.finalize();
    let mut bytes = vec![0; question.buffer_len()];
    question.serialize(&mut bytes);

    let failed = |source| KernelError::Nftables {
        operation: "look it up".to_owned(),
        table,
        source,
    };
    let replies = exchange(socket, &bytes).map_err(failed)?;
    match replies.first().map(|reply| -reply.code) {
        Some(libc::ENOENT) => Ok(false),
        Some(code) if code != 0 => Err(failed(io::Error::from_raw_os_error(code))),
        _ => Ok(true),
    }
}

/// What the kernel says of one message.
pub(super) struct Reply {
    /// The message's sequence number.
    pub(super) sequence: u32,
    /// 0, or a negated errno.
    pub(super) code: i32,
}

/// Sends messages and reads every acknowledgement and refusal.
///
/// nfnetlink (net/netfilter/nfnetlink.c) handles messages inside `sendto`: when that returns, the replies are queued.
pub(super) fn exchange(socket: &Socket, messages: &[u8]) -> io::Result<Vec<Reply>> {
    socket.send_to(messages, &SocketAddr::new(0, 0), 0)?;
    let mut replies = Vec::new();
    let mut buffer = Vec::with_capacity(REPLY_BYTES);
    loop {
        buffer.clear();
        match socket.recv(&mut buffer, libc::MSG_DONTWAIT) {
            Ok(_) => replies.extend(reply(&buffer)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(replies),
            // more refusals than fit the queue: the first of them are there
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
            Err(error) => return Err(error),
        }
    }
}

fn reply(datagram: &[u8]) -> Option<Reply> {
    let message = NetlinkBuffer::new(datagram);
    let code = datagram.get(16..20)?;
    (message.message_type() == NLMSG_ERROR).then(|| Reply {
        sequence: message.sequence_number(),
        code: i32::from_ne_bytes([code[0], code[1], code[2], code[3]]),
    })
}
