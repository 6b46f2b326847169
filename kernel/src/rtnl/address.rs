//! What the kernel tells of an address.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use rnet_model::Cidr;

/// The index of a link and an address it has; none if the message is about something else.
pub(super) fn parse(message: RouteNetlinkMessage) -> Option<(u32, Cidr)> {
    match message {
        RouteNetlinkMessage::NewAddress(message) => Some((message.header.index, cidr(&message)?)),
        _ => None,
    }
}

/// An address that a link has no more; none if the message is about something else.
pub(super) fn parse_lost(message: RouteNetlinkMessage) -> Option<Cidr> {
    match message {
        RouteNetlinkMessage::DelAddress(message) => cidr(&message),
        _ => None,
    }
}

fn cidr(message: &AddressMessage) -> Option<Cidr> {
    let attributes = message.attributes.iter();
    // of a point-to-point link, IFA_ADDRESS is the other end's (include/uapi/linux/if_addr.h)
    let local = attributes.clone().find_map(|it| match it {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let address = attributes.clone().find_map(|it| match it {
        AddressAttribute::Address(address) => Some(*address),
        _ => None,
    });
    Cidr::new(local.or(address)?, message.header.prefix_len).ok()
}
