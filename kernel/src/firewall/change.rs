//! What must change in the table's sets for one policy to become another.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use rnet_model::{FirewallPolicy, HostSocket, IfName, NetworkPolicy, Protocol};

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
    withdrawn: Vec<HostSocket>,
    published: Vec<(HostSocket, SocketAddr)>,
}

type Published = BTreeMap<HostSocket, SocketAddr>;

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
        for socket in &self.withdrawn {
            policy.published.remove(socket);
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

    /// Walks both maps side by side: one pass, no matter how many ports there are.
    fn ports(&mut self, old: &Published, new: &Published) -> Result<(), KernelError> {
        let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((gone, _)), Some((come, _))) => gone.cmp(come),
            };
            let gone = if order.is_le() { old.next() } else { None };
            let come = if order.is_ge() { new.next() } else { None };
            if gone != come {
                gone.map_or(Ok(()), |(socket, target)| self.withdraw(*socket, *target))?;
                come.map_or(Ok(()), |(socket, target)| self.publish(*socket, *target))?;
            }
        }
    }

    fn withdraw(&mut self, socket: HostSocket, target: SocketAddr) -> Result<(), KernelError> {
        let (map, element) = translation(socket, target)?;
        self.deleted.entry(map).or_default().push(element);
        self.withdrawn.push(socket);
        Ok(())
    }

    fn publish(&mut self, socket: HostSocket, target: SocketAddr) -> Result<(), KernelError> {
        let (map, element) = translation(socket, target)?;
        self.added.entry(map).or_default().push(element);
        self.published.push((socket, target));
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
            (network.masquerade, ruleset::MASQUERADE),
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

/// The element of a published port, and its map.
fn translation(
    socket: HostSocket,
    target: SocketAddr,
) -> Result<(&'static str, Element), KernelError> {
    let map = match (socket.address, target.ip()) {
        (IpAddr::V4(address), IpAddr::V4(_)) if address.is_unspecified() => ruleset::PUBLISH4_ANY,
        (IpAddr::V6(address), IpAddr::V6(_)) if address.is_unspecified() => ruleset::PUBLISH6_ANY,
        (IpAddr::V4(_), IpAddr::V4(_)) => ruleset::PUBLISH4,
        (IpAddr::V6(_), IpAddr::V6(_)) => ruleset::PUBLISH6,
        _ => return Err(KernelError::PublishAcrossFamilies { socket, target }),
    };
    let mut key = Vec::with_capacity(24);
    if !socket.address.is_unspecified() {
        push_address(&mut key, socket.address);
    }
    push_protocol(&mut key, socket.protocol);
    push_port(&mut key, socket.port);
    let mut data = Vec::with_capacity(20);
    push_address(&mut data, target.ip());
    push_port(&mut data, target.port());
    Ok((map, Element { key, data }))
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
