//! Attaching an endpoint to a network of a plugin's: what it is asked and told between reserve and protect.
//!
//! ```text
//! on record            then
//! endpoint             RequestAddress, a family      -> the address, on record
//! CreateEndpoint, Join CreateEndpoint                -> what it left open, on record
//!                      Join                          -> the link, the routes, the name inside, on record
//! ```
//! A failure anywhere is undone as every attach is.

use std::net::IpAddr;

use rnet_kernel::pin_path;
use rnet_model::{
    Endpoint, EndpointId, HostFacts, Joined, MacAddress, Network, Object, Phase, Resource, Sandbox,
    SandboxId, Step, Subnet,
};

use super::{has_plugin, is_remote, told};
use crate::daemon::Daemon;
use crate::daemon::interface::{IFNAME_OPTION, hardware_address, numbered};
use crate::daemon::network::{find_driver, refused_by};
use crate::error::{Error, Result};
use crate::project;
use crate::remote::{Interface, JoinAnswer, PluginError};
use crate::state::{Change, State};

impl Daemon {
    /// Lets plugins decide what is theirs to decide about endpoints that are reserved; what is to be made of them now,
    /// or none where no plugin has a say. `whole` is as in [`Daemon::undo`].
    pub(in crate::daemon) fn consult(
        &self,
        sandbox: SandboxId,
        endpoints: &[EndpointId],
        whole: bool,
    ) -> Result<Option<Vec<Resource>>> {
        let asked = self.read(|state| {
            let endpoints = endpoints.iter().filter_map(|id| state.endpoint(*id));
            let asked = endpoints.filter(|it| state.network(it.network).is_some_and(has_plugin));
            asked.map(|it| it.id).collect::<Vec<_>>()
        });
        if asked.is_empty() {
            return Ok(None);
        }
        if whole {
            // plugins may look at the namespace that they are told of
            let own = self.read(|state| own_resources(state, sandbox));
            self.hands.kernel.ensure_all(&own)?;
        }
        asked.into_iter().try_for_each(|id| self.consult_for(id))?;
        self.record_routes(sandbox, endpoints, whole).map(Some)
    }

    fn consult_for(&self, id: EndpointId) -> Result<()> {
        let (network, endpoint, sandbox) = self.read(|state| known(state, id))?;
        self.request_addresses(&network, &endpoint)?;
        let facts = self.hands.host.facts()?;
        let offered = sandbox.takes_interface();
        if !is_remote(&network) {
            return self
                .amend(id, |_, it| {
                    if it.settings.mac_address.is_none() {
                        it.mac = hardware_address(network.id, &it.addresses);
                    }
                    answer(&network, it, &facts, offered)
                })
                .map(drop);
        }
        let (_, endpoint, _) = self.read(|state| known(state, id))?;
        let wanted = match super::ipam(&network) {
            Some(plugin) if self.plugins.needs_mac(plugin)? => Some(endpoint.mac),
            _ => endpoint.settings.mac_address,
        };
        let made = self
            .plugins
            .create_endpoint(&network, &endpoint, &sandbox, wanted)?;
        let endpoint = self.amend(id, |state, it| complete(state, &network, it, &made, wanted))?;
        let key = pin_path(&self.settings.run_dir, sandbox.id);
        let said = self.plugins.join(&network, &endpoint, &key)?;
        let (joined, mac) = self.joined(&network, &said, wanted.or(made.mac_address))?;
        self.amend(id, |state, endpoint| {
            let own = said.interface_name.as_ref();
            let prefix = own.map_or("", |it| it.dst_prefix.as_str());
            let chosen = endpoint.settings.driver_options.contains_key(IFNAME_OPTION);
            if !prefix.is_empty() && !chosen {
                let present = state.endpoints_of(endpoint.sandbox);
                let others = present.filter(|it| it.id != id);
                endpoint.ifname = numbered(prefix, others, &[])?;
            }
            endpoint.mac = mac.unwrap_or(endpoint.mac);
            endpoint.joined = Some(joined);
            answer(&network, endpoint, &facts, offered)
        })
        .map(drop)
    }

    /// Reads what a plugin says of the link that it made, and sees whether it can be; with the address of that link.
    fn joined(
        &self,
        network: &Network,
        answer: &JoinAnswer,
        mac: Option<MacAddress>,
    ) -> Result<(Joined, Option<MacAddress>)> {
        let own = answer.interface_name.as_ref();
        let link = own.and_then(|it| it.src_name.clone());
        let odd = |reason: String| Error::from(PluginError::odd_join(&network.driver, reason));
        let mut shown = mac;
        if let Some(name) = &link {
            let found = self.hands.host.foreign_link(name)?;
            let found = found.ok_or_else(|| odd(format!("there is no interface {name}")))?;
            if found.needed {
                return Err(odd(format!("interface {name} is one that the host needs")));
            }
            shown = mac.or(found.mac);
        }
        let routes = answer.static_routes.iter().flatten();
        let joined = Joined {
            link,
            mac,
            gateways: answer
                .gateway
                .into_iter()
                .chain(answer.gateway_v6)
                .collect(),
            routes: routes.map(|it| it.route()).collect(),
        };
        Ok((joined, shown))
    }

