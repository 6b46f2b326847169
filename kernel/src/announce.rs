//! Telling the neighbours of a link which hardware address its addresses have: what they remember may be of another.
//!
//! The kernel's own means (`arp_notify`, `ndisc_notify`) speak when the link comes up, before the bridge forwards for
//! its port: nobody would hear them.

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use rnet_model::MacAddress;

const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ICMPV6: u8 = 58;

/// Sends one message for each address, out of the link with this index of the calling thread's namespace.
pub(crate) fn announce(link: i32, mac: MacAddress, addresses: &[IpAddr]) -> io::Result<()> {
    // protocol 0: nothing is ever received on it
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    addresses.iter().try_for_each(|address| match address {
        IpAddr::V4(address) => send(socket.as_fd(), link, &arp(mac, *address)),
        IpAddr::V6(address) => send(socket.as_fd(), link, &advertisement(mac, *address)),
    })
}

/// An ARP announcement: a request for the sender's own address, to everyone (RFC 5227, section 2.3).
fn arp(mac: MacAddress, address: Ipv4Addr) -> Vec<u8> {
    let ethernet_and_ipv4 = [0, 1, 8, 0, 6, 4];
    let request = [0, 1];
    [
        &ethernet([0xff; 6], mac, ETHERTYPE_ARP)[..],
        &ethernet_and_ipv4,
        &request,
        &mac.octets(),
        &address.octets(),
        &[0; 6],
        &address.octets(),
    ]
    .concat()
}

/// An unsolicited neighbour advertisement to all nodes, which overrides (RFC 4861, sections 4.4 and 7.2.6).
fn advertisement(mac: MacAddress, address: Ipv6Addr) -> Vec<u8> {
    const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let kind_and_checksum = [136, 0, 0, 0];
    let override_flag = [0x20, 0, 0, 0];
    let target_link_layer_address = [2, 1];
    let mut message = [
        &kind_and_checksum[..],
        &override_flag,
        &address.octets(),
        &target_link_layer_address,
        &mac.octets(),
    ]
    .concat();
    let length = u16::try_from(message.len())
        .expect("it has 32 bytes")
        .to_be_bytes();
    let pseudo_header = [
        &address.octets()[..],
        &ALL_NODES.octets(),
        &[0, 0],
        &length,
        &[0, 0, 0, ICMPV6],
    ];
    let sum = checksum(&[&pseudo_header.concat()[..], &message].concat());
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let hop_limit = 255;
    [
        &ethernet([0x33, 0x33, 0, 0, 0, 1], mac, ETHERTYPE_IPV6)[..],
        &[0x60, 0, 0, 0],
        &length,
        &[ICMPV6, hop_limit],
        &address.octets(),
        &ALL_NODES.octets(),
        &message,
    ]
    .concat()
}

fn ethernet(to: [u8; 6], from: MacAddress, kind: u16) -> Vec<u8> {
    [&to[..], &from.octets(), &kind.to_be_bytes()].concat()
}

/// The Internet checksum of an even number of bytes (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks_exact(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("it was folded")
}

/// packet(7): a frame goes out of the link that the address names by its index.
#[expect(unsafe_code, reason = "no crate makes a sockaddr_ll from an index")]
fn send(socket: BorrowedFd<'_>, link: i32, frame: &[u8]) -> io::Result<()> {
    // SAFETY: `sockaddr_ll` is plain data, for which all zeroes is a value.
    let mut to: libc::sockaddr_ll = unsafe { mem::zeroed() };
    to.sll_family = libc::AF_PACKET.unsigned_abs() as u16;
    to.sll_ifindex = link;
    // SAFETY: the frame and the address outlive the call, and their lengths are their own.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            frame.as_ptr().cast(),
            frame.len(),
            0,
            (&raw const to).cast(),
            size_of_val(&to) as u32,
        )
    };
    if sent < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "02:42:ac:19:00:09";

    #[test]
    fn an_ipv4_address_is_announced_by_a_request_for_itself() {
        let frame = arp(MAC.parse().unwrap(), Ipv4Addr::new(172, 25, 0, 9));
        let expected = "ffffffffffff0242ac1900090806\
                        00010800060400010242ac190009ac190009000000000000ac190009";
        assert_eq!(hex(&frame), expected);
    }

    #[test]
    fn an_ipv6_address_is_advertised_to_all_nodes_with_a_right_checksum() {
        let address: Ipv6Addr = "fd00::9".parse().unwrap();
        let frame = advertisement(MAC.parse().unwrap(), address);
        assert!(
            hex(&frame).starts_with(
                "333300000001 0242ac190009 86dd 60000000 0020 3aff"
                    .replace(' ', "")
                    .as_str()
            )
        );
        let pseudo = [&frame[22..54], &[0, 0, 0, 32, 0, 0, 0, 58], &frame[54..]].concat();
        assert_eq!(checksum(&pseudo), 0);
        assert_eq!((frame[54], frame[58], frame.len()), (136, 0x20, 86));
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
