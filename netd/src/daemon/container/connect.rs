//! Connecting containers to networks, and disconnecting them, running or not.

use std::sync::Arc;

use rnet_model::{EndpointId, EndpointSettings, Network, NetworkId, PublishedPorts, SandboxId};

use super::create::Mistakes;
use crate::container::{Container, NetworkMode};
use crate::daemon::Daemon;
use crate::daemon::attach::EndpointRequest;
use crate::daemon::ports::Families;
use crate::error::{Error, Result};
use crate::state::Change;

impl Daemon {
    /// Attaches a container to one more network; a running one at once, another whenever it starts.
    pub fn connect(
        self: &Arc<Self>,
        network: &str,
        container: &str,
        settings: EndpointSettings,
    ) -> Result<()> {
        let network = self.find_network(network)?;
        let id = match self.find_container(container) {
            Ok(container) => container.id,
            Err(error) => match self.find_guest(container) {
                Ok(guest) => return self.connect_guest(&network, &guest, &settings),
                Err(_) => return Err(error),
            },
        };
        self.lives.hold(id, || {
            let container = self.find_container(&id.to_string())?;
            may_connect(&container, &network, &settings)?;
            if let Some(sandbox) = container.run.sandbox() {
                self.connect_sandbox(sandbox, endpoint_request(&container, &network, &settings))?;
            }
            let sandbox = container.run.sandbox();
            let published = sandbox.map_or(Ok(Vec::new()), |sandbox| {
                self.write_network_files(&container)?;
                self.publish_on(&network, &container, &settings, sandbox)
            });
            let before = published.inspect_err(|_| {
                sandbox.iter().for_each(|it| self.leave(*it, network.id));
            })?;
            let recorded = self.record_networks(container, |networks| {
                networks.insert(network.id, Box::new(settings))
            });
            recorded.inspect_err(|_| {
                // what is not on record with its container is not connected
                if let Some(sandbox) = sandbox {
                    self.leave(sandbox, network.id);
                    self.publish_less(sandbox, &before);
                }
            })
        })
    }

    /// Publishes what one more network lets a container publish; gives what it published before.
    fn publish_on(
        &self,
        network: &Network,
        container: &Container,
        settings: &EndpointSettings,
        sandbox: SandboxId,
    ) -> Result<Vec<PublishedPorts>> {
        let mut connected = container.clone();
        connected
            .networks
            .insert(network.id, Box::new(settings.clone()));
        let mut families = Families::default();
        self.read(|state| {
            let mut networks = connected
                .networks
                .keys()
                .filter_map(|it| state.network(*it));
            networks.try_for_each(|it| families.add(it))
        })?;
        self.publish_more(sandbox, &self.wanted_ports(&connected)?, families)
    }

    /// Detaches a container from a network. With `force`, an endpoint whose container is gone is removed too.
    pub fn disconnect(self: &Arc<Self>, network: &str, container: &str, force: bool) -> Result<()> {
        let network = self.find_network(network)?;
        let id = match self.find_container(container) {
            Ok(container) => container.id,
            Err(error) => match self.find_guest(container) {
                Ok(guest) => return self.disconnect_guest(&network, &guest),
                Err(_) if force && matches!(error, Error::NoSuchContainer(_)) => {
                    return self.disconnect_name(&network, container);
                }
                Err(_) => return Err(error),
            },
        };
        self.lives.hold(id, || {
            let container = self.find_container(&id.to_string())?;
            if container.network_mode == NetworkMode::Host {
                return Err(Error::invalid(
                    "cannot disconnect container from host network - \
                     container was created in host network mode",
                ));
            }
            if !container.networks.contains_key(&network.id) {
                return Err(not_connected(&container.name, &network));
            }
            self.record_networks(container.clone(), |networks| networks.remove(&network.id))?;
            if let Some(sandbox) = container.run.sandbox() {
                self.leave(sandbox, network.id);
                self.write_network_files(&container)?;
            }
            Ok(())
        })
    }

    /// Removes what a sandbox has on a network.
    pub(in crate::daemon) fn leave(&self, sandbox: SandboxId, network: NetworkId) {
        let endpoints: Vec<EndpointId> = self.read(|state| {
            let endpoints = state.endpoints_of(sandbox);
            let on_network = endpoints.filter(|endpoint| endpoint.network == network);
            on_network.map(|endpoint| endpoint.id).collect()
        });
        self.undo(sandbox, &endpoints, false);
    }

