//! What the host's routes tell: how large a packet may leave it, and which subnets are taken.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::RouteType;
use nix::net::if_::if_indextoname;
use rnet_model::{Cidr, HostFacts, IfName, Mtu};

use crate::contract::HostRoute;
use crate::rtnl::{Link, Refusal, Route, Rtnetlink};

/// Absent where the kernel was built or booted without IPv6; libnetwork looks here, too.
const IPV6_ADDRESSES: &str = "/proc/net/if_inet6";

/// An address out in the Internet, of a root name server: a packet to it, none of which is sent, leaves by the way out.
const FAR_AWAY: Ipv4Addr = Ipv4Addr::new(198, 41, 0, 4);

/// Absent where there is no br_netfilter.
const BRIDGE_FILTERS: [&str; 2] = [
    "/proc/sys/net/bridge/bridge-nf-call-iptables",
    "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
];

/// What drivers may know of the host.
pub(crate) fn facts(host: &mut Rtnetlink) -> Result<HostFacts, Refusal> {
    Ok(HostFacts {
        egress_mtu: egress(host)?.and_then(|link| Mtu::try_from(link.mtu).ok()),
        ipv6: Path::new(IPV6_ADDRESSES).exists(),
        bridges_filter: BRIDGE_FILTERS.iter().any(|switch| is_on(switch)),
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

fn is_on(switch: &str) -> bool {
    fs::read(switch).is_ok_and(|value| value.starts_with(b"1"))
}

/// The routes of others that share addresses with any of `subnets`; what [`destinations`] leaves out is left out here.
pub(crate) fn routes_over(
    host: &mut Rtnetlink,
    subnets: &[Cidr],
) -> Result<Vec<HostRoute>, Refusal> {
    let mut routes = host.routes(AddressFamily::Inet)?;
    routes.extend(host.routes(AddressFamily::Inet6)?);
    let shares = |route: &Route| {
        let to = route.destination;
        let meets = |it: &Cidr| it.contains(to.network()) || to.contains(it.network());
        subnets.iter().any(meets)
    };
    Ok(named(routes.into_iter().filter(shares)))
}

/// The routes of others among these, with the names of their links; what leads to a link that is gone is left out.
pub(crate) fn named(routes: impl IntoIterator<Item = Route>) -> Vec<HostRoute> {
    let foreign = routes.into_iter().filter(|it| takes(it) && !it.is_own);
    let named = foreign.filter_map(|route| {
        let name = |index| {
            let name = if_indextoname(index).ok()?;
            name.to_str().ok()?.parse::<IfName>().ok()
        };
        Some(HostRoute {
            destination: route.destination,
            table: route.table,
            link: match route.link {
                Some(index) => Some(name(index)?),
                None => None,
            },
        })
    });
    named.collect()
}

/// The link that leads out of the host, if one does.
///
/// Asked of one route, however many the host has: this is on the way of every attach.
pub(crate) fn egress(host: &mut Rtnetlink) -> Result<Option<Link>, Refusal> {
    match host.route_to(FAR_AWAY)?.and_then(|route| route.link) {
        Some(link) => host.link_at(link),
        None => Ok(None),
    }
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