    /// Changes an endpoint's record.
    pub(super) fn amend(
        &self,
        id: EndpointId,
        change: impl FnOnce(&State, &mut Endpoint) -> Result<()>,
    ) -> Result<Endpoint> {
        let mut state = self.state();
        let mut endpoint = state.endpoint(id).cloned().ok_or_else(gone)?;
        change(&state, &mut endpoint)?;
        let mark = state.addresses(endpoint.network).mark(&endpoint, &[]);
        let changes = vec![Change::PutEndpoint(endpoint.clone()), Change::PutMark(mark)];
        self.commit(&mut state, changes)?;
        Ok(endpoint)
    }

    /// Records the default routes that the endpoints mean by now; all that is to be made.
    fn record_routes(
        &self,
        id: SandboxId,
        endpoints: &[EndpointId],
        whole: bool,
    ) -> Result<Vec<Resource>> {
        let mut state = self.state();
        let mut sandbox = state.sandbox(id).cloned().ok_or_else(gone)?;
        if !sandbox.takes_interface() {
            let routes = project::default_routes(&state, id, state.endpoints_of(id));
            sandbox.replace_routes(routes);
        }
        let routes: Vec<_> = sandbox.routes().cloned().collect();
        self.commit(&mut state, vec![Change::PutSandbox(sandbox)])?;
        let own = whole.then(|| own_resources(&state, id));
        let endpoints = endpoints.iter().filter_map(|id| state.endpoint(*id));
        let theirs = endpoints.flat_map(|it| it.resources.clone());
        Ok(own
            .into_iter()
            .flatten()
            .chain(theirs)
            .chain(routes)
            .collect())
    }
}

/// Lets the driver answer again, now that more is known; what plugins were told of addresses stays before that.
fn answer(
    network: &Network,
    endpoint: &mut Endpoint,
    facts: &HostFacts,
    offered: bool,
) -> Result<()> {
    let driver = find_driver(&network.driver)?;
    let answered = driver
        .endpoint_resources(network, endpoint, facts)
        .map_err(refused_by(driver, network))?;
    let answered = match offered {
        true => project::offered(answered).unwrap_or_default(),
        false => answered,
    };
    let is_address =
        |it: &Resource| told(it).is_some_and(|it| matches!(it.step, Step::Address { .. }));
    endpoint.resources.retain(is_address);
    endpoint.resources.extend(answered);
    Ok(())
}

/// What a plugin left open of an endpoint, or rnet did; neither says again what the other said.
fn complete(
    state: &State,
    network: &Network,
    endpoint: &mut Endpoint,
    made: &Interface,
    mac: Option<MacAddress>,
) -> Result<()> {
    let odd = |reason: String| Error::from(PluginError::odd_endpoint(&network.driver, reason));
    for cidr in made.address.into_iter().chain(made.address_v6) {
        let v4 = cidr.is_ipv4();
        if let Some(own) = endpoint.addresses.iter().find(|it| it.is_ipv4() == v4) {
            return Err(odd(format!(
                "driver modified interface address: {own} to {cidr}"
            )));
        }
        let address: IpAddr = cidr.ip();
        let of_family = |it: &&Subnet| it.subnet.is_ipv4() == v4;
        let mut subnets = network.subnets.iter().filter(of_family).peekable();
        if subnets.peek().is_some() && !subnets.any(|it| it.subnet.contains(address)) {
            return Err(odd(format!(
                "address {address} is of no subnet of the network"
            )));
        }
        if state.addresses(network.id).held().taken.overlaps(address) {
            return Err(odd(format!(
                "address {address} is that of another endpoint"
            )));
        }
        endpoint.addresses.push(cidr);
    }
    match (mac, made.mac_address) {
        (Some(own), Some(other)) if own != other => Err(odd(format!(
            "driver modified interface MAC address: {own} to {other}"
        ))),
        _ => Ok(()),
    }
}

/// What a sandbox stands on of its own, but for its routes, which need its endpoints.
fn own_resources(state: &State, sandbox: SandboxId) -> Vec<Resource> {
    let own = state.sandbox(sandbox).map(|it| it.resources.clone());
    let mut own = own.unwrap_or_default();
    own.retain(|it| !matches!(it.object, Object::Route { .. }));
    own
}

fn known(state: &State, id: EndpointId) -> Result<(Network, Endpoint, Sandbox)> {
    let endpoint = state.endpoint(id).filter(|it| it.phase == Phase::Attaching);
    let endpoint = endpoint.ok_or_else(gone)?;
    let network = state.network(endpoint.network);
    let sandbox = state.sandbox(endpoint.sandbox);
    let (network, sandbox) = network.zip(sandbox).ok_or_else(gone)?;
    Ok((network.clone(), endpoint.clone(), sandbox.clone()))
}

fn gone() -> Error {
    Error::Conflict("the container has stopped, or left its network, meanwhile".to_owned())
}
