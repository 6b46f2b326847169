//! Which of a sandbox's endpoints leads out of it.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rnet_drivers::driver;
use rnet_model::{Cidr, Endpoint, Network, Object, Resource, SandboxId};

use crate::state::{State, is_live};

/// The endpoint that leads out, and the next hop, for each family: they may differ.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gateways<'a> {
    /// For IPv4.
    pub v4: Option<(&'a Endpoint, IpAddr)>,
    /// For IPv6.
    pub v6: Option<(&'a Endpoint, IpAddr)>,
}

/// Chooses the gateways among one sandbox's endpoints: the first [`in_order`] for each family.
pub fn gateways<'a>(
    state: &'a State,
    endpoints: impl Iterator<Item = &'a Endpoint>,
) -> Gateways<'a> {
    let candidates = in_order(state, endpoints);
    let first = |v4: bool| {
        candidates.iter().find_map(|(endpoint, _, gateways)| {
            let has_address = endpoint.addresses.iter().any(|cidr| cidr.is_ipv4() == v4);
            let gateway = gateways.iter().find(|gateway| gateway.is_ipv4() == v4)?;
            has_address.then_some((*endpoint, *gateway))
        })
    };
    Gateways {
        v4: first(true),
        v6: first(false),
    }
}

/// One sandbox's endpoints that count, each with its network and that network's gateways: the highest priority first,
/// then both families before one, then the network's name (libnetwork, `endpoint.go`, `Less`).
pub fn in_order<'a>(
    state: &'a State,
    endpoints: impl Iterator<Item = &'a Endpoint>,
) -> Vec<(&'a Endpoint, &'a Network, Vec<IpAddr>)> {
    let live = endpoints.filter(|endpoint| is_live(endpoint));
    let mut candidates: Vec<_> = live
        .filter_map(|endpoint| {
            let network = state.network(endpoint.network)?;
            let gateways = match &endpoint.joined {
                Some(joined) => joined.gateways.clone(),
                None => driver(&network.driver)?.gateways(network),
            };
            Some((endpoint, network, gateways))
        })
        .collect();
    candidates.sort_by_key(|(endpoint, network, gateways)| {
        (
            Reverse(endpoint.settings.gw_priority),
            Reverse(gateways.len()),
            &network.name,
        )
    });
    candidates
}

/// The default routes a sandbox with these endpoints should have.
pub fn default_routes<'a>(
    state: &'a State,
    sandbox: SandboxId,
    endpoints: impl Iterator<Item = &'a Endpoint>,
) -> Vec<Resource> {
    let Gateways { v4, v6 } = gateways(state, endpoints);
    [
        (v4, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        (v6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    ]
    .into_iter()
    .filter_map(|(gateway, everywhere)| {
        let (endpoint, next_hop) = gateway?;
        let route = Object::Route {
            destination: Cidr::new(everywhere, 0).expect("a prefix of length 0 is valid"),
            gateway: Some(next_hop),
            link: endpoint.ifname.clone(),
        };
        Some(Resource::sandbox(sandbox, route))
    })
    .collect()
}
