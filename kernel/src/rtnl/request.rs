//! The requests rnet makes of rtnetlink.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST};
use netlink_packet_route::address::{AddressHeaderFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, BridgePortState, In6AddrGenMode, InfoData, InfoVeth, LinkAttribute,
    LinkExtentMask, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteScope,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rnet_model::{Bridge, Cidr, IfName, MacAddress, Mtu, Patch, Veth, VethPeer};
use rtnetlink::{
    AddressMessageBuilder, LinkBridge, LinkBridgePort, LinkMessageBuilder, LinkUnspec, LinkVeth,
    RouteMessageBuilder,
};

use crate::mark;

pub(super) const MAKE: u16 = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;

/// One message to the kernel.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) message: RouteNetlinkMessage,
    pub(crate) flags: u16,
}

impl Request {
    pub(super) const fn new(message: RouteNetlinkMessage, flags: u16) -> Self {
        Self { message, flags }
    }

    fn set_link(message: LinkMessage) -> Self {
        Self::new(RouteNetlinkMessage::SetLink(message), NLM_F_REQUEST)
    }
}

/// A bridge is made, up and marked.
pub(crate) fn make_bridge(bridge: &Bridge) -> Request {
    let message = LinkBridge::new(bridge.name.as_str())
        .link_group(mark::GROUP)
        .address(bridge.mac.octets().to_vec());
    let message = sized(message, bridge.mtu).up().build();
    Request::new(RouteNetlinkMessage::NewLink(message), MAKE)
}

/// An existing bridge becomes as it is wanted.
pub(crate) fn set_bridge(index: u32, bridge: &Bridge) -> Request {
    let message = LinkUnspec::new_with_index(index).address(bridge.mac.octets().to_vec());
    Request::set_link(sized(message, bridge.mtu).up().build())
}

/// A pair is made: one end up, marked and a port of the bridge, the other in its namespace under its name.
///
/// The other end cannot be made up (drivers/net/veth.c: `veth_open` fails before the ends know each other). Making it
/// in place is 15 to 27 times cheaper than moving and renaming it later, each of which waits for an RCU grace period.
pub(crate) fn make_veth(veth: &Veth, bridge: u32, namespace: Option<BorrowedFd<'_>>) -> Request {
    let VethPeer { name, mac, .. } = &veth.peer;
    let peer = LinkUnspec::new_with_name(name.as_str())
        .link_group(mark::GROUP)
        .address(mac.octets().to_vec());
    let peer = match namespace {
        Some(namespace) => peer.setns_by_fd(namespace.as_raw_fd()),
        None => peer,
    };
    let peer = InfoData::Veth(InfoVeth::Peer(sized(peer, veth.mtu).build()));
    let message = LinkVeth::new(veth.name.as_str(), name.as_str())
        .link_group(mark::GROUP)
        .controller(bridge)
        .set_info_data(peer);
    let message = sized(message, veth.mtu).up().build();
    Request::new(RouteNetlinkMessage::NewLink(message), MAKE)
}

/// A pair is made, marked; its ends are not up, and ports of nothing, as only existing links take what makes them so.
pub(crate) fn make_patch(patch: &Patch) -> Request {
    let far = LinkUnspec::new_with_name(patch.far.name.as_str()).link_group(mark::GROUP);
    let far = InfoData::Veth(InfoVeth::Peer(sized(far, patch.mtu).build()));
    let (near, far_name) = (patch.near.name.as_str(), patch.far.name.as_str());
    let message = LinkVeth::new(near, far_name)
        .link_group(mark::GROUP)
        .set_info_data(far);
    let message = sized(message, patch.mtu).build();
    Request::new(RouteNetlinkMessage::NewLink(message), MAKE)
}

/// An existing end of a pair becomes an up port of the bridge.
pub(crate) fn set_port(index: u32, mtu: Option<Mtu>, bridge: u32) -> Request {
    let message = LinkUnspec::new_with_index(index).controller(bridge);
    Request::set_link(sized(message, mtu).up().build())
}

