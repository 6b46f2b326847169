//! Sockets, and the clients of them, as intervals.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rnet_model::{Cidr, PortRange, Protocol};

use crate::nft::{Element, Value};

/// Successive ports at an address, or at every address of a family.
#[derive(Clone, Copy)]
pub(super) struct Sockets {
    addresses: Addresses,
    protocol: Protocol,
    ports: PortRange,
}

/// Successive addresses: all that share a prefix.
#[derive(Clone, Copy)]
struct Addresses {
    first: IpAddr,
    last: IpAddr,
}

impl Sockets {
    /// Those at `address`; an unspecified one stands for every address of its family.
    pub(super) fn at(address: IpAddr, protocol: Protocol, ports: PortRange) -> Self {
        Self {
            addresses: Addresses::of(address),
            protocol,
            ports,
        }
    }

    /// All of them.
    pub(super) fn element(self) -> Element {
        Element {
            key: self.first(Value::default()),
            end: self.last(Value::default()),
            data: Value::default(),
        }
    }

    /// Each of these clients together with all of them; no two of the elements overlap, which the kernel would refuse.
    pub(super) fn with_clients(self, from: &BTreeSet<Cidr>) -> impl Iterator<Item = Element> {
        let v4 = self.addresses.first.is_ipv4();
        let of_family = from.iter().filter(|it| it.is_ipv4() == v4);
        let clients = apart(of_family.map(Addresses::with_prefix).collect());
        clients.into_iter().map(move |client| Element {
            key: self.first(Value::default().address(client.first)),
            end: self.last(Value::default().address(client.last)),
            data: Value::default(),
        })
    }

    fn first(self, value: Value) -> Value {
        let value = value.address(self.addresses.first).protocol(self.protocol);
        value.port(self.ports.first())
    }

    fn last(self, value: Value) -> Value {
        let value = value.address(self.addresses.last).protocol(self.protocol);
        value.port(self.ports.last())
    }
}

impl Addresses {
    fn of(address: IpAddr) -> Self {
        let last = match address {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::BROADCAST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::from_bits(u128::MAX).into(),
            one => one,
        };
        let first = address;
        Self { first, last }
    }

    fn with_prefix(prefix: &Cidr) -> Self {
        Self {
            first: prefix.network(),
            last: prefix.broadcast(),
        }
    }
}

/// All of them, without those inside of others: two prefixes are apart, or one is inside the other.
fn apart(mut all: Vec<Addresses>) -> Vec<Addresses> {
    all.sort_by_key(|it| (it.first, Reverse(it.last)));
    all.dedup_by(|next, kept| next.last <= kept.last);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_inside_of_others_are_left_out() {
        let prefixes = |all: &[&str]| -> Vec<String> {
            let from: Vec<Cidr> = all.iter().map(|it| it.parse().unwrap()).collect();
            let apart = apart(from.iter().map(Addresses::with_prefix).collect());
            let show = |it: &Addresses| format!("{}-{}", it.first, it.last);
            apart.iter().map(show).collect()
        };
        assert_eq!(
            prefixes(&["10.1.0.0/16", "10.0.0.0/8", "10.0.0.1/8", "11.0.0.1/32"]),
            ["10.0.0.0-10.255.255.255", "11.0.0.1-11.0.0.1"]
        );
        assert_eq!(
            prefixes(&["0.0.0.0/0", "255.255.255.255/32"]),
            ["0.0.0.0-255.255.255.255"]
        );
        assert_eq!(prefixes(&["fd00::/8", "fd00::1/128", "fe00::/8"]).len(), 2);
    }
}
