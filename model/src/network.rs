//! A network: endpoints that can talk to each other.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Cidr, NetworkId, Resource};

/// One network as it was asked for and resolved, with the kernel resources it stands on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Network {
    /// Its identity; the name may be used again after the network is gone, the id never is.
    pub id: NetworkId,
    /// Its name, unique among networks.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// The driver that answers for it: `bridge`, `host`, `null`, …
    pub driver: String,
    /// Its subnets, both families in one list, in the order they were asked for.
    pub subnets: Vec<Subnet>,
    /// Whether its endpoints get IPv4 addresses.
    pub enable_ipv4: bool,
    /// Whether its endpoints get IPv6 addresses.
    pub enable_ipv6: bool,
    /// Whether it is cut off from everything outside its subnets.
    pub internal: bool,
    /// Whether standalone containers may attach to it (of meaning to overlay networks only).
    pub attachable: bool,
    /// Whether it is a template for other networks, and never made itself.
    #[serde(default)]
    pub config_only: bool,
    /// The name of the template it was made from, if any.
    #[serde(default)]
    pub config_from: Option<String>,
    /// Driver options, under Docker's labels.
    pub options: BTreeMap<String, String>,
    /// The plugin that gives its addresses, or `null`; none where rnet does.
    #[serde(default)]
    pub ipam_driver: Option<String>,
    /// Whether plugins have yet to be told of it, or that it goes: nobody attaches to it, and after a crash it goes.
    #[serde(default)]
    pub unsettled: bool,
    /// Options of its IPAM driver.
    pub ipam_options: BTreeMap<String, String>,
    /// Free metadata of the user.
    pub labels: BTreeMap<String, String>,
    /// The kernel resources it stands on, in the order they were made: what deleting it removes.
    pub resources: Vec<Resource>,
}

impl Network {
    /// Whether `name` is one of the networks every daemon has and nobody creates or deletes.
    pub fn is_predefined_name(name: &str) -> bool {
        matches!(name, "bridge" | "host" | "none")
    }

    /// Whether this is the `bridge` network every container joins that names no other: it has no embedded DNS.
    pub fn is_default_bridge(&self) -> bool {
        self.name == "bridge"
    }

    /// Whether names are resolved on it: the embedded DNS serves user-defined networks only.
    pub fn is_user_defined(&self) -> bool {
        !Self::is_predefined_name(&self.name)
    }

    /// The gateway of the first subnet of each family, IPv4 first.
    pub fn gateways(&self) -> impl Iterator<Item = IpAddr> {
        let first = |v4: bool| self.subnets.iter().find(move |s| s.subnet.is_ipv4() == v4);
        [first(true), first(false)]
            .into_iter()
            .flatten()
            .filter_map(|subnet| subnet.gateway)
    }
}

/// One address range of a network.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Subnet {
    /// The range, without host bits.
    pub subnet: Cidr,
    /// The part of it that addresses are handed out from, if not all.
    pub ip_range: Option<Cidr>,
    /// The address the driver gives to the host's side, or the default route of the endpoints.
    pub gateway: Option<IpAddr>,
    /// Addresses of this range that something outside rnet uses, by name.
    pub auxiliary_addresses: BTreeMap<String, IpAddr>,
}
