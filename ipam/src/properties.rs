//! What holds for every plan and every lease, whatever is held already.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use crate::{
    Held, IpamError, Kind, LeaseRequest, NetworkRequest, Pool, Pools, Space, SubnetRequest, lease,
    plan,
};
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
        ipam_driver: None,
        unsettled: false,
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
        global_id: [1, 2, 3, 4, 5],
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
                let subnets = plan(
                    &request,
                    &Pools::default(),
                    &Space::default(),
                    &Space::default(),
                )
                .ok()?;
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

/// The address leased next.
fn leased(network: &Network, taken: &Space, last: &[IpAddr]) -> Result<IpAddr, IpamError> {
    let held = Held {
        taken,
        reserved: &Space::default(),
        last,
    };
    lease(network, &LeaseRequest::default(), held).map(|leases| leases[0].ip())
}

proptest! {
    #[test]
    fn the_first_lease_is_the_lowest_address_that_is_inside_and_neither_taken_nor_reserved(
        (network, taken) in crowded()
    ) {
        let lease = leased(&network, &taken.iter().copied().collect(), &[]);
        match free(&network, &taken).first() {
            Some(lowest) => prop_assert_eq!(lease, Ok(*lowest)),
            None => prop_assert_eq!(lease.map_err(|e| e.kind()), Err(Kind::NoAddressLeft)),
        }
    }

    #[test]
    fn leases_fill_a_network_and_then_say_that_it_is_full(
        (network, mut taken) in crowded(),
        last in any::<u8>(),
    ) {
        let count = free(&network, &taken).len();
        let range = network.subnets[0].ip_range.unwrap();
        let mut last = range.iter().cycle().nth(last.into()).into_iter().collect::<Vec<_>>();
        let mut space: Space = taken.iter().copied().collect();
        for _ in 0..count {
            let address = leased(&network, &space, &last).unwrap();
            prop_assert!(taken.insert(address), "{address} was taken");
            space.insert(address);
            last = vec![address];
        }
        prop_assert!(leased(&network, &space, &last).is_err());
    }

    #[test]
    fn a_freed_address_comes_back_only_after_every_other_free_one((network, taken) in crowded()) {
        let mut space: Space = taken.iter().copied().collect();
        let count = free(&network, &taken).len();
        let mut seen = BTreeSet::new();
        let mut last = Vec::new();
        for _ in 0..count {
            let address = leased(&network, &space, &last).unwrap();
            prop_assert!(seen.insert(address), "{address} came back early");
            space.insert(address);
            space.remove(address);
            last = vec![address];
        }
        if count > 0 {
            prop_assert!(seen.contains(&leased(&network, &space, &last).unwrap()));
        }
    }

    #[test]
    fn a_space_is_the_set_of_what_was_put_in_and_not_taken_out(
        steps in prop::collection::vec((any::<bool>(), 0_u8..=255, 24_u8..=32), 0..40),
    ) {
        let (mut space, mut model) = (Space::default(), BTreeSet::new());
        for (put, host, prefix) in steps {
            let cidr = Cidr::new(Ipv4Addr::new(10, 0, 0, host).into(), prefix).unwrap();
            let range = Cidr::new(cidr.network(), prefix).unwrap();
            match put {
                true => { space.insert(range); model.extend(range.iter()); }
                false => { space.remove(range); range.iter().for_each(|it| { model.remove(&it); }); }
            }
            prop_assert_eq!(space.overlaps(range), put);
            prop_assert_eq!(&space, &model.iter().copied().collect::<Space>());
        }
    }

    #[test]
    fn an_automatic_subnet_overlaps_no_network_no_route_and_no_other(
        networks in prop::collection::vec(private_subnet(), 0..12),
        routes in prop::collection::vec(private_subnet(), 0..12),
    ) {
        let mut held = networks;
        let mut space: Space = held.iter().copied().collect();
        let ways = Space::of_routes(routes.iter().copied());
        // large ones, so that the pools end
        let sized = SubnetRequest { subnet: "0.0.0.0/18".parse().ok(), ..SubnetRequest::default() };
        let request = NetworkRequest { subnets: vec![sized], ..automatic(true, true) };
        while let Ok(subnets) = plan(&request, &Pools::default(), &space, &ways) {
            for Subnet { subnet, gateway, .. } in subnets {
                let clash = held.iter().chain(&routes).find(|other| overlap(subnet, **other));
                prop_assert_eq!(clash, None, "for {}", subnet);
                prop_assert!(subnet.contains(gateway.unwrap()));
                held.push(subnet);
                space.insert(subnet);
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
        let held: Space = held.into_iter().collect();
        let found = plan(&automatic(true, false), &pools, &held, &Space::default());
        prop_assert_eq!(found.ok().map(|found| found[0].subnet), subnets.first().copied());
    }
}
