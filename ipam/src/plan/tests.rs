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
        global_id: [1, 2, 3, 4, 5],
    }
}

fn planned(subnets: Vec<SubnetRequest>) -> Result<Vec<Subnet>, IpamError> {
    let nothing = Space::default();
    plan(&request(subnets), &Pools::default(), &nothing, &nothing)
}

fn refused(entry: SubnetRequest) -> String {
    let error = planned(vec![entry]).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    error.to_string()
}

fn automatic(networks: &[&str], routes: &[&str]) -> Result<Cidr, IpamError> {
    automatic_in(&space(networks), &Space::of_routes(cidrs(routes)))
}

fn automatic_in(networks: &Space, routes: &Space) -> Result<Cidr, IpamError> {
    let subnets = plan(&request(Vec::new()), &Pools::default(), networks, routes)?;
    Ok(subnets[0].subnet)
}

fn space(ranges: &[&str]) -> Space {
    cidrs(ranges).collect()
}

fn cidrs(ranges: &[&str]) -> impl Iterator<Item = Cidr> {
    ranges.iter().map(|text| cidr(text))
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
fn the_default_pools_make_thousands_of_networks_beside_the_default_bridge() {
    let mut networks = Space::default();
    let mut made = Vec::new();
    let error = loop {
        match automatic_in(&networks, &Space::default()) {
            Ok(subnet) => {
                networks.insert(subnet);
                made.push(subnet);
            }
            Err(error) => break error,
        }
    };
    assert_eq!(made.len(), 1 + 13 * 256 + 128 + 512);
    assert_eq!(made[..2], ["172.17.0.0/16", "172.18.0.0/24"].map(cidr));
    assert_eq!(made.last(), Some(&cidr("198.19.255.0/24")));
    // side by side, they are one leap for the search in each row of pools
    assert_eq!(networks.len(), 3);
    assert_eq!(error.kind(), Kind::NoSubnetLeft);
    let text = "all predefined address pools have been fully subnetted";
    assert!(error.to_string().starts_with(text), "{error}");
}

#[test]
fn an_automatic_subnet_avoids_routes_but_not_those_that_lead_everywhere() {
    let vpn = ["172.16.0.0/12", "192.168.128.0/20"];
    assert_eq!(automatic(&[], &vpn), Ok(cidr("192.168.144.0/24")));
    assert_eq!(
        automatic(&["192.168.144.0/24"], &vpn),
        Ok(cidr("192.168.145.0/24"))
    );
    let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
    assert_eq!(automatic(&[], &private), Ok(cidr("198.18.0.0/24")));
    let default = ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"];
    assert_eq!(automatic(&[], &default), Ok(cidr("172.17.0.0/16")));
}

#[test]
fn a_subnet_asked_for_may_overlap_a_route_but_no_network() {
    let wanted = request(vec![entry("10.1.0.0/16")]);
    let plan = |networks: &[&str], routes: &[&str]| {
        super::plan(&wanted, &Pools::default(), &space(networks), &space(routes))
    };
    assert!(plan(&["10.2.0.0/16"], &["10.1.2.0/24"]).is_ok());
    for other in ["10.1.0.0/16", "10.0.0.0/8", "10.1.2.0/24"] {
        let error = plan(&[other], &[]).unwrap_err();
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
        &space(&["fd01:203:405::/64"]),
        &space(&["fd01:203:405:1::/64"]),
    )
    .unwrap();
    let texts: Vec<String> = subnets.iter().map(|s| s.subnet.to_string()).collect();
    assert_eq!(texts, ["172.17.0.0/16", "fd01:203:405:2::/64"]);
    let pools = Pools::new(vec![Pool {
        base: cidr("fd00:9::/32"),
        size: 80,
    }])
    .unwrap();
    let subnets = plan(&wanted, &pools, &space(&[]), &space(&[])).unwrap();
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
    let config = "invalid network config:\ninvalid subnet 10.0.0.1/16: it should be 10.0.0.0/16";
    assert_eq!(bits, config);
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
    for (ip_range, reason) in [
        (
            "10.0.0.0/23",
            "CIDR block is bigger than its parent subnet 10.0.0.0/24",
        ),
        (
            "10.0.1.0/25",
            "parent subnet 10.0.0.0/24 doesn't contain ip-range",
        ),
        ("fd00::/120", "parent subnet is an IPv4 block"),
        ("10.0.0.1/25", "it should be 10.0.0.0/25"),
    ] {
        let message = refused(SubnetRequest {
            ip_range: Some(cidr(ip_range)),
            ..wanted()
        });
        let expected = format!("invalid network config:\ninvalid ip-range {ip_range}: {reason}");
        assert_eq!(message, expected);
    }
    for (address, reason) in [
        (
            "10.0.1.1",
            "parent subnet 10.0.0.0/24 doesn't contain this address",
        ),
        ("10.0.0.0", "it stands for 10.0.0.0/24 as a whole"),
        ("10.0.0.255", "it stands for 10.0.0.0/24 as a whole"),
        ("fd00::1", "parent subnet is an IPv4 block"),
    ] {
        let message = refused(SubnetRequest {
            gateway: Some(ip(address)),
            ..wanted()
        });
        assert!(
            message.contains(&format!("\ninvalid gateway {address}: {reason}")),
            "{message}"
        );
        let message = refused(SubnetRequest {
            auxiliary_addresses: BTreeMap::from([("a".to_owned(), ip(address))]),
            ..wanted()
        });
        let expected = format!("\ninvalid auxiliary address a {address}: {reason}");
        assert!(message.contains(&expected), "{message}");
    }
    refused(SubnetRequest {
        gateway: Some(ip("10.0.0.1")),
        ..SubnetRequest::default()
    });
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let first = SubnetRequest {
        ip_range: Some(cidr("10.0.0.0/8")),
        gateway: Some(ip("10.0.0.1")),
        ..entry("10.1.0.1/16")
    };
    let error = planned(vec![first, entry("10.2.0.1/16")]).unwrap_err();
    let lines: Vec<String> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 5, "{error}");
    assert_eq!(lines[0], "invalid network config:");
    assert_eq!(
        lines[4],
        "invalid subnet 10.2.0.1/16: it should be 10.2.0.0/16"
    );
}

