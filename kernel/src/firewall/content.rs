//! What each part of a policy is in the table's sets.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rnet_model::{
    Cidr, FamilyPolicy, HostPorts, IfName, Inbound, NetworkPolicy, OpenPorts, Publication,
    SourceNat,
};

use super::interval::Sockets;
use super::ruleset::{
    BRIDGES, CLIENTS4, CLIENTS6, INTERNAL, ISOLATED, MASQUERADED, OPENED_RANGES4, OPENED_RANGES6,
    OPENED4, OPENED6, PUBLISH4, PUBLISH4_ANY, PUBLISH6, PUBLISH6_ANY, RANGES4, RANGES6,
    RESTRICTED4, RESTRICTED6, ROUTED, SOURCE4, SOURCE6, TRUSTED, UNPROTECTED, WITHIN,
};
use crate::KernelError;
use crate::nft::{Element, Value};

/// An element, and the name of the set or map it is in.
pub(super) type Member = (&'static str, Element);

/// The elements of a network.
pub(super) fn network(network: &NetworkPolicy) -> Vec<Member> {
    let mut members = Vec::new();
    for bridge in bridges(network) {
        members.push((BRIDGES, keyed(link(bridge))));
        members.extend((!network.icc).then(|| (ISOLATED, keyed(link(bridge)))));
        members.extend(network.internal.then(|| (INTERNAL, keyed(link(bridge)))));
        let pair = |from: &IfName| keyed(link(from).name(bridge));
        members.extend(bridges(network).map(|from| (WITHIN, pair(from))));
        members.extend(network.trusted.iter().map(|from| (TRUSTED, pair(from))));
        members.extend(family(bridge, true, network.ipv4));
        members.extend(family(bridge, false, network.ipv6));
    }
    members
}

/// The elements of published ports: one interval if they keep their numbers, else one each.
pub(super) fn published(at: &HostPorts, to: &Publication) -> Result<Vec<Member>, KernelError> {
    let (address, protocol, ports) = (at.address, at.protocol, at.ports);
    let v4 = address.is_ipv4();
    if v4 != to.address.is_ipv4() {
        return Err(KernelError::PublishAcrossFamilies {
            ports: *at,
            target: to.address,
        });
    }
    let sockets = Sockets::at(address, protocol, ports);
    let mut members = for_clients(v4, sockets, &to.from);
    if ports.count() > 1 && ports.first() == to.first_port {
        let range = Element {
            data: Value::default().address(to.address),
            ..sockets.element()
        };
        members.push((if v4 { RANGES4 } else { RANGES6 }, range));
        return Ok(members);
    }
    let (map, key) = match (address, address.is_unspecified()) {
        (IpAddr::V4(_), true) => (PUBLISH4_ANY, Value::default()),
        (IpAddr::V6(_), true) => (PUBLISH6_ANY, Value::default()),
        (IpAddr::V4(_), false) => (PUBLISH4, Value::default().address(address)),
        (IpAddr::V6(_), false) => (PUBLISH6, Value::default().address(address)),
    };
    members.extend(ports.ports().zip(to.first_port..).map(|(port, to_port)| {
        let one = Element {
            data: Value::default().address(to.address).port(to_port),
            ..keyed(key.clone().protocol(protocol).port(port))
        };
        (map, one)
    }));
    Ok(members)
}

/// The elements of opened ports.
pub(super) fn opened(open: &OpenPorts) -> Vec<Member> {
    let v4 = open.address.is_ipv4();
    let sockets = Sockets::at(open.address, open.protocol, open.ports);
    let mut members = for_clients(v4, sockets, &open.from);
    members.push(if open.ports.count() == 1 {
        let socket = Value::default().address(open.address);
        let socket = socket.protocol(open.protocol).port(open.ports.first());
        (if v4 { OPENED4 } else { OPENED6 }, keyed(socket))
    } else {
        let ranges = if v4 { OPENED_RANGES4 } else { OPENED_RANGES6 };
        (ranges, sockets.element())
    });
    members
}

/// The elements that keep everyone but `from` away from sockets; none where all may come.
fn for_clients(v4: bool, sockets: Sockets, from: &BTreeSet<Cidr>) -> Vec<Member> {
    if from.is_empty() {
        return Vec::new();
    }
    let (restricted, clients) = match v4 {
        true => (RESTRICTED4, CLIENTS4),
        false => (RESTRICTED6, CLIENTS6),
    };
    let allowed = sockets.with_clients(from).map(|client| (clients, client));
    allowed.chain([(restricted, sockets.element())]).collect()
}

fn bridges(network: &NetworkPolicy) -> impl Iterator<Item = &IfName> {
    std::iter::once(&network.bridge).chain(&network.shards)
}

fn family(bridge: &IfName, v4: bool, policy: FamilyPolicy) -> impl Iterator<Item = Member> {
    let of_family = || keyed(Value::default().family(v4).name(bridge));
    let source = match policy.source {
        SourceNat::Keep => None,
        SourceNat::Masquerade => Some((MASQUERADED, of_family())),
        SourceNat::Address(address) => {
            let data = Value::default().address(address);
            let to_address = Element {
                data,
                ..keyed(link(bridge))
            };
            Some((if v4 { SOURCE4 } else { SOURCE6 }, to_address))
        }
    };
    let inbound = match policy.inbound {
        Inbound::Translated => None,
        Inbound::Opened => Some((ROUTED, of_family())),
        Inbound::Everything => Some((UNPROTECTED, of_family())),
    };
    source.into_iter().chain(inbound)
}

fn link(name: &IfName) -> Value {
    Value::default().name(name)
}

fn keyed(key: Value) -> Element {
    Element {
        key,
        ..Element::default()
    }
}
