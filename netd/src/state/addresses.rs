//! The addresses of one network: what endpoints hold, what containers are configured to, and what was leased last.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;
use rnet_ipam::{Held, Space};
use rnet_model::{ContainerId, Endpoint, EndpointSettings, NetworkId};
use serde::{Deserialize, Serialize};

/// The automatic addresses leased last on a network, at most one a family: the search for the next goes on there.
///
/// It lives as long as the running kernel does: after a reboot a network counts from its first address again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LeaseMark {
    /// The network.
    pub network: NetworkId,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
}

/// Follows from endpoints, containers and marks; changed by the state alone.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// What endpoints hold, those on their way in or out included.
    taken: Space,
    /// Who is configured to each address, the container first created first.
    configured: BTreeMap<IpAddr, BTreeSet<(Timestamp, ContainerId)>>,
    /// The keys of `configured`.
    reserved: Space,
    last: Vec<IpAddr>,
}

impl Addresses {
    /// What a new lease must look at.
    pub fn held(&self) -> Held<'_> {
        Held {
            taken: &self.taken,
            reserved: &self.reserved,
            last: &self.last,
        }
    }

    /// The container that `address` is set aside for, whether it runs or not: the one first created of those that
    /// are configured to it.
    pub fn owner(&self, address: IpAddr) -> Option<ContainerId> {
        let owners = self.configured.get(&address)?;
        owners.first().map(|(_, container)| *container)
    }

    /// The mark that a new endpoint's addresses leave: those count that are neither fixed nor what it had `before`.
    pub fn mark(&self, endpoint: &Endpoint, before: &[IpAddr]) -> LeaseMark {
        let settings = &endpoint.settings;
        let fixed = [settings.ipv4_address, settings.ipv6_address];
        let leased = endpoint.addresses.iter().map(|cidr| cidr.ip());
        let mut addresses: Vec<_> = leased
            .filter(|it| !fixed.contains(&Some(*it)) && !before.contains(it))
            .collect();
        let kept = self.last.iter().filter(|last| {
            let same_family = |it: &&IpAddr| it.is_ipv4() == last.is_ipv4();
            addresses.iter().find(same_family).is_none()
        });
        addresses.extend(kept.copied().collect::<Vec<_>>());
        LeaseMark {
            network: endpoint.network,
            addresses,
        }
    }

    pub(super) fn set_mark(&mut self, mark: LeaseMark) {
        self.last = mark.addresses;
    }

    pub(super) fn take(&mut self, endpoint: &Endpoint) {
        self.taken
            .extend(endpoint.addresses.iter().map(|cidr| cidr.ip()));
    }

    pub(super) fn free(&mut self, endpoint: &Endpoint) {
        for cidr in &endpoint.addresses {
            self.taken.remove(cidr.ip());
        }
    }

    pub(super) fn reserve(&mut self, settings: &EndpointSettings, owner: (Timestamp, ContainerId)) {
        for address in configured(settings) {
            self.configured.entry(address).or_default().insert(owner);
            self.reserved.insert(address);
        }
    }

    pub(super) fn release(&mut self, settings: &EndpointSettings, owner: (Timestamp, ContainerId)) {
        for address in configured(settings) {
            let Some(owners) = self.configured.get_mut(&address) else {
                continue;
            };
            owners.remove(&owner);
            if owners.is_empty() {
                self.configured.remove(&address);
                self.reserved.remove(address);
            }
        }
    }
}

fn configured(settings: &EndpointSettings) -> impl Iterator<Item = IpAddr> {
    settings
        .ipv4_address
        .into_iter()
        .chain(settings.ipv6_address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(address: &str) -> EndpointSettings {
        EndpointSettings {
            ipv4_address: address.parse().ok(),
            ..EndpointSettings::default()
        }
    }

    fn container(seed: u8) -> (Timestamp, ContainerId) {
        let created = Timestamp::from_second(seed.into()).unwrap();
        (created, ContainerId::from_bytes([9 - seed; 32]))
    }

    #[test]
    fn an_address_belongs_to_the_first_container_that_is_configured_to_it_as_long_as_there_is_one()
    {
        let mut addresses = Addresses::default();
        let ip: IpAddr = "10.0.0.9".parse().unwrap();
        let [first, second] = [1, 2].map(container);
        addresses.reserve(&fixed("10.0.0.9"), second);
        addresses.reserve(&fixed("10.0.0.9"), first);
        assert_eq!(addresses.owner(ip), Some(first.1));
        addresses.release(&fixed("10.0.0.9"), first);
        assert_eq!(addresses.owner(ip), Some(second.1));
        assert!(addresses.held().reserved.overlaps(ip));
        addresses.release(&fixed("10.0.0.9"), second);
        assert_eq!(addresses.owner(ip), None);
        assert!(!addresses.held().reserved.overlaps(ip));
    }
}
