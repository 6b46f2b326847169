//! What must change in the table's sets for one policy to become another.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rnet_model::{
    FirewallPolicy, HostPorts, IfName, NetworkPolicy, Protocol, Publication, SourceNat,
};

use super::ruleset;
use crate::KernelError;
use crate::nft::{Element, Elements};

/// The way from one policy to another.
#[derive(Default)]
pub(super) struct Change {
    /// To be deleted before `added` is added: an element that changes is in both.
    pub(super) deleted: Elements,
    pub(super) added: Elements,
    networks: Option<BTreeSet<NetworkPolicy>>,
    withdrawn: Vec<HostPorts>,
    published: Vec<(HostPorts, Publication)>,
}

type Published = BTreeMap<HostPorts, Publication>;

impl Change {
    /// What leads from `old` to `new`; an error if `new` asks for what cannot be done.
    pub(super) fn between(old: &FirewallPolicy, new: &FirewallPolicy) -> Result<Self, KernelError> {
        let mut change = Self::default();
        if old.networks != new.networks {
            change.networks(&old.networks, &new.networks);
        }
        change.ports(&old.published, &new.published)?;
        Ok(change)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.added.is_empty()
    }

    /// Makes the policy this change started from the one it leads to.
    ///
    /// Cheaper than a copy of the new policy, which is almost all old.
    pub(super) fn remember(self, policy: &mut FirewallPolicy) {
        if let Some(networks) = self.networks {
            policy.networks = networks;
        }
        for ports in &self.withdrawn {
            policy.published.remove(ports);
        }
        policy.published.extend(self.published);
    }

    fn networks(&mut self, old: &BTreeSet<NetworkPolicy>, new: &BTreeSet<NetworkPolicy>) {
        let (before, after) = (memberships(old), memberships(new));
        for &(set, bridge) in before.difference(&after) {
            self.deleted
                .entry(set)
                .or_default()
                .push(member(set, bridge));
        }
        for &(set, bridge) in after.difference(&before) {
            self.added.entry(set).or_default().push(member(set, bridge));
        }
        self.networks = Some(new.clone());
    }

    /// Walks both maps side by side: one pass over what is mostly equal.
    fn ports(&mut self, old: &Published, new: &Published) -> Result<(), KernelError> {
        let (mut old, mut new) = (old.iter(), new.iter());
        let (mut gone, mut come) = (old.next(), new.next());
        loop {
            let order = match (gone, come) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(same), Some(other)) if same == other => {
                    (gone, come) = (old.next(), new.next());
                    continue;
                }
                (Some((gone, _)), Some((come, _))) => gone.cmp(come),
            };
            if let Some((ports, publication)) = gone.filter(|_| order.is_le()) {
                self.withdraw(*ports, publication)?;
                gone = old.next();
            }
            if let Some((ports, publication)) = come.filter(|_| order.is_ge()) {
                self.publish(*ports, publication)?;
                come = new.next();
            }
        }
    }

    fn withdraw(&mut self, ports: HostPorts, to: &Publication) -> Result<(), KernelError> {
        let (map, elements) = translations(ports, to)?;
        self.deleted.entry(map).or_default().extend(elements);
        self.withdrawn.push(ports);
        Ok(())
    }

    fn publish(&mut self, ports: HostPorts, to: &Publication) -> Result<(), KernelError> {
        let (map, elements) = translations(ports, to)?;
        self.added.entry(map).or_default().extend(elements);
        self.published.push((ports, to.clone()));
        Ok(())
    }
}

/// Which bridge is in which set.
fn memberships(networks: &BTreeSet<NetworkPolicy>) -> BTreeSet<(&'static str, &IfName)> {
    let of_one = |network: &NetworkPolicy| {
        [
            (true, ruleset::BRIDGES),
            (true, ruleset::WITHIN),
            (!network.icc, ruleset::ISOLATED),
            (network.internal, ruleset::INTERNAL),
            (
                network.ipv4.source == SourceNat::Masquerade,
                ruleset::MASQUERADE,
            ),
        ]
    };
    let all = networks.iter().flat_map(|network| {
        let sets = of_one(network).into_iter().filter(|(member, _)| *member);
        sets.map(|(_, set)| (set, &network.bridge))
    });
    all.collect()
}

fn member(set: &str, bridge: &IfName) -> Element {
    let mut key = bridge.as_str().as_bytes().to_vec();
    key.resize(libc::IFNAMSIZ, 0);
    if set == ruleset::WITHIN {
        key.extend_from_within(..);
    }
    Element {
        key,
        data: Vec::new(),
    }
}

