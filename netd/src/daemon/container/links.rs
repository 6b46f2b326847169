//! Links of containers on the default network (`--link`): names in /etc/hosts, as nothing else resolves names there.
//!
//! On record is the id of the container that is linked to, so that a link outlasts its renaming.

use std::net::IpAddr;
use std::sync::Arc;

use bollard_stubs::models::HostConfig;
use rnet_model::{ContainerId, ContainerLink, InvalidContainerLink};

use super::create::is_host;
use crate::container::{Container, NetworkMode};
use crate::daemon::{Daemon, lookup};
use crate::error::{Error, Result, chain};
use crate::state::{State, is_live};

/// Takes out of what was asked for the containers that a new one links to, and finds them.
///
/// Passed over on other networks: there links are the endpoints', and clients send both (moby, daemon/links.go).
pub(super) fn resolve(state: &State, host: &mut HostConfig) -> Result<Vec<(ContainerId, String)>> {
    if is_host(host) && host.links.iter().flatten().next().is_some() {
        return Err(Error::invalid(
            "conflicting options: host type networking can't be used with links. \
             This would result in undefined behavior",
        ));
    }
    if host.network_mode.as_deref() != Some("bridge") {
        return Ok(Vec::new());
    }
    let links = host.links.take().into_iter().flatten().map(|text| {
        let link: ContainerLink = text
            .parse()
            .map_err(|error: InvalidContainerLink| Error::invalid(error.to_string()))?;
        // "not found" would be taken for the image
        let target = lookup::container(state, &link.container).map_err(|error| {
            Error::Invalid(format!(
                "could not get container for {}: {error}",
                link.container
            ))
        })?;
        if target.network_mode == NetworkMode::Host {
            return Err(Error::invalid(
                "conflicting options: host type networking can't be used with links. \
                 This would result in undefined behavior",
            ));
        }
        Ok((target.id, link.alias))
    });
    links.collect()
}

/// Refuses to start a container without those it is linked to.
pub(super) fn check(state: &State, container: &Container) -> Result<()> {
    let runs = |id| {
        state
            .container(id)
            .is_some_and(|target| target.run.is_running())
    };
    match container.links.iter().find(|(id, _)| !runs(*id)) {
        None => Ok(()),
        Some((id, alias)) => {
            let name = state
                .container(*id)
                .map_or_else(|| id.short(), |target| target.name.clone());
            Err(Error::Conflict(format!(
                "Cannot link to a non running container: /{name} AS /{}/{alias}",
                container.name
            )))
        }
    }
}

/// The names a container's links give: the alias, the other's host name and its name, at each of its addresses.
pub(super) fn names(state: &State, container: &Container) -> Vec<(String, IpAddr)> {
    let mut names: Vec<(String, IpAddr)> = Vec::new();
    for (id, alias) in &container.links {
        let Some(target) = state.container(*id) else {
            continue;
        };
        let sandbox = target.run.sandbox().into_iter();
        let live = sandbox
            .flat_map(|id| state.endpoints_of(id))
            .filter(|it| is_live(it));
        let on_bridge = live.filter(|endpoint| {
            state
                .network(endpoint.network)
                .is_some_and(|network| network.is_default_bridge())
        });
        for address in on_bridge
            .flat_map(|endpoint| &endpoint.addresses)
            .map(|cidr| cidr.ip())
        {
            let hostname = target.config.unpack().hostname.unwrap_or_default();
            for name in [alias, &hostname, &target.name] {
                let line = (name.clone(), address);
                if !name.is_empty() && !names.contains(&line) {
                    names.push(line);
                }
            }
        }
    }
    names
}

impl Daemon {
    /// How a container's links are shown: `/OTHER:/CONTAINER/ALIAS`; one whose container is gone is not.
    pub fn links_of(&self, container: &Container) -> Option<Vec<String>> {
        let shown = self.read(|state| {
            let shown = container.links.iter().filter_map(|(id, alias)| {
                let name = &state.container(*id)?.name;
                Some(format!("/{name}:/{}/{alias}", container.name))
            });
            shown.collect::<Vec<_>>()
        });
        (!shown.is_empty()).then_some(shown)
    }

    /// Tells the containers that are linked to this one of its addresses and name.
    pub(super) fn refresh_links_to(self: &Arc<Self>, id: ContainerId) {
        let linked: Vec<Container> = self.read(|state| {
            let links_here = |it: &&Container| it.links.iter().any(|(target, _)| *target == id);
            let running = state.containers().filter(|it| it.run.is_running());
            running.filter(links_here).cloned().collect()
        });
        for container in linked {
            if let Err(error) = self.write_network_files(&container) {
                tracing::warn!(
                    container = container.id.short(),
                    "links not brought up to date: {}",
                    chain(&error)
                );
            }
        }
    }
}
