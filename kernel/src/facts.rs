//! What the host tells of itself: how large a packet may leave it, and by which links its routes do.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use nix::net::if_::if_indextoname;
use rnet_model::{HostFacts, IfName, Mtu};

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

fn is_on(switch: &str) -> bool {
    fs::read(switch).is_ok_and(|value| value.starts_with(b"1"))
}

/// The routes of others among these, with the names of their links; what leads to a link that is gone is left out.
pub(crate) fn named(routes: impl IntoIterator<Item = Route>) -> Vec<HostRoute> {
    let foreign = routes.into_iter().filter(|it| it.takes() && !it.is_own);
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
