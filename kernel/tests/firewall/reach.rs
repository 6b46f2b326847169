//! What reaches containers at their own addresses, and as whom they leave: gateway modes, trusted interfaces, sources.

use rnet_model::{FirewallPolicy, Inbound, NetworkPolicy, SourceNat};

use crate::lab::{Backend, Lab, network};
use crate::sample::open;

crate::with_each_backend! {
    a_routed_network_is_reached_at_its_opened_ports_in_its_family_only,
    an_opened_port_is_for_its_clients_only,
    a_network_that_protects_nothing_is_reached_at_every_port_in_its_family_only,
    a_trusted_interface_reaches_the_opened_ports_and_no_other_does,
    what_leaves_takes_the_address_it_was_given,
    bridges_of_one_network_are_one_network,
}

/// The front network as it is told to be, and these ports of it opened.
fn front(
    change: impl Fn(&mut NetworkPolicy),
    opened: &[(&str, u16, u16, &[&str])],
) -> FirewallPolicy {
    let mut front = network("br-front");
    change(&mut front);
    let opened = opened
        .iter()
        .map(|(address, first, last, from)| open(address, *first, *last, from));
    FirewallPolicy {
        networks: [front, network("br-back")].into_iter().collect(),
        opened: opened.collect(),
        ..FirewallPolicy::default()
    }
}

fn a_routed_network_is_reached_at_its_opened_ports_in_its_family_only(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    for port in [80, 81, 85] {
        lab.c1.serve(port);
    }
    let ports: &[(_, _, _, &[_])] = &[
        ("172.25.0.2", 80, 80, &[]),
        ("172.25.0.2", 82, 88, &[]),
        ("fd25::2", 80, 80, &[]),
    ];
    lab.apply(&front(|it| it.ipv4.inbound = Inbound::Opened, ports));
    for stranger in [&lab.outside, &lab.c3] {
        assert!(stranger.tcp("172.25.0.2:80").is_some());
        assert!(stranger.tcp("172.25.0.2:85").is_some(), "one of a range");
        assert_eq!(stranger.tcp_soon("172.25.0.2:81"), None, "not opened");
        assert_eq!(stranger.udp_soon("172.25.0.2:80"), None, "another protocol");
        assert_eq!(stranger.tcp_soon("[fd25::2]:80"), None, "another family");
    }
    lab.apply(&front(|it| it.ipv6.inbound = Inbound::Opened, ports));
    assert_eq!(lab.outside.tcp_soon("172.25.0.2:80"), None);
    assert_eq!(lab.outside.tcp("[fd25::2]:80").unwrap(), "2001:db8::2");

    lab.apply(&front(|it| it.ipv6.inbound = Inbound::Opened, &[]));
    assert_eq!(lab.outside.tcp_soon("[fd25::2]:80"), None, "closed again");
}

fn an_opened_port_is_for_its_clients_only(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.c1.serve(80);
    let routed = |from: &[&str]| {
        lab.apply(&front(
            |it| it.ipv4.inbound = Inbound::Opened,
            &[("172.25.0.2", 80, 80, from)],
        ));
    };
    routed(&["192.0.2.0/24"]);
    assert!(lab.outside.tcp("172.25.0.2:80").is_some());
    assert_eq!(lab.c3.tcp_soon("172.25.0.2:80"), None);
    routed(&["172.26.0.2/32", "172.26.0.0/16"]);
    assert_eq!(lab.outside.tcp_soon("172.25.0.2:80"), None);
}

fn a_network_that_protects_nothing_is_reached_at_every_port_in_its_family_only(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.c1.serve(80);
    lab.apply(&front(|it| it.ipv4.inbound = Inbound::Everything, &[]));
    assert!(lab.outside.tcp("172.25.0.2:80").is_some());
    assert_eq!(lab.outside.tcp_soon("[fd25::2]:80"), None);
    lab.apply(&front(
        |it| {
            it.ipv4.inbound = Inbound::Everything;
            it.internal = true;
        },
        &[],
    ));
    assert_eq!(lab.outside.tcp_soon("172.25.0.2:80"), None, "internal");
}

fn a_trusted_interface_reaches_the_opened_ports_and_no_other_does(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.c1.serve(80);
    lab.c1.serve(81);
    let ports: &[(_, _, _, &[_])] = &[("172.25.0.2", 80, 80, &[]), ("fd25::2", 80, 80, &[])];
    let trust = |name: &str| {
        let trusted = |it: &mut NetworkPolicy| it.trusted = [name.parse().unwrap()].into();
        lab.apply(&front(trusted, ports));
    };
    trust("eth0");
    assert!(lab.outside.tcp("172.25.0.2:80").is_some());
    assert!(lab.outside.tcp("[fd25::2]:80").is_some());
    assert_eq!(lab.outside.tcp_soon("172.25.0.2:81"), None, "not opened");
    assert_eq!(
        lab.c3.tcp_soon("172.25.0.2:80"),
        None,
        "by another interface"
    );
    trust("br-back");
    assert_eq!(lab.outside.tcp_soon("172.25.0.2:80"), None);
    assert!(lab.c3.tcp("172.25.0.2:80").is_some());
}

fn what_leaves_takes_the_address_it_was_given(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.outside.serve(7);
    lab.host.ip("addr add 192.0.2.7/24 dev eth0
        addr add 2001:db8::7/64 dev eth0 nodad");
    let source = |address: &str| SourceNat::Address(address.parse().unwrap());
    lab.apply(&front(
        |it| {
            it.ipv4.source = source("192.0.2.7");
            it.ipv6.source = source("2001:db8::7");
        },
        &[],
    ));
    assert_eq!(lab.c1.tcp("192.0.2.2:7").unwrap(), "192.0.2.7");
    assert_eq!(lab.c1.tcp("[2001:db8::2]:7").unwrap(), "2001:db8::7");
    assert_eq!(lab.c3.tcp("192.0.2.2:7").unwrap(), "192.0.2.1");

    lab.apply(&front(|it| it.ipv4.source = source("192.0.2.1"), &[]));
    assert_eq!(lab.c1.tcp("192.0.2.2:7").unwrap(), "192.0.2.1", "changed");
}

fn bridges_of_one_network_are_one_network(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.c1.serve(80);
    let mut both = network("br-front");
    both.shards.insert("br-back".parse().unwrap());
    let mut policy = FirewallPolicy {
        networks: [both.clone()].into_iter().collect(),
        ..FirewallPolicy::default()
    };
    lab.apply(&policy);
    assert_eq!(lab.c3.tcp("172.25.0.2:80").unwrap(), "172.26.0.2");
    assert_eq!(lab.outside.tcp_soon("172.25.0.2:80"), None);

    both.icc = false;
    policy.networks = [both].into_iter().collect();
    lab.apply(&policy);
    assert_eq!(lab.c3.tcp_soon("172.25.0.2:80"), None);
}
