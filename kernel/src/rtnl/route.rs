//! What the kernel tells of a route.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rnet_model::Cidr;

use crate::mark::ROUTE_PROTOCOL;

/// A route that exists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Route {
    /// Without host bits.
    pub(crate) destination: Cidr,
    pub(crate) kind: RouteType,
    pub(crate) table: u32,
    /// The lowest wins.
    pub(crate) metric: u32,
    /// The host's address that packets get which have none yet.
    pub(crate) source: Option<IpAddr>,
    /// The link it leaves by; none if there are several, or nothing leaves.
    pub(crate) link: Option<u32>,
    /// Whether rnet made it.
    pub(crate) is_own: bool,
}

impl Route {
    /// None if the message is about something else.
    pub(crate) fn parse(message: RouteNetlinkMessage) -> Option<Self> {
        let RouteNetlinkMessage::NewRoute(RouteMessage {
            header, attributes, ..
        }) = message
        else {
            return None;
        };
        let mut address: IpAddr = match header.address_family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        };
        let (mut table, mut metric) = (u32::from(header.table), 0);
        let (mut source, mut link) = (None, None);
        for attribute in attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(to)) => address = to.into(),
                RouteAttribute::Destination(RouteAddress::Inet6(to)) => address = to.into(),
                RouteAttribute::Table(id) => table = id,
                RouteAttribute::Priority(priority) => metric = priority,
                RouteAttribute::PrefSource(RouteAddress::Inet(from)) => source = Some(from.into()),
                RouteAttribute::PrefSource(RouteAddress::Inet6(from)) => source = Some(from.into()),
                RouteAttribute::Oif(index) => link = Some(index),
                _ => {}
            }
        }
        Some(Self {
            destination: Cidr::new(address, header.destination_prefix_length).ok()?,
            kind: header.kind,
            table,
            metric,
            source,
            link,
            is_own: header.protocol == ROUTE_PROTOCOL,
        })
    }

    /// Whether it takes addresses that a network could have: default routes take none, nor do those of loopback,
    /// link-local, multicast and broadcast addresses. Those of the host's own addresses do, as an address can be
    /// without a subnet.
    pub(crate) fn takes(&self) -> bool {
        let passing = matches!(
            self.kind,
            RouteType::Broadcast | RouteType::Anycast | RouteType::Multicast
        );
        let apart = match self.destination.ip() {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.is_multicast(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_multicast(),
        };
        self.destination.prefix() > 0 && !passing && !apart
    }
}
