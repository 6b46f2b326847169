//! The addresses of one network: what endpoints hold, what containers are configured to, and what was leased last.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;
use rnet_ipam::{Held, Space};
use rnet_model::{Cidr, ContainerId, Endpoint, EndpointSettings, NetworkId};
use serde::{Deserialize, Serialize};

/// What is remembered of the addresses that were leased on a network.
///
/// It lives as long as the running kernel does: after a reboot a network counts from its first address again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LeaseMark {
    /// The network.
    pub network: NetworkId,
    /// The automatic addresses leased last, at most one a family: the search for the next goes on there.
    pub addresses: Vec<IpAddr>,
    /// Whether an endpoint ever had a hardware address that does not follow from each of its addresses, so that
    /// neighbours may remember another for one of them than whoever is given it next has.
    #[serde(default = "unknown")]
    pub mixed: bool,
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
    mixed: bool,
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

    /// Whether neighbours may remember another hardware address for one that is given to an endpoint:
    /// [`LeaseMark::mixed`].
    pub const fn are_mixed(&self) -> bool {
        self.mixed
    }

    /// The mark that a new endpoint leaves: those addresses count that are neither fixed nor what it had `before`.
    pub fn mark(&self, endpoint: &Endpoint, before: &[IpAddr]) -> LeaseMark {
        let settings = &endpoint.settings;
        let fixed = [settings.ipv4_address, settings.ipv6_address];
        let leased = endpoint.addresses.iter().map(|cidr| cidr.ip());
        let addresses: Vec<_> = leased
            .filter(|it| !fixed.contains(&Some(*it)) && !before.contains(it))
            .collect();
        LeaseMark {
            network: endpoint.network,
            addresses: self.after(addresses),
            mixed: self.mixed || !follows_from_addresses(endpoint),
        }
    }

    /// The mark that an address leaves which is leased before its endpoint is made.
    pub fn mark_at(&self, network: NetworkId, address: IpAddr) -> LeaseMark {
        LeaseMark {
            network,
            addresses: self.after(vec![address]),
            mixed: self.mixed,
        }
    }

    /// The addresses leased last once these are, at most one a family.
    fn after(&self, mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
        let kept = self.last.iter().filter(|last| {
            let same_family = |it: &&IpAddr| it.is_ipv4() == last.is_ipv4();
            addresses.iter().find(same_family).is_none()
        });
        addresses.extend(kept.copied().collect::<Vec<_>>());
        addresses
    }

    pub(super) fn set_mark(&mut self, mark: LeaseMark) {
        self.last = mark.addresses;
        self.mixed = mark.mixed;
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

/// Whether everyone who ever has one of an endpoint's addresses has its hardware address as well, as long as this holds
/// for all: that one is made from the first address, which the others are in step with.
fn follows_from_addresses(endpoint: &Endpoint) -> bool {
    let settings = &endpoint.settings;
    let place = |cidr: &Cidr| match (cidr.ip(), cidr.network()) {
        (IpAddr::V4(ip), IpAddr::V4(first)) => Some(u128::from(ip.to_bits() - first.to_bits())),
        (IpAddr::V6(ip), IpAddr::V6(first)) => Some(ip.to_bits() - first.to_bits()),
        _ => None,
    };
    let mut places = endpoint.addresses.iter().map(place);
    let first = places.next();
    settings.mac_address.is_none()
        && settings.link_local.is_empty()
        && first.is_none_or(|first| places.all(|place| place == first))
}

/// A mark that was left by a version that knew nothing of this.
const fn unknown() -> bool {
    true
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

    fn endpoint(addresses: &[&str], settings: EndpointSettings) -> Endpoint {
        Endpoint {
            id: rnet_model::EndpointId::from_bytes([1; 32]),
            network: NetworkId::from_bytes([2; 32]),
            sandbox: rnet_model::SandboxId::from_bytes([3; 32]),
            phase: rnet_model::Phase::Attaching,
            ifname: "eth0".parse().unwrap(),
            mac: "02:00:00:00:00:01".parse().unwrap(),
            addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
            shard: 0,
            joined: None,
            names: vec![],
            settings,
            resources: vec![],
        }
    }

    #[test]
    fn a_network_is_mixed_from_the_first_hardware_address_on_that_does_not_follow_from_the_others()
    {
        let usual = EndpointSettings::default;
        let in_step = endpoint(&["10.1.2.3/16", "fd00::203/64"], usual());
        let chosen = EndpointSettings {
            mac_address: "02:00:00:00:00:09".parse().ok(),
            ..usual()
        };
        let local = EndpointSettings {
            link_local: vec!["169.254.1.1".parse().unwrap()],
            ..usual()
        };
        for odd in [
            endpoint(&["10.1.2.3/16", "fd00::4/64"], usual()),
            endpoint(&["10.1.2.3/16"], chosen),
            endpoint(&["10.1.2.3/16"], local),
        ] {
            let mut addresses = Addresses::default();
            addresses.set_mark(addresses.mark(&in_step, &[]));
            assert!(!addresses.are_mixed());
            addresses.set_mark(addresses.mark(&odd, &[]));
            assert!(addresses.are_mixed(), "{odd:?}");
            addresses.set_mark(addresses.mark(&in_step, &[]));
            assert!(addresses.are_mixed());
        }
    }
}
