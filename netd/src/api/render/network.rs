//! A network as clients see it.

use std::collections::HashMap;
use std::net::IpAddr;

use bollard_stubs::models::{ConfigReference, EndpointResource, Ipam, IpamConfig, NetworkInspect};
use rnet_model::{Cidr, Endpoint, Network, NetworkId, Subnet};

use crate::state::{State, is_live};

/// A network without the containers on it, as lists show it.
pub(in crate::api) fn inspect(network: &Network) -> NetworkInspect {
    NetworkInspect {
        name: Some(network.name.clone()),
        id: Some(network.id.to_string()),
        created: Some(network.created.to_string()),
        scope: Some("local".to_owned()),
        driver: Some(network.driver.clone()),
        enable_ipv4: Some(network.enable_ipv4),
        enable_ipv6: Some(network.enable_ipv6),
        ipam: Some(Ipam {
            driver: Some(
                network
                    .ipam_driver
                    .clone()
                    .unwrap_or_else(|| "default".to_owned()),
            ),
            config: Some(network.subnets.iter().map(subnet).collect()),
            options: Some(network.ipam_options.clone().into_iter().collect()),
        }),
        internal: Some(network.internal),
        attachable: Some(network.attachable),
        ingress: Some(false),
        config_from: Some(ConfigReference {
            network: Some(network.config_from.clone().unwrap_or_default()),
        }),
        config_only: Some(network.config_only),
        options: Some(network.options.clone().into_iter().collect()),
        labels: Some(network.labels.clone().into_iter().collect()),
        containers: Some(HashMap::new()),
        ..NetworkInspect::default()
    }
}

/// Adds the running containers on a network.
pub(in crate::api) fn with_containers(
    mut shown: NetworkInspect,
    state: &State,
    network: NetworkId,
) -> NetworkInspect {
    let live = state
        .endpoints_on(network)
        .filter(|endpoint| is_live(endpoint));
    shown.containers = Some(live.map(|endpoint| resource(state, endpoint)).collect());
    shown
}

fn resource(state: &State, endpoint: &Endpoint) -> (String, EndpointResource) {
    let sandbox = state.sandbox(endpoint.sandbox);
    let container = sandbox.and_then(|sandbox| state.container(sandbox.container));
    let guest = sandbox.filter(|sandbox| sandbox.guest.is_some());
    let id = container.map(|it| it.id).or(guest.map(|it| it.container));
    let key = id.map_or_else(|| format!("ep-{}", endpoint.id), |id| id.to_string());
    let address = |fits: fn(&IpAddr) -> bool| {
        let found = endpoint.addresses.iter().find(|cidr| fits(&cidr.ip()));
        Some(found.map(Cidr::to_string).unwrap_or_default())
    };
    let shown = EndpointResource {
        name: container
            .map(|it| it.name.clone())
            .or_else(|| endpoint.names.first().cloned()),
        endpoint_id: Some(endpoint.id.to_string()),
        mac_address: Some(endpoint.mac.to_string()),
        ipv4_address: address(IpAddr::is_ipv4),
        ipv6_address: address(IpAddr::is_ipv6),
    };
    (key, shown)
}

fn subnet(subnet: &Subnet) -> IpamConfig {
    let named = subnet.auxiliary_addresses.iter();
    let auxiliary: HashMap<_, _> = named
        .map(|(name, ip)| (name.clone(), ip.to_string()))
        .collect();
    IpamConfig {
        subnet: Some(subnet.subnet.to_string()),
        ip_range: subnet.ip_range.as_ref().map(Cidr::to_string),
        gateway: subnet.gateway.as_ref().map(IpAddr::to_string),
        auxiliary_addresses: (!auxiliary.is_empty()).then_some(auxiliary),
    }
}
