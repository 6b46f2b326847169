//! Published ports, for those who write rules for them.

use std::net::Ipv4Addr;
use std::ops::Range;

use anyhow::Result;
use rnet_model::{FirewallPolicy, HostPorts, NetworkPolicy, PortRange, Protocol, Publication};

/// The bridge of the network that all of them lead to.
pub(crate) const BRIDGE: &str = "bench0";

/// A TCP port of the host that leads to port 80 of a container.
#[derive(Clone, Copy)]
pub(crate) struct Port {
    pub(crate) host: u16,
    pub(crate) target: Ipv4Addr,
}

/// Ports of as many containers.
pub(crate) fn ports(host: Range<u16>) -> Vec<Port> {
    let target =
        |port: u16| Ipv4Addr::from_bits(u32::from_be_bytes([172, 25, 0, 0]) + u32::from(port));
    host.map(|host| Port {
        host,
        target: target(host),
    })
    .collect()
}

/// The policy that publishes these for one network, as it is by default.
pub(crate) fn policy(ports: &[Port]) -> Result<FirewallPolicy> {
    let publish = |port: &Port| {
        (
            on_host(PortRange::one(port.host)),
            Publication::to((port.target, 80).into()),
        )
    };
    Ok(FirewallPolicy {
        networks: [NetworkPolicy::of_bridge(BRIDGE.parse()?)]
            .into_iter()
            .collect(),
        published: ports.iter().map(publish).collect(),
        ..FirewallPolicy::default()
    })
}

/// TCP ports at all IPv4 addresses of the host.
pub(crate) fn on_host(ports: PortRange) -> HostPorts {
    HostPorts {
        protocol: Protocol::Tcp,
        address: Ipv4Addr::UNSPECIFIED.into(),
        ports,
    }
}
