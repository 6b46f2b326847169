//! The firewall policy the state means.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rnet_model::{
    Endpoint, HostPorts, Inbound, NetworkId, NetworkPolicy, OpenPorts, Publication, Sandbox,
    SandboxId,
};

use super::{Targets, targets};
use crate::state::{State, is_live};

pub(super) type Networks = BTreeMap<NetworkId, NetworkPolicy>;

/// What the host allows, translates and drops for the ports of one sandbox.
///
/// A published port leads to the address of the sandbox's gateway endpoint of that family, and nowhere while there
/// is none. Where containers are reached at their own addresses, the sandbox's ports are opened instead: on each of its
/// endpoints whose network is routed or has trusted interfaces (libnetwork does the same for gateway mode `routed`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Share {
    /// As in [`FirewallPolicy::published`](rnet_model::FirewallPolicy::published).
    pub published: BTreeMap<HostPorts, Publication>,
    /// As in [`FirewallPolicy::opened`](rnet_model::FirewallPolicy::opened).
    pub opened: BTreeSet<OpenPorts>,
}

impl Share {
    /// That of a sandbox in this state; nothing if there is none.
    pub fn of(state: &State, sandbox: SandboxId) -> Self {
        match state.sandbox(sandbox).filter(|it| !it.ports.is_empty()) {
            None => Self::default(),
            Some(sandbox) => Self {
                published: published(state, sandbox).collect(),
                opened: opened(state, state.network_policies(), sandbox),
            },
        }
    }
}

fn published<'a>(
    state: &State,
    sandbox: &'a Sandbox,
) -> impl Iterator<Item = (HostPorts, Publication)> + use<'a> {
    let Targets { v4, v6 } = targets(state, sandbox.id);
    let bound = sandbox.ports.iter().filter(|it| it.is_bound());
    bound.filter_map(move |published| {
        let ports = published.host();
        let publication = Publication {
            address: if ports.address.is_ipv4() { v4 } else { v6 }?,
            first_port: published.container_ports.first(),
            from: published.from.clone(),
        };
        Some((ports, publication))
    })
}

fn opened(state: &State, networks: &Networks, sandbox: &Sandbox) -> BTreeSet<OpenPorts> {
    let mut opened = BTreeSet::new();
    for endpoint in state.endpoints_of(sandbox.id).filter(|it| is_live(it)) {
        let trusts = networks
            .get(&endpoint.network)
            .is_some_and(|network| !network.trusted.is_empty());
        for v4 in [true, false] {
            let is_routed = is_routed(networks, endpoint, v4);
            let Some(address) = address(endpoint, v4).filter(|_| is_routed || trusts) else {
                continue;
            };
            let ports = sandbox.ports.iter();
            let ports = ports.filter(|it| it.host_address.is_ipv4() == v4);
            opened.extend(ports.map(|published| OpenPorts {
                address,
                protocol: published.protocol,
                ports: published.container_ports,
                from: published.from.clone(),
            }));
        }
    }
    opened
}

/// Whether an endpoint is reached at its own address in that family, not by ports of the host.
pub(super) fn is_routed(networks: &Networks, endpoint: &Endpoint, v4: bool) -> bool {
    let policy = networks
        .get(&endpoint.network)
        .map(|network| if v4 { network.ipv4 } else { network.ipv6 });
    policy.is_some_and(|policy| policy.inbound == Inbound::Opened)
}

/// An endpoint's address of that family.
pub(super) fn address(endpoint: &Endpoint, v4: bool) -> Option<IpAddr> {
    endpoint
        .addresses
        .iter()
        .map(|cidr| cidr.ip())
        .find(|ip| ip.is_ipv4() == v4)
}
