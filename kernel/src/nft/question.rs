//! Questions about what others keep in nf_tables: iptables' chains, and whether anything changed at all.

use std::io;

use netlink_sys::{Socket, SocketAddr};

/// NFNL_SUBSYS_NFTABLES of linux/netfilter/nfnetlink.h, and messages of linux/netfilter/nf_tables.h.
const SUBSYSTEM: u16 = 10 << 8;
const GET_CHAIN: u16 = SUBSYSTEM | 4;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const NEW_GENERATION: u16 = SUBSYSTEM | 15;
const GET_GENERATION: u16 = SUBSYSTEM | 16;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
/// A message's header (struct nlmsghdr) with that of netfilter (struct nfgenmsg), and an attribute's (struct nlattr).
const HEADERS: usize = 20;
const ATTRIBUTE_HEADER: usize = 4;

/// Whether a chain exists; `family` is an AF_ constant.
pub(crate) fn chain_stands(
    socket: &Socket,
    family: u8,
    table: &str,
    chain: &str,
) -> io::Result<bool> {
    let attributes = [(CHAIN_TABLE, table), (CHAIN_NAME, chain)];
    let answer = ask(socket, &question(GET_CHAIN, family, &attributes))?;
    Ok(kind(&answer) == Some(NEW_CHAIN))
}

/// A number that every transaction of anybody's in this network namespace changes.
pub(crate) fn generation(socket: &Socket) -> io::Result<u32> {
    let answer = ask(socket, &question(GET_GENERATION, 0, &[]))?;
    // NFTA_GEN_ID is the first attribute, in network byte order
    let id = answer
        .get(HEADERS + ATTRIBUTE_HEADER..)
        .and_then(<[u8]>::first_chunk);
    match id {
        Some(id) if kind(&answer) == Some(NEW_GENERATION) => Ok(u32::from_be_bytes(*id)),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn question(kind: u16, family: u8, attributes: &[(u16, &str)]) -> Vec<u8> {
    let mut message = vec![0; 4];
    message.extend(kind.to_ne_bytes());
    message.extend(NLM_F_REQUEST.to_ne_bytes());
    // sequence number, port, then nfgenmsg: family, version, resource
    message.extend([0; 8]);
    message.extend([family, 0, 0, 0]);
    for (name, text) in attributes {
        let length = ATTRIBUTE_HEADER + text.len() + 1;
        message.extend((length as u16).to_ne_bytes());
        message.extend(name.to_ne_bytes());
        message.extend(text.as_bytes());
        message.resize(message.len() + 1, 0);
        message.resize(message.len().next_multiple_of(4), 0);
    }
    let length = message.len() as u32;
    message[..4].copy_from_slice(&length.to_ne_bytes());
    message
}

/// The first answer: nfnetlink handles a message inside `sendto`, so it is there when that returns.
fn ask(socket: &Socket, question: &[u8]) -> io::Result<Vec<u8>> {
    socket.send_to(question, &SocketAddr::new(0, 0), 0)?;
    let mut answer = Vec::with_capacity(4096);
    socket.recv(&mut answer, libc::MSG_DONTWAIT)?;
    Ok(answer)
}

fn kind(message: &[u8]) -> Option<u16> {
    let bytes = message.get(4..6)?;
    Some(u16::from_ne_bytes([bytes[0], bytes[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::lonely::in_a_namespace_of_its_own;
    use crate::nft::{Batch, Family, open};

    #[test]
    fn a_generation_lasts_until_somebody_changes_something() {
        in_a_namespace_of_its_own(|| {
            let socket = open().unwrap();
            let first = generation(&socket).unwrap();
            assert_eq!(generation(&socket).unwrap(), first);
            assert!(!chain_stands(&socket, libc::AF_INET as u8, "nat", "RNET-X").unwrap());
            let mut batch = Batch::new(Family::Inet, "x");
            batch.delete_table();
            batch.commit(&socket).unwrap();
            assert_ne!(generation(&socket).unwrap(), first);
        });
    }
}
