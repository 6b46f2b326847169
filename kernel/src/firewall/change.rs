//! What must change in the table's sets for one policy to become another.

use std::cmp::Ordering;

use rnet_model::{FirewallPolicy, HostPorts, NetworkPolicy, OpenPorts, Publication};

use super::content::{self, Member};
use crate::KernelError;
use crate::nft::Elements;

/// The way from one policy to another.
#[derive(Default)]
pub(super) struct Change {
    /// To be deleted before `added` is added: an element that changes is in both.
    pub(super) deleted: Elements,
    pub(super) added: Elements,
    gone: Vec<NetworkPolicy>,
    come: Vec<NetworkPolicy>,
    withdrawn: Vec<HostPorts>,
    published: Vec<(HostPorts, Publication)>,
    closed: Vec<OpenPorts>,
    opened: Vec<OpenPorts>,
}

impl Change {
    /// What leads from `old` to `new`; an error if `new` asks for what cannot be done.
    pub(super) fn between(old: &FirewallPolicy, new: &FirewallPolicy) -> Result<Self, KernelError> {
        let mut change = Self::default();
        change.networks(differing(&old.networks, &new.networks, |&network| network));
        let published = differing(&old.published, &new.published, |(ports, _)| **ports);
        for (ports, to) in published.gone {
            put(&mut change.deleted, content::published(ports, to)?);
            change.withdrawn.push(*ports);
        }
        for (ports, to) in published.come {
            put(&mut change.added, content::published(ports, to)?);
            change.published.push((*ports, to.clone()));
        }
        let opened = differing(&old.opened, &new.opened, |&ports| ports);
        for ports in opened.gone {
            put(&mut change.deleted, content::opened(ports));
            change.closed.push(ports.clone());
        }
        for ports in opened.come {
            put(&mut change.added, content::opened(ports));
            change.opened.push(ports.clone());
        }
        Ok(change)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.added.is_empty()
    }

    /// Makes the policy this change started from the one it leads to.
    ///
    /// Cheaper than a copy of the new policy, which is almost all old.
    pub(super) fn remember(self, policy: &mut FirewallPolicy) {
        for network in &self.gone {
            policy.networks.remove(network);
        }
        policy.networks.extend(self.come);
        for ports in &self.withdrawn {
            policy.published.remove(ports);
        }
        policy.published.extend(self.published);
        for ports in &self.closed {
            policy.opened.remove(ports);
        }
        policy.opened.extend(self.opened);
    }

    /// A network that changed is gone and come, and what it is in both times stays; no two share a bridge.
    fn networks(&mut self, networks: Differing<&NetworkPolicy>) {
        let before = content::networks(&networks.gone);
        let after = content::networks(&networks.come);
        put(&mut self.deleted, before.difference(&after).cloned());
        put(&mut self.added, after.difference(&before).cloned());
        self.gone = networks.gone.into_iter().cloned().collect();
        self.come = networks.come.into_iter().cloned().collect();
    }
}

fn put(elements: &mut Elements, members: impl IntoIterator<Item = Member>) {
    for (set, element) in members {
        elements.entry(set).or_default().push(element);
    }
}

/// What is in one of two collections and not the same in the other.
struct Differing<T> {
    gone: Vec<T>,
    come: Vec<T>,
}

/// Walks both side by side: one pass over what is mostly equal. Both are sorted by `key`.
fn differing<T: PartialEq + Copy, K: Ord>(
    old: impl IntoIterator<Item = T>,
    new: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> Differing<T> {
    let (mut old, mut new) = (old.into_iter(), new.into_iter());
    let (mut gone, mut come) = (old.next(), new.next());
    let mut differing = Differing {
        gone: Vec::new(),
        come: Vec::new(),
    };
    loop {
        let order = match (gone, come) {
            (None, None) => return differing,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(same), Some(other)) if same == other => {
                (gone, come) = (old.next(), new.next());
                continue;
            }
            (Some(gone), Some(come)) => key(&gone).cmp(&key(&come)),
        };
        if order.is_le() {
            differing.gone.extend(gone);
            gone = old.next();
        }
        if order.is_ge() {
            differing.come.extend(come);
            come = new.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use rnet_model::{PortRange, Protocol};

    use super::*;
    use crate::nft::Element;

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
