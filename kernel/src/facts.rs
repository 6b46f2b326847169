//! What the host's routes tell: how large a packet may leave it, and which subnets are taken.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{RouteHeader, RouteType};
use rnet_model::{Cidr, HostFacts, Mtu};

use crate::rtnl::{Refusal, Route, Rtnetlink};

/// Absent where the kernel was built or booted without IPv6; libnetwork looks here, too.
const IPV6_ADDRESSES: &str = "/proc/net/if_inet6";

/// What drivers may know of the host.
pub(crate) fn facts(host: &mut Rtnetlink) -> Result<HostFacts, Refusal> {
    Ok(HostFacts {
        egress_mtu: egress_mtu(host)?,
        ipv6: Path::new(IPV6_ADDRESSES).exists(),
        bridge: None,
    })
}

/// The destinations of all routes but the default ones.
///
/// Those of the host's own addresses are among them, as an address can be without a subnet. Those of loopback,
/// link-local, multicast and broadcast addresses are not: no subnet is ever chosen from them.
pub(crate) fn destinations(host: &mut Rtnetlink) -> Result<Vec<Cidr>, Refusal> {
    let mut routes = host.routes(AddressFamily::Inet)?;
    routes.extend(host.routes(AddressFamily::Inet6)?);
    let taken: BTreeSet<Cidr> = routes
        .iter()
        .filter(|it| takes(it))
        .map(|it| it.destination)
        .collect();
    Ok(taken.into_iter().collect())
}

fn egress_mtu(host: &mut Rtnetlink) -> Result<Option<Mtu>, Refusal> {
    let routes = host.routes(AddressFamily::Inet)?;
    let main = routes
        .iter()
        .filter(|it| it.table == u32::from(RouteHeader::RT_TABLE_MAIN));
    let defaults = main.filter(|it| it.destination.prefix() == 0);
    let Some(link) = defaults.min_by_key(|it| it.metric).and_then(|it| it.link) else {
        return Ok(None);
    };
    let link = host.link_at(link)?;
    Ok(link.and_then(|link| Mtu::try_from(link.mtu).ok()))
}

fn takes(route: &Route) -> bool {
    let passing = matches!(
        route.kind,
        RouteType::Broadcast | RouteType::Anycast | RouteType::Multicast
    );
    let apart = match route.destination.ip() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.is_multicast(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_multicast(),
    };
    route.destination.prefix() > 0 && !passing && !apart
}
