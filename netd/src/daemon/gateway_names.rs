//! Names for containers whose runtime resolves them itself: a resolver at the gateway, which that runtime can ask.
//!
//! It knows the names of its network, and asks the host's servers for all others. It is there once such a container has
//! joined, and as long as the network is.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use rnet_dns::{Forwarding, View};
use rnet_model::{IfName, Network, NetworkId, Object, Place, SandboxId};

use super::Daemon;
use super::network::find_driver;
use super::resolve::host_resolv_conf;
use crate::error::chain;

impl Daemon {
    /// Answers at the gateways of the networks that a guest is on, if it takes its interface itself; a gateway where
    /// that cannot be is told of.
    pub(super) fn answer_at_gateways(&self, sandbox: SandboxId) {
        let networks: Vec<Network> = self.read(|state| {
            let guest = state.sandbox(sandbox).filter(|it| it.takes_interface());
            let endpoints = guest.into_iter().flat_map(|it| state.endpoints_of(it.id));
            let networks = endpoints.filter_map(|it| state.network(it.network));
            networks.cloned().collect()
        });
        if networks.is_empty() {
            return;
        }
        let _one_at_a_time = self.naming();
        for network in networks {
            let resolver = resolver_of(network.id);
            if self.resolver.serves(resolver) {
                continue;
            }
            let Some((bridge, address)) = gateway(&network) else {
                continue;
            };
            self.resolver.update(|names| names.put_view(view(&network)));
            let sockets = self.hands.host.gateway_sockets(&bridge, address);
            let served = sockets
                .map_err(|error| error.to_string())
                .and_then(|sockets| {
                    let served = self.resolver.serve(resolver, sockets.udp, sockets.tcp);
                    served.map_err(|error| chain(&error).to_string())
                });
            if let Err(error) = served {
                tracing::warn!(network = network.name, %address, "names are not answered at the gateway: {error}");
            }
        }
    }

    /// What the gateways see by the host's resolv.conf of now.
    pub(super) fn gateway_views(&self) -> Vec<View> {
        self.read(|state| {
            let networks = state.networks();
            let served = networks.filter(|it| self.resolver.serves(resolver_of(it.id)));
            served.map(view).collect()
        })
    }

    /// Answers no more at the gateway of a network that is gone.
    pub(super) fn leave_gateway(&self, network: NetworkId) {
        let resolver = resolver_of(network);
        self.resolver.stop(resolver);
        self.resolver.update(|names| names.remove_view(resolver));
    }
}

/// What the resolver of a gateway is called among those of sandboxes: ids of both are random.
fn resolver_of(network: NetworkId) -> SandboxId {
    SandboxId::from_bytes(network.bytes())
}

fn view(network: &Network) -> View {
    let servers = host_resolv_conf().nameservers.into_iter();
    let forward = match network.internal {
        true => Forwarding::default(),
        false => Forwarding::from_addresses(Place::Host, servers.map(|it| it.address)),
    };
    View {
        sandbox: resolver_of(network.id),
        networks: vec![network.id],
        links: HashMap::new(),
        forward,
    }
}

/// The bridge of a network, and the host's IPv4 address on it.
fn gateway(network: &Network) -> Option<(IfName, Ipv4Addr)> {
    let driver = find_driver(&network.driver).ok()?;
    let bridge = driver.host_interface(network).ok()??;
    let gateways: Vec<_> = network.subnets.iter().filter_map(|it| it.gateway).collect();
    let on_host = |address: &IpAddr| {
        network.resources.iter().any(|it| match &it.object {
            Object::Address { link, cidr } => *link == bridge && cidr.ip() == *address,
            // which may have had it before
            Object::Adopted(_) => true,
            _ => false,
        })
    };
    let address = gateways
        .into_iter()
        .filter(on_host)
        .find_map(|it| match it {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })?;
    Some((bridge, address))
}
