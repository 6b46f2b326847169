//! What the host allows, translates and drops, as one value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{IfName, Protocol};

/// The whole firewall of one daemon: equal policies mean equal rules.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FirewallPolicy {
    /// One entry a bridge.
    pub networks: BTreeSet<NetworkPolicy>,
    /// Published ports: where packets to a socket of the host go.
    pub published: BTreeMap<HostSocket, SocketAddr>,
}

/// What is allowed and translated for the network behind one bridge.
///
/// Always: answers to what was allowed, and published ports, get in; nothing else reaches the bridge from another
/// interface.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct NetworkPolicy {
    /// The bridge.
    pub bridge: IfName,
    /// Whether its endpoints may talk to each other (inter-container communication).
    pub icc: bool,
    /// Whether what leaves by another interface takes that interface's address.
    pub masquerade: bool,
    /// Whether nothing but the bridge's own subnets may be reached.
    pub internal: bool,
}

/// A socket of the host that is published; the address may be unspecified, for every address of its family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct HostSocket {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The host's address.
    pub address: IpAddr,
    /// The host's port.
    pub port: u16,
}

impl fmt::Display for HostSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}",
            SocketAddr::new(self.address, self.port),
            self.protocol
        )
    }
}
