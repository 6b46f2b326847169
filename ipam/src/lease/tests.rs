//! What a lease grants, and what it refuses.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use rnet_model::NetworkId;

use super::*;
use crate::Kind;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn subnet(subnet: &str, ip_range: Option<&str>, gateway: &str) -> Subnet {
    Subnet {
        subnet: subnet.parse().unwrap(),
        ip_range: ip_range.map(|range| range.parse().unwrap()),
        gateway: Some(ip(gateway)),
        auxiliary_addresses: BTreeMap::new(),
    }
}

fn network(subnets: Vec<Subnet>) -> Network {
    Network {
        id: NetworkId::from_bytes([0xab; 32]),
        name: "my-bridge".to_owned(),
        created: Default::default(),
        driver: "bridge".to_owned(),
        enable_ipv4: subnets.iter().any(|s| s.subnet.is_ipv4()),
        enable_ipv6: subnets.iter().any(|s| s.subnet.is_ipv6()),
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

fn space(addresses: &[&str]) -> Space {
    addresses.iter().map(|address| ip(address)).collect()
}

fn held<'a>(taken: &'a Space, reserved: &'a Space, last: &'a [IpAddr]) -> Held<'a> {
    Held {
        taken,
        reserved,
        last,
    }
}

/// The leases as text, joined, or the error's.
fn leased(network: &Network, ipv4: Option<&str>, ipv6: Option<&str>, taken: &[&str]) -> String {
    let request = LeaseRequest {
        ipv4: ipv4.map(ip),
        ipv6: ipv6.map(ip),
        before: &[],
    };
    match lease(network, &request, held(&space(taken), &space(&[]), &[])) {
        Ok(leases) => leases
            .iter()
            .map(Cidr::to_string)
            .collect::<Vec<_>>()
            .join(" "),
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_family_gives_its_lowest_free_address_with_the_length_of_its_subnet() {
    let v4 = subnet("172.25.0.0/16", None, "172.25.0.1");
    let v6 = subnet("fd00:25::/64", None, "fd00:25::1");
    let both = network(vec![v6, v4]);
    assert_eq!(
        leased(&both, None, None, &[]),
        "172.25.0.2/16 fd00:25::2/64"
    );
    let taken = ["172.25.0.2", "172.25.0.4", "fd00:25::2", "fd00:25::3"];
    assert_eq!(
        leased(&both, None, None, &taken),
        "172.25.0.3/16 fd00:25::4/64"
    );
    assert_eq!(
        leased(&both, None, Some("fd00:25::9"), &[]),
        "172.25.0.2/16 fd00:25::9/64"
    );
}

#[test]
fn the_ip_range_binds_what_is_automatic_and_its_ends_are_addresses_like_others() {
    let range = Some("172.25.100.0/30");
    let net = network(vec![subnet("172.25.0.0/16", range, "172.25.100.1")]);
    assert_eq!(leased(&net, None, None, &[]), "172.25.100.0/16");
    let taken = ["172.25.0.2", "172.25.100.0", "172.25.100.2"];
    assert_eq!(leased(&net, None, None, &taken), "172.25.100.3/16");
    assert_eq!(
        leased(&net, Some("172.25.7.7"), None, &taken),
        "172.25.7.7/16"
    );
}

#[test]
fn a_full_network_says_which_it_is() {
    let net = network(vec![subnet("10.0.0.0/30", None, "10.0.0.1")]);
    assert_eq!(leased(&net, None, None, &[]), "10.0.0.2/30");
    let full = "no available IPv4 addresses on this network's address pools: my-bridge (";
    let message = leased(&net, None, None, &["10.0.0.2"]);
    assert_eq!(message, format!("{full}{})", "ab".repeat(32)));
}

#[test]
fn a_second_subnet_serves_when_the_first_is_full() {
    let first = subnet("10.0.0.0/30", None, "10.0.0.1");
    let second = subnet("10.9.0.0/24", None, "10.9.0.1");
    let net = network(vec![first, second]);
    assert_eq!(leased(&net, None, None, &["10.0.0.2"]), "10.9.0.2/24");
    assert_eq!(leased(&net, Some("10.9.0.7"), None, &[]), "10.9.0.7/24");
}

#[test]
fn a_fixed_address_must_be_a_free_one_of_the_network() {
    let mut subnet = subnet("172.25.0.0/16", None, "172.25.0.1");
    subnet
        .auxiliary_addresses
        .insert("nas".to_owned(), ip("172.25.0.5"));
    let net = network(vec![subnet]);
    let taken = ["172.25.0.9"];
    for (address, message) in [
        (
            "172.25.0.9",
            "Address already in use: 172.25.0.9 on network my-bridge is held by another endpoint",
        ),
        (
            "172.25.0.1",
            "Address already in use: 172.25.0.1 on network my-bridge is held by its gateway",
        ),
        (
            "172.25.0.5",
            "Address already in use: 172.25.0.5 on network my-bridge is held by its auxiliary address \"nas\"",
        ),
        (
            "172.25.255.255",
            "invalid address 172.25.255.255: it stands for 172.25.0.0/16 as a whole, not for a machine in it",
        ),
        (
            "172.26.0.1",
            "invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 172.26.0.1: network my-bridge has 172.25.0.0/16",
        ),
        (
            "fd00::1",
            "invalid IPv4 address fd00::1: it is of the other family",
        ),
    ] {
        assert_eq!(leased(&net, Some(address), None, &taken), message);
    }
    let message = leased(&net, None, Some("fd00::1"), &taken);
    assert!(
        message.contains("no configured subnet or ip-range contain the IP address fd00::1"),
        "{message}"
    );
}

#[test]
fn only_what_is_taken_by_another_is_in_use() {
    let net = network(vec![subnet("10.0.0.0/24", None, "10.0.0.1")]);
    let kind = |address| {
        let request = LeaseRequest {
            ipv4: Some(ip(address)),
            ..LeaseRequest::default()
        };
        let (taken, reserved) = (space(&["10.0.0.9"]), space(&["10.0.0.8"]));
        lease(&net, &request, held(&taken, &reserved, &[])).map_err(|e| e.kind())
    };
    assert_eq!(kind("10.0.0.9"), Err(Kind::InUse));
    assert_eq!(kind("10.0.0.1"), Err(Kind::InUse));
    assert_eq!(kind("10.0.0.0"), Err(Kind::Invalid));
    assert_eq!(kind("10.1.0.0"), Err(Kind::Invalid));
    assert!(kind("10.0.0.8").is_ok());
}

#[test]
fn an_address_of_one_family_does_not_hold_the_same_number_of_the_other() {
    let net = network(vec![
        subnet("10.0.0.0/24", None, "10.0.0.1"),
        subnet("::a00:0/120", None, "::a00:1"),
    ]);
    assert_eq!(
        leased(&net, None, None, &["10.0.0.2", "::a00:3"]),
        "10.0.0.3/24 ::a00:2/120"
    );
}

#[test]
fn a_network_without_subnets_leases_nothing() {
    assert_eq!(leased(&network(Vec::new()), None, None, &[]), "");
}

#[test]
fn the_last_address_of_a_wide_subnet_is_found_without_looking_at_the_free_ones() {
    let range = Some("fd00::ffff:ffff:ffff:ffff/128");
    let net = network(vec![
        subnet("10.0.0.0/8", None, "10.0.0.1"),
        subnet("fd00::/64", range, "fd00::1"),
    ]);
    let taken = (2..60_000).map(|n| IpAddr::V4(Ipv4Addr::from_bits(10 << 24 | n)));
    let leases = lease(
        &net,
        &LeaseRequest::default(),
        held(&taken.collect(), &space(&[]), &[]),
    );
    let leases = leases.unwrap();
    assert_eq!(leases[0].to_string(), "10.0.234.96/8");
    assert_eq!(leases[1].to_string(), "fd00::ffff:ffff:ffff:ffff/64");
}

/// What is leased next, with these addresses taken, set aside, and leased last.
fn next_of(network: &Network, taken: &[&str], reserved: &[&str], last: &[&str]) -> String {
    let last: Vec<IpAddr> = last.iter().map(|address| ip(address)).collect();
    let (taken, reserved) = (space(taken), space(reserved));
    let leases = lease(
        network,
        &LeaseRequest::default(),
        held(&taken, &reserved, &last),
    );
    let texts = leases.map(|leases| leases.iter().map(|it| it.ip().to_string()).collect());
    texts.map_or_else(|error| error.to_string(), |it: Vec<_>| it.join(" "))
}

#[test]
fn an_address_that_became_free_is_the_last_to_be_leased_again() {
    let net = network(vec![
        subnet("10.0.0.0/29", None, "10.0.0.1"),
        subnet("fd00::/64", None, "fd00::1"),
    ]);
    let next = |taken: &[&str], last: &str| next_of(&net, taken, &[], &[last, "fd00::7"]);
    assert_eq!(next(&["10.0.0.2"], "10.0.0.4"), "10.0.0.5 fd00::8");
    assert_eq!(next(&["10.0.0.5"], "10.0.0.4"), "10.0.0.6 fd00::8");
    // around the end, to the lowest that is free
    assert_eq!(next(&["10.0.0.2"], "10.0.0.6"), "10.0.0.3 fd00::8");
    // and at the very last to the one leased last itself
    let others = ["10.0.0.2", "10.0.0.3", "10.0.0.5", "10.0.0.6"];
    assert_eq!(next(&others, "10.0.0.4"), "10.0.0.4 fd00::8");
    let top = ["10.0.0.1", "fd00::ffff:ffff:ffff:ffff"];
    assert_eq!(next_of(&net, &[], &[], &top), "10.0.0.2 fd00::2");
}

#[test]
fn an_automatic_lease_passes_over_what_is_set_aside() {
    let net = network(vec![subnet("10.0.0.0/29", None, "10.0.0.1")]);
    let aside = ["10.0.0.2", "10.0.0.4"];
    assert_eq!(next_of(&net, &[], &aside, &[]), "10.0.0.3");
    assert_eq!(next_of(&net, &["10.0.0.3"], &aside, &[]), "10.0.0.5");
    let full = next_of(&net, &["10.0.0.3", "10.0.0.5", "10.0.0.6"], &aside, &[]);
    assert!(full.starts_with("no available IPv4 addresses"), "{full}");
}

#[test]
fn several_subnets_take_turns_once_around() {
    let first = subnet("10.0.0.0/30", None, "10.0.0.1");
    let second = subnet("10.9.0.0/30", None, "10.9.0.1");
    let net = network(vec![first, second]);
    assert_eq!(next_of(&net, &[], &[], &["10.0.0.2"]), "10.9.0.2");
    assert_eq!(next_of(&net, &[], &[], &["10.9.0.2"]), "10.0.0.2");
    assert_eq!(next_of(&net, &["10.0.0.2"], &[], &["10.9.0.2"]), "10.9.0.2");
}

#[test]
fn an_endpoint_gets_again_what_it_had_unless_another_has_it() {
    let net = network(vec![
        subnet("10.0.0.0/29", None, "10.0.0.1"),
        subnet("fd00::/64", None, "fd00::1"),
    ]);
    let again = |before: [&str; 2], taken: &[&str]| {
        let request = LeaseRequest {
            before: &before.map(ip),
            ..LeaseRequest::default()
        };
        let (taken, reserved, last) = (space(taken), space(&["fd00::9"]), [ip("10.0.0.4")]);
        let leases = lease(&net, &request, held(&taken, &reserved, &last)).unwrap();
        leases
            .iter()
            .map(|it| it.ip().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(again(["10.0.0.3", "fd00::8"], &[]), ["10.0.0.3", "fd00::8"]);
    assert_eq!(
        again(["10.0.0.3", "fd00::8"], &["10.0.0.3"]),
        ["10.0.0.5", "fd00::8"]
    );
    // set aside, the gateway's, of another network
    assert_eq!(again(["10.0.0.1", "fd00::9"], &[]), ["10.0.0.5", "fd00::2"]);
    assert_eq!(again(["10.9.0.3", "fd09::8"], &[]), ["10.0.0.5", "fd00::2"]);
}
