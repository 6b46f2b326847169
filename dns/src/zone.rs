//! The names of one network.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use rnet_model::EndpointId;

use crate::EndpointNames;

/// Who holds which name and which address on one network.
#[derive(Debug, Default)]
pub(crate) struct Zone {
    /// The network's name, as it is looked up.
    pub(crate) name: String,
    holders: HashMap<String, Vec<EndpointId>>,
    owners: HashMap<IpAddr, EndpointId>,
}

impl Zone {
    /// Adds an endpoint that is not in the zone; one name of several endpoints stands for all of them.
    pub(crate) fn insert(&mut self, names: &EndpointNames) {
        self.name = normal(&names.network_name);
        for name in keys(names) {
            // most names have one holder: a list grows by four at once
            match self.holders.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(vec![names.endpoint]);
                }
                Entry::Occupied(held) if held.get().contains(&names.endpoint) => {}
                Entry::Occupied(mut held) => held.get_mut().push(names.endpoint),
            }
        }
        for &address in &names.addresses {
            self.owners.insert(address, names.endpoint);
        }
    }

    /// Takes an endpoint out.
    pub(crate) fn remove(&mut self, names: &EndpointNames) {
        for name in keys(names) {
            if let Some(holders) = self.holders.get_mut(&name) {
                holders.retain(|holder| *holder != names.endpoint);
                if holders.is_empty() {
                    self.holders.remove(&name);
                }
            }
        }
        for address in &names.addresses {
            // An address may have been handed on before the endpoint that had it is taken out.
            if self.owners.get(address) == Some(&names.endpoint) {
                self.owners.remove(address);
            }
        }
    }

    /// The endpoints that hold `name`, which is lower-case.
    pub(crate) fn holders(&self, name: &str) -> Option<&[EndpointId]> {
        self.holders.get(name).map(Vec::as_slice)
    }

    /// The endpoint that has `address`.
    pub(crate) fn owner(&self, address: IpAddr) -> Option<EndpointId> {
        self.owners.get(&address).copied()
    }

    /// Whether nobody is in the zone.
    pub(crate) fn is_empty(&self) -> bool {
        self.holders.is_empty() && self.owners.is_empty()
    }
}

/// A name as it is looked up: without regard to case (RFC 4343) and to the root's dot.
pub(crate) fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn keys(names: &EndpointNames) -> impl Iterator<Item = String> {
    names
        .names
        .iter()
        .map(|name| normal(name))
        .filter(|name| !name.is_empty())
}
