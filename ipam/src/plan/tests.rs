//! What a plan grants, and what it refuses.

use super::*;
use crate::{Kind, Pool};

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn entry(subnet: &str) -> SubnetRequest {
    SubnetRequest {
        subnet: Some(cidr(subnet)),
        ..SubnetRequest::default()
    }
}

fn request(subnets: Vec<SubnetRequest>) -> NetworkRequest {
    let has = |family| {
        subnets
            .iter()
            .any(|s| s.subnet.map(Family::of_subnet) == Some(family))
    };
    let ipv6 = has(Family::V6);
    NetworkRequest {
        ipv4: !ipv6 || has(Family::V4),
        ipv6,
        subnets,
        ula_seed: [1, 2, 3, 4, 5],
    }
}

fn planned(subnets: Vec<SubnetRequest>) -> Result<Vec<Subnet>, IpamError> {
    plan(&request(subnets), &Pools::default(), &[], &[])
}

fn refused(entry: SubnetRequest) -> String {
    let error = planned(vec![entry]).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    error.to_string()
}

fn automatic(networks: &[Cidr], routes: &[Cidr]) -> Result<Cidr, IpamError> {
    let subnets = plan(&request(Vec::new()), &Pools::default(), networks, routes)?;
    Ok(subnets[0].subnet)
}

#[test]
fn the_gateway_is_the_first_address_of_the_subnet_even_outside_the_ip_range() {
    let ip_range = Some(cidr("172.25.100.0/24"));
    let subnets = planned(vec![SubnetRequest {
        ip_range,
        ..entry("172.25.0.0/16")
    }])
    .unwrap();
    assert_eq!(subnets[0].gateway, Some(ip("172.25.0.1")));
    assert_eq!(subnets[0].ip_range, ip_range);
}

#[test]
fn the_gateway_steps_aside_for_an_auxiliary_address() {
    let auxiliary_addresses = BTreeMap::from([("nas".to_owned(), ip("10.0.0.1"))]);
    let nas = SubnetRequest {
        auxiliary_addresses,
        ..entry("10.0.0.0/24")
    };
    assert_eq!(
        planned(vec![nas.clone()]).unwrap()[0].gateway,
        Some(ip("10.0.0.2"))
    );
    let message = refused(SubnetRequest {
        gateway: Some(ip("10.0.0.1")),
        ..nas
    });
    assert!(
        message.contains("nas=10.0.0.1: it is the gateway"),
        "{message}"
    );
}

#[test]
fn small_subnets_use_every_address() {
    for (subnet, gateway) in [
        ("10.0.0.0/31", "10.0.0.0"),
        ("10.0.0.9/32", "10.0.0.9"),
        ("fd00::8/127", "fd00::8"),
        ("fd00::/64", "fd00::1"),
    ] {
        let subnets = planned(vec![entry(subnet)]).unwrap();
        assert_eq!(subnets[0].gateway, Some(ip(gateway)), "{subnet}");
    }
}

#[test]
fn the_default_pools_make_31_networks() {
    let mut networks = Vec::new();
    let error = loop {
        match automatic(&networks, &[]) {
            Ok(subnet) => networks.push(subnet),
            Err(error) => break error,
        }
    };
    assert_eq!(networks.len(), 31);
    assert_eq!(networks.first(), Some(&cidr("172.17.0.0/16")));
    assert_eq!(networks.last(), Some(&cidr("192.168.240.0/20")));
    assert_eq!(error.kind(), Kind::NoSubnetLeft);
    let text = "all predefined address pools have been fully subnetted";
    assert!(error.to_string().starts_with(text), "{error}");
}

#[test]
fn an_automatic_subnet_avoids_routes_but_not_those_that_lead_everywhere() {
    let vpn = [cidr("172.16.0.0/12"), cidr("192.168.16.0/24")];
    assert_eq!(automatic(&[], &vpn), Ok(cidr("192.168.0.0/20")));
    assert_eq!(
        automatic(&[cidr("192.168.0.0/20")], &vpn),
        Ok(cidr("192.168.32.0/20"))
    );
    let default = ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"].map(cidr);
    assert_eq!(automatic(&[], &default), Ok(cidr("172.17.0.0/16")));
}

#[test]
fn a_subnet_asked_for_may_overlap_a_route_but_no_network() {
    let wanted = request(vec![entry("10.1.0.0/16")]);
    let plan = |networks: &[Cidr], routes: &[Cidr]| {
        super::plan(&wanted, &Pools::default(), networks, routes)
    };
    assert!(plan(&[cidr("10.2.0.0/16")], &[cidr("10.1.2.0/24")]).is_ok());
    for other in ["10.1.0.0/16", "10.0.0.0/8", "10.1.2.0/24"] {
        let error = plan(&[cidr(other)], &[]).unwrap_err();
        assert_eq!(error.kind(), Kind::InUse);
        let text = "invalid pool request: Pool overlaps with other one on this address space";
        assert!(error.to_string().starts_with(text), "{error}");
    }
    let twice = planned(vec![entry("10.1.0.0/16"), entry("10.1.2.0/24")]);
    assert_eq!(twice.map_err(|error| error.kind()), Err(Kind::InUse));
}