    fn disconnect_name(&self, network: &Network, name: &str) -> Result<()> {
        let found = self.read(|state| {
            let mut endpoints = state.endpoints_on(network.id);
            let named = endpoints.find(|it| it.names.first().is_some_and(|own| own == name))?;
            Some((named.sandbox, named.id))
        });
        let (sandbox, endpoint) = found.ok_or_else(|| not_connected(name, network))?;
        self.undo(sandbox, &[endpoint], false);
        Ok(())
    }

    fn record_networks<T>(
        &self,
        mut container: Container,
        edit: impl FnOnce(&mut std::collections::BTreeMap<NetworkId, Box<EndpointSettings>>) -> T,
    ) -> Result<()> {
        edit(&mut container.networks);
        if container.network_mode == NetworkMode::None && !container.networks.is_empty() {
            container.network_mode = NetworkMode::Attached;
        }
        self.commit(
            &mut self.state(),
            vec![Change::PutContainer(Box::new(container))],
        )
    }
}

/// What an endpoint of this container on this network is to be.
pub(super) fn endpoint_request(
    container: &Container,
    network: &Network,
    settings: &EndpointSettings,
) -> EndpointRequest {
    EndpointRequest {
        network: network.id,
        settings: settings.clone(),
        names: endpoint_names(container, settings),
        before: container
            .addresses
            .get(&network.id)
            .cloned()
            .unwrap_or_default(),
    }
}

/// The names an endpoint of this container answers to.
pub(super) fn endpoint_names(container: &Container, settings: &EndpointSettings) -> Vec<String> {
    let hostname = container.config.hostname.as_deref().unwrap_or_default();
    let own = [container.name.as_str(), &container.id.short(), hostname];
    crate::daemon::attach::names(own, settings)
}

/// Refuses what no container of this mode, or nobody on this network, may have (moby, daemon/container_operations.go).
pub(super) fn may_connect(
    container: &Container,
    network: &Network,
    settings: &EndpointSettings,
) -> Result<()> {
    let refuse = |message: &str| Err(Error::invalid(message));
    match (container.network_mode, network.name.as_str()) {
        (NetworkMode::Host | NetworkMode::Container, _) => {
            return refuse(
                "container sharing network namespace with another container or host \
                 cannot be connected to any other network",
            );
        }
        (_, "host") => {
            return refuse(
                "cannot connect container to host network - container must be created in host network mode",
            );
        }
        (_, "none") => {
            return refuse(
                "container cannot be connected to multiple networks with one of the networks in private (none) mode",
            );
        }
        _ => {}
    }
    if container.networks.contains_key(&network.id) {
        return Err(Error::Forbidden(format!(
            "endpoint with name {} already exists in network {}",
            container.name, network.name
        )));
    }
    may_have(network, settings)
}

/// Refuses templates, settings that only user-defined networks have, and addresses of link scope that are the network's.
pub(in crate::daemon) fn may_have(network: &Network, settings: &EndpointSettings) -> Result<()> {
    may_be_joined(network)?;
    let mut mistakes = Mistakes::default();
    let fixed = settings.ipv4_address.is_some() || settings.ipv6_address.is_some();
    if !network.is_user_defined() {
        let only = [
            (
                fixed,
                "user specified IP address is supported on user defined networks only",
            ),
            (
                !settings.aliases.is_empty(),
                "network-scoped aliases are only supported for user-defined networks",
            ),
            (
                !settings.links.is_empty(),
                "links of an endpoint are only supported for user-defined networks",
            ),
        ];
        let asked = only.into_iter().filter(|(asked, _)| *asked);
        asked.for_each(|(_, mistake)| mistakes.note(mistake));
    }
    for &address in &settings.link_local {
        let mut subnets = network.subnets.iter().map(|subnet| subnet.subnet);
        if let Some(subnet) = subnets.find(|subnet| subnet.contains(address)) {
            mistakes.note(format!(
                "invalid link-local IP address: {address} is in the network's subnet {subnet}"
            ));
        }
    }
    mistakes.none()
}

/// Refuses templates.
pub(super) fn may_be_joined(network: &Network) -> Result<()> {
    match network.config_only {
        false => Ok(()),
        true => Err(Error::Forbidden(format!(
            "cannot create endpoint on configuration-only network {}: it is a template for others",
            network.name
        ))),
    }
}

fn not_connected(container: &str, network: &Network) -> Error {
    Error::Failed(format!(
        "container {container} is not connected to network {}",
        network.name
    ))
}

#[cfg(test)]
mod tests;
