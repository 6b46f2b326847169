//! What podman says of a container and its networks (netavark 2.1.0, `network/types.rs`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;

use serde::Deserialize;

use super::error::NetavarkError;

/// The document of `setup` and `teardown`; what an older or newer podman writes more of is not looked at.
#[derive(Deserialize)]
pub(super) struct Document {
    pub(super) container_id: String,
    pub(super) container_name: String,
    #[serde(default)]
    pub(super) container_hostname: Option<String>,
    #[serde(default)]
    pub(super) port_mappings: Option<Vec<PortMapping>>,
    #[serde(default)]
    pub(super) dns_servers: Option<Vec<String>>,
    /// By the networks' names.
    pub(super) networks: BTreeMap<String, Endpoint>,
    pub(super) network_info: BTreeMap<String, Network>,
}

#[derive(Deserialize)]
pub(super) struct PortMapping {
    #[serde(default)]
    pub(super) host_ip: String,
    pub(super) host_port: u16,
    pub(super) container_port: u16,
    /// How many ports.
    #[serde(default = "one")]
    pub(super) range: u16,
    /// One, or several with commas between.
    pub(super) protocol: String,
}

/// A container's place on a network.
#[derive(Deserialize)]
pub(super) struct Endpoint {
    pub(super) interface_name: String,
    #[serde(default)]
    pub(super) static_ips: Option<Vec<IpAddr>>,
    #[serde(default)]
    pub(super) static_mac: Option<String>,
    #[serde(default)]
    pub(super) aliases: Option<Vec<String>>,
    #[serde(default)]
    pub(super) options: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
pub(super) struct Network {
    pub(super) driver: String,
    #[serde(default)]
    pub(super) network_interface: Option<String>,
    #[serde(default)]
    pub(super) subnets: Option<Vec<Subnet>>,
    #[serde(default)]
    pub(super) routes: Option<Vec<serde_json::Value>>,
    #[serde(default)]
    pub(super) ipv6_enabled: bool,
    #[serde(default)]
    pub(super) internal: bool,
    #[serde(default)]
    pub(super) dns_enabled: bool,
    #[serde(default)]
    pub(super) network_dns_servers: Option<Vec<String>>,
    #[serde(default)]
    pub(super) labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) options: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) ipam_options: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
pub(super) struct Subnet {
    pub(super) subnet: rnet_model::Cidr,
    #[serde(default)]
    pub(super) gateway: Option<IpAddr>,
}

impl Document {
    pub(super) fn open(path: &Path) -> Result<Self, NetavarkError> {
        let failed = |source| NetavarkError::Open {
            path: path.to_owned(),
            source,
        };
        Self::read(File::open(path).map_err(failed)?)
    }

    pub(super) fn read(input: impl Read) -> Result<Self, NetavarkError> {
        let text = io::read_to_string(input).map_err(serde_json::Error::io);
        let read = text.and_then(|text| serde_json::from_str(&text));
        read.map_err(|source| NetavarkError::Read { source })
    }

    /// Each network with the container's place on it.
    pub(super) fn places(
        &self,
    ) -> impl Iterator<Item = Result<(&str, &Endpoint, &Network), NetavarkError>> {
        self.networks.iter().map(|(name, endpoint)| {
            let network = self.network_info.get(name);
            let network = network.ok_or_else(|| NetavarkError::NotDescribed {
                network: name.clone(),
            })?;
            Ok((name.as_str(), endpoint, network))
        })
    }
}

const fn one() -> u16 {
    1
}
