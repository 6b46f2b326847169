//! Ranges of published ports, and ports that are published to some clients only.

use rnet_model::{FirewallPolicy, HostPorts, Publication};

use crate::lab::{Backend, Lab, policy};
use crate::sample::publish;

crate::with_each_backend! {
    each_port_of_a_range_leads_to_its_like,
    each_port_of_a_shifted_range_leads_to_its_counterpart,
    a_port_with_clients_is_for_them_only_from_wherever_they_ask,
    a_list_of_clients_changes_at_once_and_can_overlap_itself,
    a_range_can_have_clients_too,
}

fn published<const N: usize>(ports: [(HostPorts, Publication); N]) -> FirewallPolicy {
    FirewallPolicy {
        published: ports.into_iter().collect(),
        ..policy(&[])
    }
}

fn each_port_of_a_range_leads_to_its_like(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    for port in [20_000, 31_234, 39_999, 40_000] {
        lab.c1.serve(port);
    }
    lab.apply(&published([
        publish("0.0.0.0", 20_000, 39_999, "172.25.0.2", 20_000, &[]),
        publish("2001:db8::1", 20_000, 39_999, "fd25::2", 20_000, &[]),
    ]));
    for port in [20_000, 31_234, 39_999] {
        let seen = lab.outside.tcp(&format!("192.0.2.1:{port}"));
        assert_eq!(seen.as_deref(), Some("192.0.2.2"), "{port}");
        let seen = lab.outside.tcp(&format!("[2001:db8::1]:{port}"));
        assert_eq!(seen.as_deref(), Some("2001:db8::2"), "{port}");
    }
    assert_eq!(lab.host.tcp("127.0.0.1:31234").unwrap(), "172.25.0.1");
    assert_eq!(lab.c2.tcp("192.0.2.1:31234").unwrap(), "172.25.0.1");
    assert_eq!(lab.outside.tcp_soon("192.0.2.1:40000"), None);

    lab.apply(&published([]));
    assert_eq!(lab.outside.tcp_soon("192.0.2.1:31234"), None, "withdrawn");
}

fn each_port_of_a_shifted_range_leads_to_its_counterpart(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.c1.serve(80);
    lab.c2.serve(81);
    lab.apply(&published([
        publish("0.0.0.0", 8000, 8001, "172.25.0.2", 79, &[]),
        publish("::", 8000, 8001, "fd25::3", 81, &[]),
    ]));
    assert_eq!(lab.outside.tcp_soon("192.0.2.1:8000"), None);
    assert!(lab.outside.tcp("192.0.2.1:8001").is_some());
    assert!(lab.outside.tcp("[2001:db8::1]:8000").is_some());
    assert_eq!(lab.outside.tcp_soon("[2001:db8::1]:8001"), None);
}

fn a_port_with_clients_is_for_them_only_from_wherever_they_ask(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.c1.serve(80);
    lab.apply(&published([
        publish("0.0.0.0", 8080, 8080, "172.25.0.2", 80, &["192.0.2.2/32"]),
        publish("::", 8080, 8080, "fd25::2", 80, &["2001:db8::/64"]),
        publish("0.0.0.0", 8081, 8081, "172.25.0.2", 80, &[]),
    ]));
    assert_eq!(lab.outside.tcp("192.0.2.1:8080").unwrap(), "192.0.2.2");
    assert_eq!(
        lab.outside.tcp("[2001:db8::1]:8080").unwrap(),
        "2001:db8::2"
    );
    for (who, stranger) in [("sibling", &lab.c2), ("another network", &lab.c3)] {
        assert_eq!(stranger.tcp_soon("192.0.2.1:8080"), None, "{who}");
        assert_eq!(stranger.tcp_soon("[2001:db8::1]:8080"), None, "{who}");
        assert!(stranger.tcp("192.0.2.1:8081").is_some(), "{who}");
    }
    assert_eq!(lab.host.tcp_soon("127.0.0.1:8080"), None, "the host itself");
}

fn a_list_of_clients_changes_at_once_and_can_overlap_itself(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.c1.serve(80);
    let allow = |from: &[&str]| {
        lab.apply(&published([publish(
            "192.0.2.1",
            8080,
            8080,
            "172.25.0.2",
            80,
            from,
        )]));
        [&lab.outside, &lab.c3].map(|client| client.tcp("192.0.2.1:8080").is_some())
    };
    assert_eq!(allow(&["172.16.0.0/12"]), [false, true]);
    assert_eq!(allow(&["172.26.0.0/16", "192.0.2.0/24"]), [true, true]);
    assert_eq!(
        allow(&["192.0.0.0/8", "192.0.2.0/24", "192.0.2.2/32"]),
        [true, false]
    );
    assert_eq!(allow(&["0.0.0.0/0", "10.0.0.0/8"]), [true, true]);
    assert_eq!(allow(&["10.0.0.0/8"]), [false, false]);
    assert_eq!(allow(&[]), [true, true]);
}

fn a_range_can_have_clients_too(backend: Backend) {
    let Some(lab) = Lab::with(backend) else {
        return;
    };
    lab.c1.serve(9050);
    lab.c1.serve(80);
    let from = &["192.0.2.0/24"];
    lab.apply(&published([
        publish("0.0.0.0", 9000, 9100, "172.25.0.2", 9000, from),
        publish("0.0.0.0", 8000, 8010, "172.25.0.2", 75, from),
    ]));
    for port in [9050, 8005] {
        let server = format!("192.0.2.1:{port}");
        assert!(lab.outside.tcp(&server).is_some(), "{port}");
        assert_eq!(lab.c3.tcp_soon(&server), None, "{port}");
    }
}
