//! Deciding everything about a new network, before anything is touched.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use rnet_drivers::{Driver, DriverError};
use rnet_ipam::SubnetRequest;
use rnet_model::{Cidr, ForeignBridge, HostFacts, IfName, Network, NetworkId, Object, Resource};

use super::predefined::INTERFACE;
use super::request::template_subnets;
use super::{NetworkRequest, find_driver, refused_by};
use crate::daemon::Daemon;
use crate::daemon::plugins::has_plugin;
use crate::error::{Error, Result};
use crate::state::State;

/// Naming this interface of the host asks for the bridge that has the name already.
const BRIDGE_NAME: &str = "com.docker.network.bridge.name";

impl Daemon {
    /// Decides everything about a network of that id, but for what plugins decide; touches nothing.
    ///
    /// Where a plugin gives its addresses, the subnets that are asked for are the second part of the answer.
    pub(super) fn plan_network(
        &self,
        id: NetworkId,
        request: NetworkRequest,
    ) -> Result<(Network, Vec<SubnetRequest>)> {
        self.read(|state| refuse_taken_name(&request.name, id, state))?;
        if request.config_only {
            return Ok((template(id, request)?, Vec::new()));
        }
        let mut request = self.read(|state| request.filled(state))?;
        let asked = request.driver.clone();
        let asked = asked.unwrap_or_else(|| "bridge".to_owned());
        let driver = find_driver(&asked)?;
        let chosen = !Network::is_predefined_name(&request.name) && !driver.is_singleton();
        if chosen && request.config_from.is_none() {
            let defaults = self.settings.default_network_options.get(&asked);
            defaults.into_iter().for_each(|it| request.add_options(it));
        }
        let (enable_ipv4, enable_ipv6) = request.families()?;
        let built_in = rnet_drivers::driver(&asked);
        let mut network = Network {
            driver: built_in.map_or(asked, |it| it.name().to_owned()),
            enable_ipv4,
            enable_ipv6,
            ..bare(id, &request)
        };
        network.unsettled = has_plugin(&network);
        let interface = driver
            .host_interface(&network)
            .map_err(refused_by(driver, &network))?;
        self.read(|state| refuse_shared_bridge(&network, interface.as_ref(), state))?;
        if network.ipam_driver.is_some() {
            return Ok((network, request.subnets));
        }
        if !driver.is_singleton() {
            let mut subnets = request.subnets;
            let adopted = self.bridge_to_adopt(&network, interface.as_ref())?;
            let adopted = adopted.iter();
            adopted.for_each(|bridge| join_subnets(bridge, &network, &mut subnets));
            let given: BTreeSet<_> = subnets.iter().filter_map(|it| it.gateway).collect();
            network.subnets = self.plan_subnets(&network, subnets)?;
            free_gateways(driver, &mut network, &given).map_err(refused_by(driver, &network))?;
        }
        network.resources = self.network_resources(&network)?;
        Ok((network, Vec::new()))
    }

    /// What a network stands on, now that its subnets are decided.
    pub(in crate::daemon) fn network_resources(&self, network: &Network) -> Result<Vec<Resource>> {
        let driver = find_driver(&network.driver)?;
        let interface = driver
            .host_interface(network)
            .map_err(refused_by(driver, network))?;
        let facts = HostFacts {
            bridge: self.bridge_to_adopt(network, interface.as_ref())?,
            ..self.hands.host.facts()?
        };
        driver
            .network_resources(network, &facts)
            .and_then(|resources| driver.firewall(network).map(|_| resources))
            .map_err(refused_by(driver, network))
    }

    /// The bridge of somebody else that the network is to use: one whose name was asked for.
    fn bridge_to_adopt(
        &self,
        network: &Network,
        interface: Option<&IfName>,
    ) -> Result<Option<ForeignBridge>> {
        // nobody asked for the interface that the network `bridge` has by default
        let named = network
            .options
            .get(BRIDGE_NAME)
            .filter(|name| !(name.is_empty() || network.is_default_bridge() && *name == INTERFACE));
        match named.and(interface) {
            Some(interface) => Ok(self.hands.host.foreign_bridge(interface)?),
            None => Ok(None),
        }
    }
}

