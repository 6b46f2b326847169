//! What the kernel tells of an address.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use rnet_model::Cidr;

/// The index of a link and an address it has; none if the message is about something else.
pub(super) fn parse(message: RouteNetlinkMessage) -> Option<(u32, Cidr)> {
    let RouteNetlinkMessage::NewAddress(AddressMessage {
        header, attributes, ..
    }) = message
    else {
        return None;
    };
    // of a point-to-point link, IFA_ADDRESS is the other end's (include/uapi/linux/if_addr.h)
    let local = attributes.iter().find_map(|it| match it {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let address = attributes.iter().find_map(|it| match it {
        AddressAttribute::Address(address) => Some(*address),
        _ => None,
    });
    let cidr = Cidr::new(local.or(address)?, header.prefix_len).ok()?;
    Some((header.index, cidr))
}
