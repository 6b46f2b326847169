//! Published ports, from everywhere they can be asked for.

use crate::lab::{Backend, Lab, network, policy};

crate::with_each_backend! {
    a_published_port_is_reached_from_outside_and_sees_the_clients_own_address,
    the_host_reaches_its_published_ports_by_its_loopback,
    a_port_published_on_one_address_is_not_reached_by_another,
    one_address_comes_before_every_address,
    a_port_published_on_loopback_is_for_the_host_only,
    siblings_and_the_container_itself_reach_a_published_port_by_the_host,
    and_so_they_do_where_bridges_pass_frames_through_netfilter,
    a_port_that_moves_or_goes_does_so_at_once,
}

/// Port 8080 of every address, for both families and protocols.
const EVERYWHERE: [(&str, &str, &str); 4] = [
    ("0.0.0.0:8080", "tcp", "172.25.0.2:80"),
    ("0.0.0.0:8080", "udp", "172.25.0.2:80"),
    ("[::]:8080", "tcp", "[fd25::2]:80"),
    ("[::]:8080", "udp", "[fd25::2]:80"),
];

/// A lab whose first container serves port 80, with these ports published.
fn published(backend: Backend, ports: &[(&str, &str, &str)]) -> Option<Lab> {
    let lab = Lab::with(backend)?;
    lab.c1.serve(80);
    lab.apply(&policy(ports));
    Some(lab)
}

fn a_published_port_is_reached_from_outside_and_sees_the_clients_own_address(backend: Backend) {
    let Some(lab) = published(backend, &EVERYWHERE) else {
        return;
    };

    let four = Some("192.0.2.2".to_owned());
    let six = Some("2001:db8::2".to_owned());
    assert_eq!(lab.outside.tcp("192.0.2.1:8080"), four);
    assert_eq!(lab.outside.udp("192.0.2.1:8080"), four);
    assert_eq!(lab.outside.tcp("[2001:db8::1]:8080"), six);
    assert_eq!(lab.outside.udp("[2001:db8::1]:8080"), six);
}

fn the_host_reaches_its_published_ports_by_its_loopback(backend: Backend) {
    let Some(lab) = published(backend, &EVERYWHERE) else {
        return;
    };

    let gateway = Some("172.25.0.1".to_owned());
    assert_eq!(lab.host.tcp("127.0.0.1:8080"), gateway);
    assert_eq!(lab.host.tcp("127.1.2.3:8080"), gateway);
    assert_eq!(lab.host.udp("127.0.0.1:8080"), gateway);
    assert_eq!(lab.host.tcp("192.0.2.1:8080"), gateway);
    let gateway = Some("fd25::1".to_owned());
    assert_eq!(lab.host.tcp("[2001:db8::1]:8080"), gateway);
    assert_eq!(lab.host.udp("[2001:db8::1]:8080"), gateway);
    assert!(
        lab.host.is_refused("[::1]:8080"),
        "so that 127.0.0.1 is tried"
    );
}

fn a_port_published_on_one_address_is_not_reached_by_another(backend: Backend) {
    let one_address = [
        ("192.0.2.1:8080", "tcp", "172.25.0.2:80"),
        ("[2001:db8::1]:8080", "tcp", "[fd25::2]:80"),
    ];
    let Some(lab) = published(backend, &one_address) else {
        return;
    };

    assert!(lab.outside.tcp("192.0.2.1:8080").is_some());
    assert!(lab.outside.tcp("[2001:db8::1]:8080").is_some());
    assert_eq!(lab.outside.tcp_soon("172.26.0.1:8080"), None);
    assert_eq!(lab.outside.tcp_soon("[fd26::1]:8080"), None);
    assert_eq!(lab.host.tcp_soon("127.0.0.1:8080"), None);
    assert_eq!(
        lab.outside.udp_soon("192.0.2.1:8080"),
        None,
        "another protocol"
    );
}

fn one_address_comes_before_every_address(backend: Backend) {
    let both = [
        ("0.0.0.0:8080", "tcp", "172.25.0.2:80"),
        ("127.0.0.1:8080", "tcp", "172.26.0.2:80"),
    ];
    let Some(lab) = published(backend, &both) else {
        return;
    };
    lab.c3.serve(80);

    assert_eq!(lab.host.tcp("127.0.0.1:8080").unwrap(), "172.26.0.1");
    assert_eq!(lab.host.tcp("172.25.0.1:8080").unwrap(), "172.25.0.1");
}

fn a_port_published_on_loopback_is_for_the_host_only(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.c1.serve(80);
    // a machine on the host's link that sends it packets for 127.0.0.1
    lab.outside.sysctl("ipv4/conf/eth0/route_localnet", "1");
    lab.outside.ip("addr del 127.0.0.1/8 dev lo
        route add 127.0.0.1 via 192.0.2.1 src 192.0.2.2");

    lab.apply(&policy(&[("0.0.0.0:8080", "tcp", "172.25.0.2:80")]));
    assert!(lab.outside.tcp("192.0.2.1:8080").is_some());

    lab.apply(&policy(&[("127.0.0.1:8080", "tcp", "172.25.0.2:80")]));
    assert!(lab.host.tcp("127.0.0.1:8080").is_some());
    assert_eq!(lab.outside.tcp_soon("192.0.2.1:8080"), None);
    assert_eq!(lab.outside.tcp_soon("127.0.0.1:8080"), None);
    assert_eq!(lab.c2.tcp_soon("172.25.0.1:8080"), None);
}

fn siblings_and_the_container_itself_reach_a_published_port_by_the_host(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    by_the_host_within_one_network(&lab);
}

fn and_so_they_do_where_bridges_pass_frames_through_netfilter(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    if lab.use_br_netfilter() {
        by_the_host_within_one_network(&lab);
    }
}

fn by_the_host_within_one_network(lab: &Lab) {
    lab.c1.serve(80);
    let mut policy = policy(&[
        ("0.0.0.0:8080", "tcp", "172.25.0.2:80"),
        ("[::]:8080", "udp", "[fd25::2]:80"),
    ]);
    for icc in [true, false] {
        let mut front = network("br-front");
        front.icc = icc;
        policy.networks = [front].into_iter().collect();
        lab.apply(&policy);
        for (who, client) in [("itself", &lab.c1), ("a sibling", &lab.c2)] {
            let seen = client.tcp("192.0.2.1:8080");
            assert_eq!(seen.as_deref(), Some("172.25.0.1"), "{who}, icc {icc}");
            let seen = client.udp("[2001:db8::1]:8080");
            assert_eq!(seen.as_deref(), Some("fd25::1"), "{who}, icc {icc}");
        }
    }
}

fn a_port_that_moves_or_goes_does_so_at_once(backend: Backend) {
    let Some(lab) = published(backend, &[("0.0.0.0:8080", "tcp", "172.25.0.2:80")]) else {
        return;
    };
    lab.c3.serve(80);
    assert_eq!(lab.host.tcp("127.0.0.1:8080").unwrap(), "172.25.0.1");

    lab.apply(&policy(&[("0.0.0.0:8080", "tcp", "172.26.0.2:80")]));
    assert_eq!(lab.host.tcp("127.0.0.1:8080").unwrap(), "172.26.0.1");

    lab.apply(&policy(&[]));
    assert_eq!(lab.host.tcp_soon("127.0.0.1:8080"), None);
}