/// Leaves gateways' addresses that the host will not have to containers, but for those that somebody named.
fn free_gateways(
    driver: &dyn Driver,
    network: &mut Network,
    given: &BTreeSet<IpAddr>,
) -> Result<(), DriverError> {
    for index in 0..network.subnets.len() {
        let subnet = &network.subnets[index];
        let is_named = subnet.gateway.is_some_and(|it| given.contains(&it));
        if !is_named && !driver.has_gateway(network, subnet.subnet.is_ipv4())? {
            network.subnets[index].gateway = None;
        }
    }
    Ok(())
}

/// A network with nothing decided about it.
fn bare(id: NetworkId, request: &NetworkRequest) -> Network {
    Network {
        id,
        name: request.name.clone(),
        created: Timestamp::now(),
        driver: "null".to_owned(),
        subnets: Vec::new(),
        enable_ipv4: false,
        enable_ipv6: false,
        internal: request.internal,
        attachable: request.attachable,
        config_only: request.config_only,
        config_from: request.config_from.clone(),
        options: request.options.clone(),
        ipam_driver: request.ipam_driver.clone(),
        unsettled: false,
        ipam_options: request.ipam_options.clone(),
        labels: request.labels.clone(),
        resources: Vec::new(),
    }
}

/// A template is kept as it was asked for: its driver and its addresses are those of the networks made from it.
fn template(id: NetworkId, request: NetworkRequest) -> Result<Network> {
    request.check_template()?;
    let (enable_ipv4, enable_ipv6) = request.families()?;
    Ok(Network {
        enable_ipv4,
        enable_ipv6,
        subnets: template_subnets(&request.subnets)?,
        ..bare(id, &request)
    })
}

/// Lets a network that adopts a bridge be on the subnets of that bridge, with its addresses as gateways, unless it
/// asks for others.
fn join_subnets(bridge: &ForeignBridge, network: &Network, asked: &mut Vec<SubnetRequest>) {
    for (enabled, v4) in [(network.enable_ipv4, true), (network.enable_ipv6, false)] {
        let mut addresses = bridge.addresses.iter().filter(|it| it.is_ipv4() == v4);
        let of_family = |it: &&mut SubnetRequest| it.subnet.is_some_and(|it| it.is_ipv4() == v4);
        if let Some(asked) = asked.iter_mut().find(of_family) {
            let within = |it: &&Cidr| asked.subnet == subnet(**it);
            let own = addresses.find(within).map(|it| it.ip());
            asked.gateway = asked.gateway.or(own);
        } else if let Some(address) = addresses.next().filter(|_| enabled) {
            asked.push(SubnetRequest {
                subnet: subnet(*address),
                gateway: Some(address.ip()),
                ..SubnetRequest::default()
            });
        }
    }
}

/// The subnet of an address.
fn subnet(address: Cidr) -> Option<Cidr> {
    Cidr::new(address.network(), address.prefix()).ok()
}

fn refuse_taken_name(name: &str, id: NetworkId, state: &State) -> Result<()> {
    match state.networks().any(|it| it.name == name && it.id != id) {
        true => Err(Error::Conflict(format!(
            "network with name {name} already exists"
        ))),
        false => Ok(()),
    }
}

fn refuse_shared_bridge(network: &Network, wanted: Option<&IfName>, state: &State) -> Result<()> {
    let mut others = state.networks().filter(|it| it.id != network.id);
    let Some(name) = wanted else { return Ok(()) };
    match others.find(|other| bridges(other).any(|it| it == name)) {
        None => Ok(()),
        Some(other) => Err(Error::Forbidden(format!(
            "cannot create network {} ({}): conflicts with network {} ({}): \
             networks have same bridge name {name}",
            network.id, network.name, other.id, other.name
        ))),
    }
}

/// The host's bridges that a network is, its own or adopted.
fn bridges(network: &Network) -> impl Iterator<Item = &IfName> {
    network.resources.iter().filter_map(|it| match &it.object {
        Object::Bridge(bridge) => Some(&bridge.name),
        Object::Adopted(bridge) => Some(&bridge.name),
        _ => None,
    })
}
