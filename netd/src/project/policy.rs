//! The firewall policy the state means.

use rnet_drivers::driver;
use rnet_model::{Endpoint, FirewallPolicy, HostPorts, Publication, Sandbox};

use super::gateways;
use crate::state::State;

/// What the host allows, translates and drops in this state.
///
/// A published port leads to the address of the sandbox's gateway endpoint of that family, and nowhere while there
/// is none.
pub fn policy(state: &State) -> FirewallPolicy {
    let networks = state.networks().filter_map(|network| {
        // options were checked when the network was created: a network that has none now has no driver any more
        driver(&network.driver)?.firewall(network).ok().flatten()
    });
    let published = state
        .sandboxes()
        .filter(|sandbox| !sandbox.ports.is_empty())
        .flat_map(|sandbox| published(state, sandbox));
    FirewallPolicy {
        networks: networks.collect(),
        published: published.collect(),
        ..FirewallPolicy::default()
    }
}

fn published<'a>(
    state: &'a State,
    sandbox: &'a Sandbox,
) -> impl Iterator<Item = (HostPorts, Publication)> + 'a {
    let gateways = gateways(state, state.endpoints_of(sandbox.id));
    let v4 = gateways
        .v4
        .and_then(|(endpoint, _)| address(endpoint, true));
    let v6 = gateways
        .v6
        .and_then(|(endpoint, _)| address(endpoint, false));
    sandbox.ports.iter().filter_map(move |published| {
        let ports = HostPorts {
            protocol: published.protocol,
            address: published.host_address,
            ports: published.host_ports,
        };
        let publication = Publication {
            address: if ports.address.is_ipv4() { v4 } else { v6 }?,
            first_port: published.container_ports.first(),
            from: published.from.clone(),
        };
        Some((ports, publication))
    })
}

fn address(endpoint: &Endpoint, v4: bool) -> Option<std::net::IpAddr> {
    endpoint
        .addresses
        .iter()
        .map(|cidr| cidr.ip())
        .find(|ip| ip.is_ipv4() == v4)
}
