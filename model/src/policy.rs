//! What the host allows, translates and drops, as one value.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use crate::{Cidr, IfName, PortRange, Protocol};

/// The whole firewall of one daemon: equal policies mean equal rules.
///
/// A copy costs nothing, and shares with its original all that does not change: how two of them differ is found in
/// O(differences · log n).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FirewallPolicy {
    /// One entry a network.
    pub networks: OrdSet<NetworkPolicy>,
    /// Published ports: where packets to sockets of the host go.
    pub published: OrdMap<HostPorts, Publication>,
    /// Ports of containers that may be reached at the containers' own addresses: by everyone where the network is
    /// [`Inbound::Opened`] in their family, and by [`NetworkPolicy::trusted`] interfaces.
    pub opened: OrdSet<OpenPorts>,
}

/// What is allowed and translated for the network behind one bridge.
///
/// Always: answers to what was allowed, and published ports, get in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct NetworkPolicy {
    /// The bridge that has the host's addresses.
    pub bridge: IfName,
    /// More bridges of the same network, linked to the first.
    pub shards: BTreeSet<IfName>,
    /// Whether its endpoints may talk to each other (inter-container communication).
    pub icc: bool,
    /// Whether nothing but the bridge's own subnets may be reached, and nothing else reaches them.
    pub internal: bool,
    /// What holds for IPv4.
    pub ipv4: FamilyPolicy,
    /// What holds for IPv6.
    pub ipv6: FamilyPolicy,
    /// Interfaces of the host whose neighbours may route to the containers' own addresses, at their published ports.
    pub trusted: BTreeSet<IfName>,
}

/// What holds for one network in one address family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct FamilyPolicy {
    /// The source address of what leaves by another interface.
    pub source: SourceNat,
    /// What else reaches the containers' own addresses from other interfaces.
    pub inbound: Inbound,
}

/// The source address of what leaves a network by another interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceNat {
    /// The container's own.
    Keep,
    /// That of the interface it leaves by.
    #[default]
    Masquerade,
    /// This one of the host's (libnetwork: `com.docker.network.host_ipv4`, `…host_ipv6`).
    Address(IpAddr),
}

/// What reaches the containers' own addresses from other interfaces (libnetwork: the gateway modes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inbound {
    /// Nothing but what was translated (gateway mode `nat`).
    #[default]
    Translated,
    /// The ports opened, and ICMP (gateway mode `routed`).
    Opened,
    /// Everything (gateway mode `nat-unprotected`).
    Everything,
}

/// Successive ports of the host that are published; the address may be unspecified, for every address of its family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct HostPorts {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The host's address.
    pub address: IpAddr,
    /// The host's ports.
    pub ports: PortRange,
}

/// Where the packets to published ports go, and whose.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Publication {
    /// The container's address.
    pub address: IpAddr,
    /// The container's port that the first of the host's leads to; the others follow in step.
    pub first_port: u16,
    /// The clients for whom it is published, all of the host address's family; none listed stands for everyone.
    pub from: BTreeSet<Cidr>,
}

/// Successive ports at a container's own address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OpenPorts {
    /// The container's address.
    pub address: IpAddr,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The container's ports.
    pub ports: PortRange,
    /// The clients for whom they are open; none listed stands for everyone.
    pub from: BTreeSet<Cidr>,
}

impl NetworkPolicy {
    /// A network of one bridge: its endpoints talk, masquerade, and are reached at their published ports.
    pub const fn of_bridge(bridge: IfName) -> Self {
        let ordinary = FamilyPolicy {
            source: SourceNat::Masquerade,
            inbound: Inbound::Translated,
        };
        Self {
            bridge,
            shards: BTreeSet::new(),
            icc: true,
            internal: false,
            ipv4: ordinary,
            ipv6: ordinary,
            trusted: BTreeSet::new(),
        }
    }
}

impl Publication {
    /// One that everyone may use.
    pub const fn to(target: SocketAddr) -> Self {
        Self {
            address: target.ip(),
            first_port: target.port(),
            from: BTreeSet::new(),
        }
    }
}

impl fmt::Display for HostPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            protocol,
            address,
            ports,
        } = self;
        match address {
            IpAddr::V4(address) => write!(f, "{address}:{ports}/{protocol}"),
            IpAddr::V6(address) => write!(f, "[{address}]:{ports}/{protocol}"),
        }
    }
}
