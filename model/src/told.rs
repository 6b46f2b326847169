//! What plugins are told: each a step that is undone by telling them its reverse.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Cidr, EndpointId, IfName, MacAddress, NetworkId};

/// Something that a plugin was told, or is about to be: until it was told the reverse, this stays on record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Told {
    /// The plugin's name.
    pub plugin: String,
    /// What it was told.
    pub step: Step,
}

/// One thing that a plugin keeps for rnet (libnetwork, `docs/remote.md` and `docs/ipam.md`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// It gave a pool of addresses: `RequestPool`, `ReleasePool`.
    Pool {
        /// Its own name for the pool.
        id: String,
        /// The address space it is in.
        space: String,
        /// The pool.
        subnet: Cidr,
    },
    /// It gave an address: `RequestAddress`, `ReleaseAddress`.
    Address {
        /// The pool it is of.
        pool: String,
        /// The address.
        address: IpAddr,
    },
    /// It has a network: `CreateNetwork`, `DeleteNetwork`.
    Network(NetworkId),
    /// It has an endpoint: `CreateEndpoint`, `DeleteEndpoint`.
    Endpoint(NetworkId, EndpointId),
    /// An endpoint is in its sandbox: `Join`, `Leave`.
    Joined(NetworkId, EndpointId),
    /// An endpoint leads out and has its ports published: `ProgramExternalConnectivity`, `RevokeExternalConnectivity`.
    Outside(NetworkId, EndpointId),
}

/// What a plugin said of an endpoint when it joined its sandbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Joined {
    /// The link that it made for the endpoint, in the host's namespace; none if it made none.
    pub link: Option<IfName>,
    /// The hardware address that link is to have, where it is not to keep its own.
    pub mac: Option<MacAddress>,
    /// Where packets leave the network, at most one a family.
    pub gateways: Vec<IpAddr>,
    /// What else is reached, and by which next hop; none where it is on the link.
    pub routes: Vec<(Cidr, Option<IpAddr>)>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin {}: ", self.plugin)?;
        match &self.step {
            Step::Pool { id, .. } => write!(f, "pool {id}"),
            Step::Address { pool, address } => write!(f, "address {address} of pool {pool}"),
            Step::Network(network) => write!(f, "network {}", network.short()),
            Step::Endpoint(_, endpoint) => write!(f, "endpoint {}", endpoint.short()),
            Step::Joined(_, endpoint) => write!(f, "endpoint {} in its sandbox", endpoint.short()),
            Step::Outside(_, endpoint) => write!(f, "way out of endpoint {}", endpoint.short()),
        }
    }
}
