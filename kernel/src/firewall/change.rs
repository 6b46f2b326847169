//! What must change in the table's sets for one policy to become another.

use std::collections::BTreeSet;

use imbl::{ordmap, ordset};
use rnet_model::{FirewallPolicy, NetworkPolicy};

use super::content::{self, Member};
use crate::KernelError;
use crate::nft::Elements;

/// The way from one policy to another.
#[derive(Default)]
pub(super) struct Change {
    /// To be deleted before `added` is added: an element that changes is in both.
    pub(super) deleted: Elements,
    pub(super) added: Elements,
}

impl Change {
    /// What leads from `old` to `new`; an error if `new` asks for what cannot be done.
    ///
    /// What both share, as a policy does with the copy it was made from, is not looked at.
    pub(super) fn between(old: &FirewallPolicy, new: &FirewallPolicy) -> Result<Self, KernelError> {
        let mut change = Self::default();
        change.networks(old.networks.diff(&new.networks));
        for difference in old.published.diff(&new.published) {
            let (gone, come) = match difference {
                ordmap::DiffItem::Remove(ports, to) => (Some((ports, to)), None),
                ordmap::DiffItem::Update { old, new } => (Some(old), Some(new)),
                ordmap::DiffItem::Add(ports, to) => (None, Some((ports, to))),
            };
            if let Some((ports, to)) = gone {
                put(&mut change.deleted, content::published(ports, to)?);
            }
            if let Some((ports, to)) = come {
                put(&mut change.added, content::published(ports, to)?);
            }
        }
        for difference in old.opened.diff(&new.opened) {
            match difference {
                ordset::DiffItem::Remove(gone) => put(&mut change.deleted, content::opened(gone)),
                ordset::DiffItem::Add(come) => put(&mut change.added, content::opened(come)),
            }
        }
        Ok(change)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.added.is_empty()
    }

    /// A network that changed is gone and come, and what it is in both times stays; no two share a bridge.
    fn networks<'a>(
        &mut self,
        differences: impl Iterator<Item = ordset::DiffItem<'a, 'a, NetworkPolicy>>,
    ) {
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        for difference in differences {
            match difference {
                ordset::DiffItem::Remove(gone) => before.extend(content::network(gone)),
                ordset::DiffItem::Add(come) => after.extend(content::network(come)),
            }
        }
        put(&mut self.deleted, before.difference(&after).cloned());
        put(&mut self.added, after.difference(&before).cloned());
    }
}

fn put(elements: &mut Elements, members: impl IntoIterator<Item = Member>) {
    for (set, element) in members {
        elements.entry(set).or_default().push(element);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use rnet_model::{HostPorts, PortRange, Protocol, Publication};

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
        policy.networks.insert(network("br0", true));
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
        old.networks.insert(network("br0", true));
        new.networks.insert(network("br0", false));
        let change = Change::between(&old, &new).unwrap();
        assert_eq!(count(&change.deleted), []);
        assert_eq!(count(&change.added), [("isolated", 1)]);
    }

    #[test]
    fn a_copy_that_changed_leads_to_the_same_elements_as_a_policy_made_anew() {
        let all: Vec<_> = (1..2000).map(|port| (port, port)).collect();
        let old = published(&all);
        let mut copy = old.clone();
        let mut rest = all.clone();
        for index in [1998, 1500, 700, 0] {
            let gone = published(&[rest.remove(index)]);
            copy.published.remove(gone.published.keys().next().unwrap());
        }
        let anew = published(&rest);
        let [copied, anew] = [&copy, &anew].map(|new| Change::between(&old, new).unwrap());
        assert_eq!(count(&copied.deleted), [("publish4_any", 4)]);
        assert_eq!(copied.deleted, anew.deleted);
        assert_eq!(copied.added, anew.added);
    }
}
