//! The networks every daemon has, and the configuration of the one called `bridge`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rnet_ipam::SubnetRequest;
use rnet_model::{Cidr, Network, NetworkId};

use super::NetworkRequest;
use crate::daemon::{Daemon, random_bytes};
use crate::error::Result;

/// The interface of the network `bridge` where the configuration names none.
pub(super) const INTERFACE: &str = "rnet0";

/// The network `bridge`, as the daemon's configuration has it; the names are dockerd's.
#[derive(Clone, Debug)]
pub struct DefaultBridge {
    /// Whether there is such a network at all (`bridge = "none"` asks for none).
    pub exists: bool,
    /// What of a network is configured: options, subnets, families.
    pub request: NetworkRequest,
}

/// Addresses of one family for the network `bridge`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultSubnet {
    /// The address of the bridge, with its prefix length: `bip`.
    pub bip: Option<Cidr>,
    /// The part of the subnet that containers get addresses from: `fixed-cidr`.
    pub fixed_cidr: Option<Cidr>,
    /// The default gateway of containers, where it is not the bridge: `default-gateway`.
    pub default_gateway: Option<IpAddr>,
}

impl Default for DefaultBridge {
    fn default() -> Self {
        let label = |name| format!("com.docker.network.bridge.{name}");
        let options = [
            (label("default_bridge"), "true".to_owned()),
            (label("name"), INTERFACE.to_owned()),
        ];
        Self {
            exists: true,
            request: NetworkRequest {
                name: "bridge".to_owned(),
                options: options.into(),
                ..NetworkRequest::default()
            },
        }
    }
}

impl DefaultSubnet {
    /// The subnet to ask for, if anything of it is configured.
    pub fn request(self) -> Option<SubnetRequest> {
        let whole = self.bip.or(self.fixed_cidr)?;
        let gateway = self.default_gateway;
        let label = match whole {
            Cidr::V4(_) => "DefaultGatewayIPv4",
            Cidr::V6(_) => "DefaultGatewayIPv6",
        };
        Some(SubnetRequest {
            subnet: Cidr::new(whole.network(), whole.prefix()).ok(),
            ip_range: self.fixed_cidr.filter(|_| self.bip.is_some()),
            gateway: self.bip.map(|bip| bip.ip()),
            auxiliary_addresses: gateway
                .map(|it| (label.to_owned(), it))
                .into_iter()
                .collect(),
        })
    }
}

impl Daemon {
    /// Makes the networks every daemon has, where they are missing, and `bridge` again where its configuration changed.
    pub(in crate::daemon) fn make_predefined_networks(&self) -> Result<()> {
        for (name, driver) in [("host", "host"), ("none", "null")] {
            if self.recorded(name).is_none() {
                let request = NetworkRequest {
                    name: name.to_owned(),
                    driver: Some(driver.to_owned()),
                    ..NetworkRequest::default()
                };
                self.make_network(NetworkId::from_bytes(random_bytes()), request)?;
            }
        }
        let DefaultBridge { exists, request } = self.settings.default_bridge.clone();
        match self.recorded("bridge") {
            None if exists => self
                .make_network(NetworkId::from_bytes(random_bytes()), request)
                .map(drop),
            None => Ok(()),
            Some(network) if exists && is_as_asked(&network, &request) => Ok(()),
            Some(network) => {
                if self.read(|state| state.endpoints_on(network.id).next().is_some()) {
                    tracing::warn!(
                        "network bridge stays as it was: containers use it; \
                         its new configuration is for the next start without"
                    );
                    return Ok(());
                }
                let _ = self.remove_network(&network);
                if exists {
                    // the same identity: containers that do not run now name it
                    self.make_network(network.id, request)?;
                }
                Ok(())
            }
        }
    }

    fn recorded(&self, name: &str) -> Option<Network> {
        self.read(|state| state.networks().find(|it| it.name == name).cloned())
    }
}

fn is_as_asked(network: &Network, request: &NetworkRequest) -> bool {
    let has = |asked: &SubnetRequest| {
        network.subnets.iter().any(|it| {
            Some(it.subnet) == asked.subnet
                && it.ip_range == asked.ip_range
                && (asked.gateway.is_none() || it.gateway == asked.gateway)
                && it.auxiliary_addresses == asked.auxiliary_addresses
        })
    };
    let families = request.families();
    let same_families = families.is_ok_and(|it| it == (network.enable_ipv4, network.enable_ipv6));
    let options: &BTreeMap<_, _> = &request.options;
    network.options == *options && same_families && request.subnets.iter().all(has)
}
