//! What a driver may know of the host before it answers.

use serde::{Deserialize, Serialize};

use crate::{Cidr, MacAddress, Mtu};

/// Facts of the host, read once per operation and handed to the drivers, which never look for themselves.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HostFacts {
    /// The MTU of the link the IPv4 default route leaves by; none without a default route.
    pub egress_mtu: Option<Mtu>,
    /// Whether the host has IPv6 at all.
    pub ipv6: bool,
    /// Whether bridges hand what they pass to the packet filters of IP (`bridge-nf-call-iptables` of br_netfilter).
    pub bridges_filter: bool,
    /// The bridge that somebody else made under the name of the network's interface, where a network is asked about.
    pub bridge: Option<ForeignBridge>,
}

/// A bridge of the host that rnet did not make, as it is before a network uses it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ForeignBridge {
    /// Its addresses, those of the link alone (fe80::/10) left out.
    pub addresses: Vec<Cidr>,
    /// Its MTU.
    pub mtu: Mtu,
}

/// A link of the host that rnet did not make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForeignLink {
    /// Its hardware address; none where it has none of six bytes.
    pub mac: Option<MacAddress>,
    /// Whether the host itself needs it: its loopback, and the way out of it.
    pub needed: bool,
}
