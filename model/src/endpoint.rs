//! An endpoint: one sandbox's attachment to one network.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    Cidr, ContainerLink, EndpointId, IfName, Joined, MacAddress, NetworkId, Resource, SandboxId,
};

/// How far an endpoint is, as recorded before the kernel is touched.
///
/// ```text
/// (none) --reserve--> Attaching --confirm--> Attached --disconnect--> Detaching --removed--> (none)
///                         |                                              ^
///                         +----------- any failure, or a crash ----------+
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Its resources are recorded; some of them may exist.
    Attaching,
    /// All its resources exist.
    Attached,
    /// Its resources are being removed; some of them may still exist.
    Detaching,
}

/// What a user may ask of an endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct EndpointSettings {
    /// A fixed IPv4 address.
    pub ipv4_address: Option<IpAddr>,
    /// A fixed IPv6 address.
    pub ipv6_address: Option<IpAddr>,
    /// Addresses of link scope, beside those of the network's subnets.
    #[serde(default)]
    pub link_local: Vec<IpAddr>,
    /// A fixed hardware address.
    pub mac_address: Option<MacAddress>,
    /// Names that resolve to this endpoint, on its network only.
    pub aliases: Vec<String>,
    /// What its container calls others on the network; nobody else does.
    #[serde(default)]
    pub links: Vec<ContainerLink>,
    /// Which of a sandbox's endpoints gives the default route: the highest wins.
    pub gw_priority: i64,
    /// Endpoint options, under Docker's labels.
    pub driver_options: BTreeMap<String, String>,
}

impl EndpointSettings {
    /// Its addresses of link scope, each with the prefix length of its range (RFC 3927, RFC 4291 section 2.5.6).
    pub fn link_local_cidrs(&self) -> impl Iterator<Item = Cidr> {
        self.link_local.iter().map(|&address| {
            let prefix = if address.is_ipv4() { 16 } else { 64 };
            Cidr::new(address, prefix).expect("both are within the family's bits")
        })
    }
}

/// One attachment, with the kernel resources it stands on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its identity.
    pub id: EndpointId,
    /// The network it is on.
    pub network: NetworkId,
    /// The sandbox it is in.
    pub sandbox: SandboxId,
    /// How far it is.
    pub phase: Phase,
    /// The interface's name inside the sandbox.
    pub ifname: IfName,
    /// The interface's hardware address.
    pub mac: MacAddress,
    /// Its addresses, each with the prefix length of its subnet.
    pub addresses: Vec<Cidr>,
    /// Which of its network's bridges it is a port of: the first is 0.
    #[serde(default)]
    pub shard: usize,
    /// The names it answers to on its network, the container's own first.
    pub names: Vec<String>,
    /// What was asked for.
    pub settings: EndpointSettings,
    /// What the plugin behind its network said of it, where there is one, and it has.
    #[serde(default)]
    pub joined: Option<Joined>,
    /// The kernel resources it stands on, in the order they are made: what disconnecting removes.
    pub resources: Vec<Resource>,
}