/// A port is cut off from the other isolated ports of its bridge, or is so no more.
///
/// Only an existing port takes this (`rtnl_newlink` hands IFLA_INFO_SLAVE_DATA on for links that exist).
pub(crate) fn isolate(index: u32, isolated: bool) -> Request {
    let message = LinkBridgePort::new(index).isolated(isolated).build();
    Request::new(RouteNetlinkMessage::NewLink(message), NLM_F_REQUEST)
}

/// A port forwards.
pub(crate) fn forward(index: u32) -> Request {
    let message = LinkBridgePort::new(index).state(BridgePortState::Forwarding);
    Request::new(RouteNetlinkMessage::NewLink(message.build()), NLM_F_REQUEST)
}

/// A link makes itself no IPv6 address: a port needs none, and its search for others with the same one is saved.
///
/// Only an existing link takes this (`inet6_set_link_af` is not called for a new one).
pub(crate) fn without_own_address(index: u32) -> Request {
    let none = vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)];
    let message = LinkUnspec::new_with_index(index)
        .append_extra_attribute(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(none)]));
    Request::set_link(message.build())
}

/// A port is isolated or not, and in hairpin mode or not; see [`isolate`] for when it can be told so.
pub(crate) fn set_port_flags(index: u32, veth: &Veth) -> Request {
    let port = LinkBridgePort::new(index).isolated(veth.isolated);
    let message = port.hairpin(veth.hairpin).build();
    Request::new(RouteNetlinkMessage::NewLink(message), NLM_F_REQUEST)
}

/// An existing end of a pair in a sandbox becomes as it is wanted; whether it is up is left to others.
pub(crate) fn set_peer(index: u32, veth: &Veth) -> Request {
    let message = LinkUnspec::new_with_index(index).address(veth.peer.mac.octets().to_vec());
    Request::set_link(sized(message, veth.mtu).build())
}

/// A link is up, or down.
pub(crate) fn set_up(index: u32, up: bool) -> Request {
    let message = LinkUnspec::new_with_index(index);
    Request::set_link(if up { message.up() } else { message.down() }.build())
}

/// A link goes to another namespace, where it is down, under a name there, with another hardware address if one is given.
///
/// The kernel does all three in their order (net/core/rtnetlink.c, `do_setlink`).
pub(crate) fn move_link(
    index: u32,
    namespace: BorrowedFd<'_>,
    name: &IfName,
    mac: Option<MacAddress>,
) -> Request {
    let message = LinkUnspec::new_with_index(index)
        .setns_by_fd(namespace.as_raw_fd())
        .name(name.as_str());
    let message = match mac {
        Some(mac) => message.address(mac.octets().to_vec()),
        None => message,
    };
    Request::set_link(message.build())
}

/// A link carries nothing any more, and is to be deleted with all that are.
pub(crate) fn doom(index: u32) -> Request {
    let message = LinkUnspec::new_with_index(index)
        .down()
        .link_group(mark::DOOMED_GROUP);
    Request::set_link(message.build())
}

/// All links that are to be deleted are, in one go.
pub(crate) fn delete_doomed() -> Request {
    let message = LinkMessageBuilder::<LinkUnspec>::default()
        .link_group(mark::DOOMED_GROUP)
        .build();
    Request::new(RouteNetlinkMessage::DelLink(message), NLM_F_REQUEST)
}

/// What there is to know of one link.
pub(crate) fn link(name: &IfName) -> Request {
    show(LinkUnspec::new_with_name(name.as_str()), NLM_F_REQUEST)
}

/// The same by its index.
pub(crate) fn link_at(index: u32) -> Request {
    show(LinkUnspec::new_with_index(index), NLM_F_REQUEST)
}

/// All links.
pub(crate) fn links() -> Request {
    show(LinkMessageBuilder::default(), NLM_F_REQUEST | NLM_F_DUMP)
}

/// A link has an address.
pub(crate) fn make_address(link: u32, cidr: Cidr) -> Request {
    Request::new(RouteNetlinkMessage::NewAddress(address(link, cidr)), MAKE)
}

/// A link has an address no more.
pub(crate) fn delete_address(link: u32, cidr: Cidr) -> Request {
    Request::new(
        RouteNetlinkMessage::DelAddress(address(link, cidr)),
        NLM_F_REQUEST,
    )
}

