//! What holds for every plan and every lease, whatever is held already.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use crate::{Kind, LeaseRequest, NetworkRequest, Pool, Pools, SubnetRequest, lease, plan};
use proptest::prelude::*;
use rnet_model::{Cidr, Network, NetworkId, Subnet};

fn network(subnets: Vec<Subnet>) -> Network {
    Network {
        id: NetworkId::from_bytes([7; 32]),
        name: "net".to_owned(),
        created: Default::default(),
        driver: "bridge".to_owned(),
        enable_ipv4: true,
        enable_ipv6: false,
        subnets,
        internal: false,
        attachable: false,
        config_only: false,
        config_from: None,
        options: BTreeMap::new(),
        ipam_options: BTreeMap::new(),
        labels: BTreeMap::new(),
        resources: Vec::new(),
    }
}

fn automatic(ipv4: bool, ipv6: bool) -> NetworkRequest {
    NetworkRequest {
        subnets: Vec::new(),
        ipv4,
        ipv6,
        ula_seed: [1, 2, 3, 4, 5],
    }
}

fn overlap(one: Cidr, other: Cidr) -> bool {
    one.contains(other.network()) || other.contains(one.network())
}

prop_compose! {
    /// A subnet of 10.0.0.0/8, small enough that a test can look at all its addresses.
    fn small_subnet()(host in 0_u32..1 << 24, prefix in 25_u8..=32) -> Cidr {
        let address = Ipv4Addr::from_bits(10 << 24 | host);
        let with_bits = Cidr::new(address.into(), prefix).unwrap();
        Cidr::new(with_bits.network(), prefix).unwrap()
    }
}

prop_compose! {
    /// Any subnet that could be near the default pools.
    fn private_subnet()(net in prop_oneof![Just([172_u8, 16]), Just([192, 168])],
                        rest in any::<u32>(), prefix in 12_u8..=30) -> Cidr {
        let base = u32::from_be_bytes([net[0], net[1], 0, 0]);
        let with_bits = Cidr::new(Ipv4Addr::from_bits(base | rest >> 12).into(), prefix).unwrap();
        Cidr::new(with_bits.network(), prefix).unwrap()
    }
}

/// A network of one small subnet, some of whose addresses are taken.
fn crowded() -> impl Strategy<Value = (Network, BTreeSet<IpAddr>)> {
    (
        small_subnet(),
        any::<[u8; 2]>(),
        0_u8..4,
        any::<Vec<u8>>(),
        any::<bool>(),
    )
        .prop_filter_map(
            "no address is left for the gateway",
            |(subnet, auxiliary, longer, taken, dense)| {
                let size = 1_u32 << (32 - subnet.prefix());
                let nth = |n: u32| match subnet.network() {
                    IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() + n % size)),
                    v6 => v6,
                };
                let ip_range = Cidr::new(nth(0), (subnet.prefix() + longer).min(32)).ok();
                let request = SubnetRequest {
                    subnet: Some(subnet),
                    ip_range,
                    gateway: None,
                    auxiliary_addresses: BTreeMap::from([
                        ("a".to_owned(), nth(u32::from(auxiliary[0]))),
                        ("b".to_owned(), nth(u32::from(auxiliary[1]))),
                    ]),
                };
                let request = NetworkRequest {
                    subnets: vec![request],
                    ..automatic(true, false)
                };
                let subnets = plan(&request, &Pools::default(), &[], &[]).ok()?;
                let scattered = taken.into_iter().map(|n| nth(n.into()));
                let low = (0..if dense { size } else { 0 })
                    .map(nth)
                    .take(size as usize * 7 / 8);
                Some((network(subnets), scattered.chain(low).collect()))
            },
        )
}

/// What a lease may hand out, found the slow way: every address is looked at.
fn free(network: &Network, taken: &BTreeSet<IpAddr>) -> Vec<IpAddr> {
    let subnet = &network.subnets[0];
    let ends = [subnet.subnet.network(), subnet.subnet.broadcast()];
    subnet
        .ip_range
        .unwrap_or(subnet.subnet)
        .iter()
        .filter(|address| subnet.subnet.prefix() > 30 || !ends.contains(address))
        .filter(|address| subnet.gateway != Some(*address))
        .filter(|address| {
            !subnet
                .auxiliary_addresses
                .values()
                .any(|held| held == address)
        })
        .filter(|address| !taken.contains(address))
        .collect()
}

proptest! {
    #[test]
    fn a_lease_is_the_lowest_address_that_is_inside_and_neither_taken_nor_reserved(
        (network, taken) in crowded()
    ) {
        let lease = lease(&network, &LeaseRequest::default(), &taken);
        match free(&network, &taken).first() {
            Some(lowest) => {
                let prefix = network.subnets[0].subnet.prefix();
                prop_assert_eq!(lease, Ok(vec![Cidr::new(*lowest, prefix).unwrap()]));
            }
            None => prop_assert_eq!(lease.map_err(|e| e.kind()), Err(Kind::NoAddressLeft)),
        }
    }

    #[test]
    fn leases_fill_a_network_and_then_say_that_it_is_full((network, mut taken) in crowded()) {
        let count = free(&network, &taken).len();
        for _ in 0..count {
            let lease = lease(&network, &LeaseRequest::default(), &taken).unwrap();
            prop_assert!(taken.insert(lease[0].ip()), "{} was taken", lease[0]);
        }
        prop_assert!(lease(&network, &LeaseRequest::default(), &taken).is_err());
    }

    #[test]
    fn an_automatic_subnet_overlaps_no_network_no_route_and_no_other(
        networks in prop::collection::vec(private_subnet(), 0..12),
        routes in prop::collection::vec(private_subnet(), 0..12),
    ) {
        let mut held = networks;
        while let Ok(subnets) = plan(&automatic(true, true), &Pools::default(), &held, &routes) {
            for Subnet { subnet, gateway, .. } in subnets {
                let clash = held.iter().chain(&routes).find(|other| overlap(subnet, **other));
                prop_assert_eq!(clash, None, "for {}", subnet);
                prop_assert!(subnet.contains(gateway.unwrap()));
                held.push(subnet);
            }
        }
    }

    #[test]
    fn a_pool_is_used_up_before_it_is_called_full(
        held in prop::collection::vec(small_subnet(), 0..8),
        base in small_subnet().prop_filter("room for two machines", |base| base.prefix() < 30),
        longer in 0_u8..4,
    ) {
        let size = (base.prefix() + longer).min(30);
        let pools = Pools::new(vec![Pool { base, size }]).unwrap();
        let subnets: Vec<Cidr> = base
            .iter()
            .map(|address| Cidr::new(address, size).unwrap())
            .filter(|cidr| cidr.ip() == cidr.network())
            .filter(|cidr| !held.iter().any(|other| overlap(*cidr, *other)))
            .collect();
        let found = plan(&automatic(true, false), &pools, &held, &[]);
        prop_assert_eq!(found.ok().map(|found| found[0].subnet), subnets.first().copied());
    }
}
