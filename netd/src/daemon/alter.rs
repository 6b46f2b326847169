//! Altering guests that live: for runtimes that say in several calls what a container is to have.

use std::collections::BTreeMap;

use bollard_stubs::models::PortMap;
use rnet_model::{Endpoint, IfName, MacAddress, Mtu, Object, Resource, Sandbox};

use super::Daemon;
use super::network::{find_driver, refused_by};
use crate::error::{Error, Result, chain};
use crate::state::{Change, is_live};

/// What a guest is to have from now on; what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct GuestChange {
    /// Ports that are published beside those that are already, as in a container's `HostConfig.PortBindings`; an empty
    /// map withdraws them all.
    pub port_bindings: Option<PortMap>,
    /// What one of its interfaces is to have.
    pub interface: Option<InterfaceChange>,
}

/// What an interface of a guest is to have from now on; what is none stays as it is.
#[derive(Clone, Debug)]
pub struct InterfaceChange {
    /// Its name in the guest.
    pub name: IfName,
    /// Names its endpoint answers to beside those it has.
    pub aliases: Vec<String>,
    /// Its hardware address.
    pub mac: Option<MacAddress>,
    /// Its MTU, and that of the host's end.
    pub mtu: Option<Mtu>,
    /// Endpoint options, such as how fast it may be; an empty one is none.
    pub options: BTreeMap<String, String>,
}

impl Daemon {
    /// Changes a guest, wholly or not at all; what it is already is no change.
    pub fn alter_guest(
        &self,
        runtime: Option<&str>,
        reference: &str,
        change: &GuestChange,
    ) -> Result<Sandbox> {
        let container = self.find_guest_of(runtime, reference)?.container;
        self.hold_guest(container, |guest| {
            let before = change
                .interface
                .as_ref()
                .map(|interface| self.alter_interface(&guest, interface))
                .transpose()?;
            let published = match &change.port_bindings {
                None => Ok(()),
                Some(ports) if ports.is_empty() => {
                    self.publish_less(guest.id, &[]);
                    Ok(())
                }
                Some(ports) => self.publish_beside(&guest, ports),
            };
            if let (Err(_), Some(before)) = (&published, before) {
                self.restore(before);
            }
            published?;
            self.find_guest(&container.to_string())
        })
    }

    /// Changes an interface; its endpoint as it was before.
    fn alter_interface(&self, guest: &Sandbox, change: &InterfaceChange) -> Result<Endpoint> {
        let before = self.read(|state| {
            let mut endpoints = state.endpoints_of(guest.id).filter(|it| is_live(it));
            endpoints.find(|it| it.ifname == change.name).cloned()
        });
        let before = before.ok_or_else(|| Error::NotFound {
            kind: "interface",
            reference: change.name.to_string(),
        })?;
        let after = self.limited(altered(before.clone(), change))?;
        if after != before {
            self.let_be(after)
                .inspect_err(|_| self.restore(before.clone()))?;
        }
        Ok(before)
    }

    /// The endpoint with the limits that its options give it, in place of those it has.
    fn limited(&self, mut endpoint: Endpoint) -> Result<Endpoint> {
        let (network, facts) = (
            self.read(|state| state.network(endpoint.network).cloned()),
            self.hands.host.facts()?,
        );
        let network =
            network.ok_or_else(|| Error::no_such_network(endpoint.network.to_string()))?;
        let driver = find_driver(&network.driver)?;
        let answered = driver
            .endpoint_resources(&network, &endpoint, &facts)
            .map_err(refused_by(driver, &network))?;
        let limits = answered.into_iter().filter(is_limit);
        endpoint.resources.retain(|it| !is_limit(it));
        // after the pair, which comes first, and before what is inside
        let place = endpoint.resources.len().min(1);
        endpoint.resources.splice(place..place, limits);
        Ok(endpoint)
    }

    /// Records an endpoint and lets the kernel and the resolver follow.
    fn let_be(&self, endpoint: Endpoint) -> Result<()> {
        let (id, sandbox, resources) = (endpoint.id, endpoint.sandbox, endpoint.resources.clone());
        // while it is on record: of what a crash leaves half removed, nothing may be forgotten
        let gone: Vec<Resource> = self.read(|state| {
            let recorded = state.endpoint(id).into_iter().flat_map(|it| &it.resources);
            let gone = recorded.filter(|it| is_limit(it) && !resources.contains(it));
            gone.cloned().collect()
        });
        if let Some(error) = self.hands.kernel.remove_all(&gone).into_iter().next() {
            return Err(error.into());
        }
        {
            let mut state = self.state();
            let mark = state.addresses(endpoint.network).mark(&endpoint, &[]);
            let changes = vec![Change::PutEndpoint(endpoint), Change::PutMark(mark)];
            self.commit(&mut state, changes)?;
        }
        self.build_endpoints(&resources, &[id])?;
        self.publish_names(sandbox, &[id])?;
        self.announce(&[id]);
        Ok(())
    }

    fn restore(&self, endpoint: Endpoint) {
        let sandbox = endpoint.sandbox;
        if let Err(error) = self.let_be(endpoint) {
            tracing::warn!(
                sandbox = sandbox.short(),
                "not as it was before: {}",
                chain(&error)
            );
        }
    }
}

fn is_limit(resource: &Resource) -> bool {
    matches!(resource.object, Object::Shaper(_) | Object::Intake(_))
}

fn altered(mut endpoint: Endpoint, change: &InterfaceChange) -> Endpoint {
    let known = |names: &[String], new: &str| names.iter().any(|it| it.eq_ignore_ascii_case(new));
    for alias in &change.aliases {
        if !known(&endpoint.names, alias) {
            endpoint.names.push(alias.clone());
        }
        if !known(&endpoint.settings.aliases, alias) {
            endpoint.settings.aliases.push(alias.clone());
        }
    }
    let options = &mut endpoint.settings.driver_options;
    for (option, value) in &change.options {
        match value.is_empty() {
            true => options.remove(option),
            false => options.insert(option.clone(), value.clone()),
        };
    }
    if let Some(mac) = change.mac {
        endpoint.mac = mac;
        endpoint.settings.mac_address = Some(mac);
    }
    for resource in &mut endpoint.resources {
        if let Object::Veth(veth) = &mut resource.object {
            veth.peer.mac = endpoint.mac;
            veth.mtu = change.mtu.or(veth.mtu);
        }
    }
    endpoint
}