/// A route, which must not exist yet.
pub(crate) fn make_route(destination: Cidr, gateway: Option<IpAddr>, link: u32) -> Request {
    Request::new(
        RouteNetlinkMessage::NewRoute(route(destination, gateway, link)),
        MAKE,
    )
}

/// A route, instead of the one to the same destination.
pub(crate) fn replace_route(destination: Cidr, gateway: Option<IpAddr>, link: u32) -> Request {
    let flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
    Request::new(
        RouteNetlinkMessage::NewRoute(route(destination, gateway, link)),
        flags,
    )
}

/// No such route of rnet's.
pub(crate) fn delete_route(destination: Cidr, gateway: Option<IpAddr>, link: u32) -> Request {
    Request::new(
        RouteNetlinkMessage::DelRoute(route(destination, gateway, link)),
        NLM_F_REQUEST,
    )
}

/// All addresses.
pub(crate) fn addresses() -> Request {
    let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    Request::new(message, NLM_F_REQUEST | NLM_F_DUMP)
}

/// The route that packets to an address take.
pub(crate) fn route_to(address: Ipv4Addr) -> Request {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = 32;
    let destination = RouteAttribute::Destination(RouteAddress::Inet(address));
    message.attributes.push(destination);
    Request::new(RouteNetlinkMessage::GetRoute(message), NLM_F_REQUEST)
}

/// All routes of all tables of one family.
pub(crate) fn routes(family: AddressFamily) -> Request {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    Request::new(
        RouteNetlinkMessage::GetRoute(message),
        NLM_F_REQUEST | NLM_F_DUMP,
    )
}

fn sized<T>(message: LinkMessageBuilder<T>, mtu: Option<Mtu>) -> LinkMessageBuilder<T> {
    match mtu {
        Some(mtu) => message.mtu(mtu.into()),
        None => message,
    }
}

/// Links without their counters, which make up most of the answer.
fn show(message: LinkMessageBuilder<LinkUnspec>, flags: u16) -> Request {
    let without_counters = LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]);
    let message = message.append_extra_attribute(without_counters).build();
    Request::new(RouteNetlinkMessage::GetLink(message), flags)
}

fn address(link: u32, cidr: Cidr) -> AddressMessage {
    match cidr {
        Cidr::V4(cidr) => {
            let message = AddressMessageBuilder::<Ipv4Addr>::new().index(link);
            let mut message = message.address(cidr.ip(), cidr.prefix()).build();
            // the kernel sees this by itself in IPv6 only; elsewhere it would be taken for a source (RFC 3927, 2.6.1)
            if cidr.ip().is_link_local() {
                message.header.scope = AddressScope::Link;
            }
            message
        }
        Cidr::V6(cidr) => {
            let message = AddressMessageBuilder::<Ipv6Addr>::new().index(link);
            let mut message = message.address(cidr.ip(), cidr.prefix()).build();
            // rnet hands out each address once: nothing to detect, and it can be used at once
            message.header.flags = AddressHeaderFlags::Nodad;
            message
        }
    }
}

fn route(destination: Cidr, gateway: Option<IpAddr>, link: u32) -> RouteMessage {
    let mut message = match destination {
        Cidr::V4(to) => {
            let message = RouteMessageBuilder::<Ipv4Addr>::new().output_interface(link);
            let message = message.destination_prefix(to.network(), to.prefix());
            match gateway {
                Some(IpAddr::V4(gateway)) => message.gateway(gateway),
                Some(IpAddr::V6(gateway)) => message.via(gateway),
                None => message.scope(RouteScope::Link),
            }
            .build()
        }
        Cidr::V6(to) => {
            let message = RouteMessageBuilder::<Ipv6Addr>::new().output_interface(link);
            let message = message.destination_prefix(to.network(), to.prefix());
            match gateway {
                Some(IpAddr::V6(gateway)) => message.gateway(gateway),
                Some(IpAddr::V4(_)) | None => message,
            }
            .build()
        }
    };
    if let (Cidr::V6(_), Some(IpAddr::V4(gateway))) = (destination, gateway) {
        // no such thing exists: the kernel is to say so
        message
            .attributes
            .push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)));
    }
    message.header.protocol = mark::ROUTE_PROTOCOL;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message
}