/// The elements of published ports, and their map.
fn translations(
    ports: HostPorts,
    to: &Publication,
) -> Result<(&'static str, impl Iterator<Item = Element>), KernelError> {
    let map = match (ports.address, to.address) {
        (IpAddr::V4(address), IpAddr::V4(_)) if address.is_unspecified() => ruleset::PUBLISH4_ANY,
        (IpAddr::V6(address), IpAddr::V6(_)) if address.is_unspecified() => ruleset::PUBLISH6_ANY,
        (IpAddr::V4(_), IpAddr::V4(_)) => ruleset::PUBLISH4,
        (IpAddr::V6(_), IpAddr::V6(_)) => ruleset::PUBLISH6,
        (_, target) => return Err(KernelError::PublishAcrossFamilies { ports, target }),
    };
    let (target, first) = (to.address, to.first_port);
    let elements = ports
        .ports
        .ports()
        .zip(first..)
        .map(move |(port, to_port)| {
            let mut key = Vec::with_capacity(24);
            if !ports.address.is_unspecified() {
                push_address(&mut key, ports.address);
            }
            push_protocol(&mut key, ports.protocol);
            push_port(&mut key, port);
            let mut data = Vec::with_capacity(20);
            push_address(&mut data, target);
            push_port(&mut data, to_port);
            Element { key, data }
        });
    Ok((map, elements))
}

fn push_address(bytes: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => bytes.extend(address.octets()),
        IpAddr::V6(address) => bytes.extend(address.octets()),
    }
}

fn push_protocol(bytes: &mut Vec<u8>, protocol: Protocol) {
    bytes.extend([protocol.number(), 0, 0, 0]);
}

fn push_port(bytes: &mut Vec<u8>, port: u16) {
    bytes.extend(port.to_be_bytes());
    bytes.extend([0, 0]);
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use rnet_model::PortRange;

    use super::*;

    fn published(ports: &[(u16, u16)]) -> FirewallPolicy {
        let publish = |&(port, target): &(u16, u16)| {
            let ports = HostPorts {
                protocol: Protocol::Tcp,
                address: "0.0.0.0".parse().unwrap(),
                ports: PortRange::one(port),
            };
            let target = SocketAddr::from(([172, 25, 0, 2], target));
            (ports, Publication::to(target))
        };
        FirewallPolicy {
            published: ports.iter().map(publish).collect(),
            ..FirewallPolicy::default()
        }
    }

    fn network(bridge: &str, icc: bool) -> NetworkPolicy {
        NetworkPolicy {
            icc,
            ..NetworkPolicy::of_bridge(bridge.parse().unwrap())
        }
    }

    fn count(elements: &Elements) -> Vec<(&str, usize)> {
        let count = |(set, elements): (&&'static str, &Vec<Element>)| (*set, elements.len());
        elements.iter().map(count).collect()
    }

    #[test]
    fn equal_policies_need_no_change() {
        let mut policy = published(&[(80, 80), (81, 81)]);
        policy.networks = [network("br0", true)].into();
        assert!(
            Change::between(&policy, &policy.clone())
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn only_what_differs_is_deleted_and_added() {
        let old = published(&[(1, 1), (2, 2), (4, 4), (5, 5)]);
        let new = published(&[(0, 0), (2, 2), (3, 3), (4, 9), (6, 6), (7, 7)]);
        let change = Change::between(&old, &new).unwrap();
        assert_eq!(count(&change.deleted), [("publish4_any", 3)]);
        assert_eq!(count(&change.added), [("publish4_any", 5)]);
    }

    #[test]
    fn a_bridge_that_changes_its_kind_stays_in_the_sets_it_was_in() {
        let mut old = FirewallPolicy::default();
        let mut new = FirewallPolicy::default();
        old.networks = [network("br0", true)].into();
        new.networks = [network("br0", false)].into();
        let change = Change::between(&old, &new).unwrap();
        assert_eq!(count(&change.deleted), []);
        assert_eq!(count(&change.added), [("isolated", 1)]);
    }

    #[test]
    fn what_is_remembered_is_what_was_asked_for() {
        let mut old = published(&[(1, 1), (2, 2), (4, 4)]);
        let mut new = published(&[(2, 9), (3, 3), (4, 4)]);
        old.networks = [network("br0", true), network("br1", true)].into();
        new.networks = [network("br0", false)].into();
        Change::between(&old, &new).unwrap().remember(&mut old);
        assert_eq!(old, new);
    }
}