#[test]
fn the_families_are_those_that_are_enabled() {
    let of = |ipv4, ipv6, subnets: Vec<SubnetRequest>| {
        let request = NetworkRequest {
            ipv4,
            ipv6,
            ..request(subnets)
        };
        plan(&request, &Pools::default(), &space(&[]), &space(&[])).map(|subnets| subnets.len())
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
fn a_pool_must_be_cut_into_subnets_with_room_and_overlap_no_other() {
    let pools = |texts: &[&str]| {
        let pools: Result<_, _> = texts.iter().map(|text| text.parse()).collect();
        pools
            .and_then(Pools::new)
            .map_err(|error| error.to_string())
    };
    for (texts, words) in [
        (&["base=10.0.0.0/16,size=15"][..], "must be from 16 to 30"),
        (&["base=10.0.0.0/16,size=31"], "must be from 16 to 30"),
        (&["base=fd00::/48,size=127"], "must be from 48 to 126"),
        (&["base=10.0.0.1/16,size=24"], "it should be 10.0.0.0/16"),
        (&["base=224.0.0.0/8,size=24"], "multicast"),
        (
            &["base=10.0.0.0/8,size=24", "base=10.9.0.0/16,size=24"],
            "overlaps the pool 10.0.0.0/8",
        ),
        (&["10.0.0.0/8"], "write base=CIDR,size=PREFIX"),
        (&["base=10.0.0.0,size=24"], "write base=CIDR,size=PREFIX"),
        (&["base=10.0.0.0/8,size=x"], "write base=CIDR,size=PREFIX"),
    ] {
        let message = pools(texts).unwrap_err();
        assert!(message.contains(words), "{message}");
    }
    assert!(pools(&["base=10.0.0.0/16,size=30", "size=64,base=fd00::/64"]).is_ok());
}
