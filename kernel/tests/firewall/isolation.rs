//! Who may talk to whom: other networks, icc, internal networks, masquerading, the host's loopback.

use std::net::UdpSocket;
use std::time::Duration;

use rnet_model::{FirewallPolicy, NetworkPolicy, SourceNat};

use crate::lab::{Backend, Lab, network, policy};

crate::with_each_backend! {
    a_container_is_reached_from_outside_its_network_by_published_ports_only,
    what_leaves_takes_the_hosts_address_if_the_network_masquerades,
    routed_traffic_within_a_network_follows_icc_and_keeps_its_source,
    bridged_traffic_follows_icc_too_where_bridges_pass_frames_through_netfilter,
    nothing_gets_into_or_out_of_an_internal_network,
    no_container_reaches_a_process_on_the_hosts_loopback,
    no_container_speaks_as_the_hosts_loopback,
}

/// Both networks, the front one changed.
fn front(change: impl Fn(&mut NetworkPolicy)) -> FirewallPolicy {
    let mut front = network("br-front");
    change(&mut front);
    FirewallPolicy {
        networks: [front, network("br-back")].into_iter().collect(),
        ..FirewallPolicy::default()
    }
}

fn a_container_is_reached_from_outside_its_network_by_published_ports_only(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.c1.serve(80);
    assert!(lab.outside.tcp("172.25.0.2:80").is_some(), "the lab routes");
    assert!(lab.c3.tcp("172.25.0.2:80").is_some(), "the lab routes");

    lab.apply(&policy(&[("0.0.0.0:8080", "tcp", "172.25.0.2:80")]));
    for stranger in [&lab.outside, &lab.c3] {
        assert_eq!(stranger.tcp_soon("172.25.0.2:80"), None);
        assert_eq!(stranger.udp_soon("[fd25::2]:80"), None);
        assert!(stranger.tcp("192.0.2.1:8080").is_some());
        assert_eq!(stranger.tcp_soon("192.0.2.1:8081"), None);
    }
    assert!(lab.c2.tcp("172.25.0.2:80").is_some());
    assert!(lab.host.tcp("172.25.0.2:80").is_some());
}

fn what_leaves_takes_the_hosts_address_if_the_network_masquerades(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.outside.serve(7);
    lab.apply(&front(|_| ()));
    assert_eq!(lab.c1.tcp("192.0.2.2:7").unwrap(), "192.0.2.1");
    assert_eq!(lab.c1.udp("[2001:db8::2]:7").unwrap(), "2001:db8::1");

    lab.apply(&front(|network| network.ipv4.source = SourceNat::Keep));
    assert_eq!(lab.c1.tcp("192.0.2.2:7").unwrap(), "172.25.0.2");
    assert_eq!(lab.c1.udp("[2001:db8::2]:7").unwrap(), "2001:db8::1");
    lab.apply(&front(|network| network.ipv6.source = SourceNat::Keep));
    assert_eq!(lab.c1.tcp("192.0.2.2:7").unwrap(), "192.0.2.1");
    assert_eq!(lab.c1.udp("[2001:db8::2]:7").unwrap(), "fd25::2");
    assert_eq!(
        lab.c3.tcp("192.0.2.2:7").unwrap(),
        "192.0.2.1",
        "another network"
    );
}

fn routed_traffic_within_a_network_follows_icc_and_keeps_its_source(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.c1.serve(80);
    // by way of the gateway, as between two subnets of one network, or on a kernel with br_netfilter
    lab.c2.ip("route add 172.25.0.2 via 172.25.0.1");
    lab.apply(&front(|_| ()));
    assert_eq!(lab.c2.tcp("172.25.0.2:80").unwrap(), "172.25.0.3");

    lab.apply(&front(|network| network.icc = false));
    assert_eq!(lab.c2.tcp_soon("172.25.0.2:80"), None);
}

fn bridged_traffic_follows_icc_too_where_bridges_pass_frames_through_netfilter(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    if !lab.use_br_netfilter() {
        return;
    }
    lab.c1.serve(80);
    lab.apply(&front(|_| ()));
    assert_eq!(lab.c2.tcp("172.25.0.2:80").unwrap(), "172.25.0.3");
    assert_eq!(lab.c2.udp("[fd25::2]:80").unwrap(), "fd25::3");

    lab.apply(&front(|network| network.icc = false));
    assert_eq!(lab.c2.tcp_soon("172.25.0.2:80"), None);
}

fn nothing_gets_into_or_out_of_an_internal_network(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.outside.serve(7);
    lab.c1.serve(80);
    lab.c3.serve(80);
    lab.c2.ip("route add 172.25.0.2 via 172.25.0.1");
    let mut policy = front(|network| network.internal = true);
    policy.published = crate::lab::policy(&[
        ("0.0.0.0:8080", "tcp", "172.25.0.2:80"),
        ("0.0.0.0:8081", "tcp", "172.26.0.2:80"),
    ])
    .published;
    lab.apply(&policy);

    assert_eq!(lab.c1.tcp_soon("192.0.2.2:7"), None, "out");
    assert_eq!(
        lab.c1.tcp_soon("192.0.2.1:8081"),
        None,
        "out, to a published port"
    );
    assert_eq!(lab.outside.tcp_soon("172.25.0.2:80"), None, "in");
    assert_eq!(
        lab.outside.tcp_soon("192.0.2.1:8080"),
        None,
        "in, by a published port"
    );
    assert_eq!(
        lab.c3.tcp_soon("192.0.2.1:8080"),
        None,
        "in, from another network"
    );
    assert!(lab.c2.tcp("172.25.0.2:80").is_some(), "within");
    assert!(
        lab.outside.tcp("192.0.2.1:8081").is_some(),
        "another network"
    );
}

fn no_container_reaches_a_process_on_the_hosts_loopback(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.host.serve_at("127.0.0.1:9000");
    lab.c1.sysctl("ipv4/conf/eth0/route_localnet", "1");
    lab.c1.ip("addr del 127.0.0.1/8 dev lo
        route add 127.0.0.1 via 172.25.0.1 src 172.25.0.2");
    assert!(
        lab.c1.tcp("127.0.0.1:9000").is_some(),
        "route_localnet alone is a hole"
    );

    lab.apply(&policy(&[("127.0.0.1:8080", "tcp", "172.25.0.3:80")]));
    assert_eq!(lab.c1.tcp_soon("127.0.0.1:9000"), None);
    assert_eq!(lab.c1.udp_soon("127.0.0.1:9000"), None);
    assert_eq!(lab.c1.tcp_soon("127.0.0.1:8080"), None);
}

fn no_container_speaks_as_the_hosts_loopback(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    let listener = lab.host.run(|| UdpSocket::bind("172.25.0.1:9000").unwrap());
    listener
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    lab.c1.sysctl("ipv4/conf/eth0/route_localnet", "1");
    let forge = || {
        let forger = lab.c1.run(|| UdpSocket::bind("127.0.0.5:0").unwrap());
        forger.send_to(b"I am you", "172.25.0.1:9000").unwrap();
        listener.recv_from(&mut [0; 8]).is_ok()
    };
    assert!(forge(), "route_localnet alone is a hole");

    lab.apply(&policy(&[]));
    assert!(!forge());
}
