//! A container's place on its networks as clients see it.

use std::collections::HashMap;
use std::net::IpAddr;

use bollard_stubs::models::{EndpointIpamConfig, EndpointSettings};
use rnet_model::{Cidr, Endpoint, EndpointSettings as Asked, Network};

use crate::container::{Container, NetworkMode};
use crate::state::{State, is_live};

/// A container's networks by name; what only a running one has is empty otherwise.
pub(in crate::api) fn networks(
    state: &State,
    container: &Container,
) -> HashMap<String, EndpointSettings> {
    match container.network_mode {
        NetworkMode::Attached => {}
        NetworkMode::None => return alone(state, "none"),
        NetworkMode::Host => return alone(state, "host"),
        NetworkMode::Container => return HashMap::new(),
    }
    let live = |network: &Network| {
        let mut endpoints = state.endpoints_of(container.run.sandbox()?);
        endpoints.find(|endpoint| endpoint.network == network.id && is_live(endpoint))
    };
    let known = container
        .networks
        .iter()
        .filter_map(|(id, asked)| Some((state.network(*id)?, asked)));
    known
        .map(|(network, asked)| (network.name.clone(), shown(network, asked, live(network))))
        .collect()
}

/// The network of a container in the host's namespace, or in one with nothing in it.
fn alone(state: &State, name: &str) -> HashMap<String, EndpointSettings> {
    let network = state.networks().find(|network| network.name == name);
    let one = network.map(|it| (it.name.clone(), shown(it, &Asked::default(), None)));
    one.into_iter().collect()
}

/// A place on a network; what only a live endpoint has is empty without one.
pub(super) fn shown(
    network: &Network,
    asked: &Asked,
    endpoint: Option<&Endpoint>,
) -> EndpointSettings {
    let gateway = |fits: fn(&IpAddr) -> bool| {
        let found = network.gateways().find(fits).filter(|_| endpoint.is_some());
        Some(found.map(|ip| ip.to_string()).unwrap_or_default())
    };
    let address = |fits: fn(&IpAddr) -> bool| {
        endpoint.and_then(|it| it.addresses.iter().find(|cidr| fits(&cidr.ip())))
    };
    let ip = |cidr: Option<&Cidr>| Some(cidr.map(|it| it.ip().to_string()).unwrap_or_default());
    let prefix = |cidr: Option<&Cidr>| Some(cidr.map_or(0, |it| i64::from(it.prefix())));
    let (v4, v6) = (address(IpAddr::is_ipv4), address(IpAddr::is_ipv6));
    let mac = endpoint.map(|it| it.mac).or(asked.mac_address);
    let names = endpoint
        .map(|it| it.names.clone())
        .filter(|_| network.is_user_defined());
    EndpointSettings {
        ipam_config: ipam(asked),
        links: (!asked.links.is_empty())
            .then(|| asked.links.iter().map(ToString::to_string).collect()),
        mac_address: Some(mac.map(|mac| mac.to_string()).unwrap_or_default()),
        aliases: Some(asked.aliases.clone()),
        driver_opts: Some(asked.driver_options.clone().into_iter().collect()),
        gw_priority: Some(asked.gw_priority),
        network_id: Some(network.id.to_string()),
        endpoint_id: Some(endpoint.map(|it| it.id.to_string()).unwrap_or_default()),
        gateway: gateway(IpAddr::is_ipv4),
        ip_address: ip(v4),
        ip_prefix_len: prefix(v4),
        ipv6_gateway: gateway(IpAddr::is_ipv6),
        global_ipv6_address: ip(v6),
        global_ipv6_prefix_len: prefix(v6),
        dns_names: Some(names.unwrap_or_default()),
    }
}

fn ipam(asked: &Asked) -> Option<EndpointIpamConfig> {
    let text = |address: Option<IpAddr>| address.map(|ip| ip.to_string());
    let link_local = asked.link_local.iter().map(IpAddr::to_string);
    let config = EndpointIpamConfig {
        ipv4_address: text(asked.ipv4_address),
        ipv6_address: text(asked.ipv6_address),
        link_local_ips: (!asked.link_local.is_empty()).then(|| link_local.collect()),
    };
    (config != EndpointIpamConfig::default()).then_some(config)
}