#[test]
fn automatic_subnets_of_both_families_come_after_those_asked_for() {
    let wanted = NetworkRequest {
        ipv6: true,
        ..request(vec![entry("172.17.0.0/16")])
    };
    let subnets = plan(
        &wanted,
        &Pools::default(),
        &[cidr("fd01:203:405::/64")],
        &[],
    )
    .unwrap();
    let texts: Vec<String> = subnets.iter().map(|s| s.subnet.to_string()).collect();
    assert_eq!(texts, ["172.17.0.0/16", "fd01:203:405:1::/64"]);
    let pools = Pools::new(vec![Pool {
        base: cidr("fd00:9::/32"),
        size: 80,
    }])
    .unwrap();
    let subnets = plan(&wanted, &pools, &[], &[]).unwrap();
    assert_eq!(subnets[1].subnet, cidr("fd00:9::/80"));
}

#[test]
fn a_subnet_may_be_asked_for_by_its_size() {
    let subnets = planned(vec![entry("0.0.0.0/24"), entry("::/112")]).unwrap();
    assert_eq!(subnets[0].subnet, cidr("172.17.0.0/24"));
    assert_eq!(subnets[1].subnet, cidr("fd01:203:405::/112"));
    let gateway = Some(ip("172.17.0.9"));
    let message = refused(SubnetRequest {
        gateway,
        ..entry("0.0.0.0/24")
    });
    assert!(message.contains("needs the subnet it lies in"), "{message}");
    let subnets = planned(vec![entry("0.0.0.0/24"), entry("0.0.0.0/24")]).unwrap();
    assert_eq!(subnets[1].subnet, cidr("172.17.1.0/24"));
    assert!(planned(vec![entry("0.0.0.0/8")]).is_err());
}

#[test]
fn what_no_network_can_have_is_refused_with_the_reason() {
    let bits = refused(entry("10.0.0.1/16"));
    assert_eq!(bits, "invalid subnet 10.0.0.1/16: it should be 10.0.0.0/16");
    for (subnet, reason) in [
        (
            "224.0.0.0/24",
            "it overlaps 224.0.0.0/4, which is set aside for multicast",
        ),
        (
            "127.0.0.0/16",
            "it overlaps 127.0.0.0/8, which is set aside for loopback",
        ),
        ("0.0.0.0/0", "it overlaps 127.0.0.0/8"),
        ("::/0", "it overlaps ::1/128"),
        ("ff02::/64", "multicast"),
        ("fe80::/64", "link-local"),
        ("::ffff:10.0.0.0/112", "IPv4-mapped"),
    ] {
        let message = refused(entry(subnet));
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn parts_of_a_subnet_lie_in_it() {
    let wanted = || entry("10.0.0.0/24");
    for ip_range in ["10.0.0.0/23", "10.0.1.0/25", "fd00::/120", "10.0.0.1/25"] {
        let ip_range = Some(cidr(ip_range));
        refused(SubnetRequest {
            ip_range,
            ..wanted()
        });
    }
    for address in ["10.0.1.1", "10.0.0.0", "10.0.0.255", "fd00::1"].map(ip) {
        refused(SubnetRequest {
            gateway: Some(address),
            ..wanted()
        });
        let auxiliary_addresses = BTreeMap::from([("a".to_owned(), address)]);
        refused(SubnetRequest {
            auxiliary_addresses,
            ..wanted()
        });
    }
    refused(SubnetRequest {
        gateway: Some(ip("10.0.0.1")),
        ..SubnetRequest::default()
    });
}

#[test]
fn the_families_are_those_that_are_enabled() {
    let of = |ipv4, ipv6, subnets: Vec<SubnetRequest>| {
        let request = NetworkRequest {
            ipv4,
            ipv6,
            ..request(subnets)
        };
        plan(&request, &Pools::default(), &[], &[]).map(|subnets| subnets.len())
    };
    let family = Family::V6;
    assert_eq!(
        of(true, false, vec![entry("fd00::/64")]),
        Err(IpamError::FamilyDisabled { family })
    );
    assert_eq!(of(false, false, Vec::new()), Err(IpamError::NoFamily));
    assert_eq!(of(false, true, vec![SubnetRequest::default()]), Ok(1));
    assert_eq!(of(true, true, Vec::new()), Ok(2));
}

#[test]
fn a_pool_must_be_cut_into_subnets_with_room() {
    for (base, size) in [("10.0.0.0/16", 15), ("10.0.0.0/16", 31), ("fd00::/48", 127)] {
        let base = cidr(base);
        let error = Pools::new(vec![Pool { base, size }]).unwrap_err();
        assert!(matches!(error, IpamError::PoolSize { .. }), "{error}");
    }
    assert!(
        Pools::new(vec![Pool {
            base: cidr("10.0.0.1/16"),
            size: 24
        }])
        .is_err()
    );
}
