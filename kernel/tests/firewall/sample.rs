//! The policy that docs/firewall.md shows: one of everything.

use std::net::IpAddr;

use rnet_model::{
    FirewallPolicy, HostPorts, Inbound, NetworkPolicy, OpenPorts, PortRange, Publication, SourceNat,
};

use crate::lab::{network, policy};

/// Four networks, and ports published and opened in every way.
pub(crate) fn sample() -> FirewallPolicy {
    let mut sample = policy(&[
        ("0.0.0.0:8080", "tcp", "172.25.0.2:80"),
        ("[::]:8080", "tcp", "[fd25::2]:80"),
        ("127.0.0.1:5353", "udp", "172.25.0.3:53"),
    ]);
    sample.networks = networks().into_iter().collect();
    sample.published.extend([
        publish("0.0.0.0", 9000, 9100, "172.25.0.2", 9000, &[]),
        publish("2001:db8::1", 7000, 7001, "fd25::2", 80, &[]),
        publish(
            "192.0.2.1",
            5432,
            5432,
            "172.25.0.3",
            5432,
            &["10.0.0.0/8", "192.0.2.128/25"],
        ),
    ]);
    sample.opened = [
        open("172.25.0.2", 80, 80, &[]),
        open("172.27.0.2", 80, 80, &[]),
        open("172.27.0.2", 6000, 6999, &[]),
        open("fd27::2", 443, 443, &["2001:db8:1::/48"]),
    ]
    .into_iter()
    .collect();
    sample
}

fn networks() -> [NetworkPolicy; 4] {
    let mut front = network("br-front");
    front.icc = false;
    front.trusted = ["eth1".parse().unwrap()].into();

    let mut back = network("br-back");
    back.internal = true;
    back.ipv4.source = SourceNat::Keep;
    back.ipv6.source = SourceNat::Keep;

    let mut far = network("br-far");
    far.shards = ["br-far-1".parse().unwrap()].into();
    for family in [&mut far.ipv4, &mut far.ipv6] {
        family.source = SourceNat::Keep;
        family.inbound = Inbound::Opened;
    }

    let mut open = network("br-open");
    open.ipv4.source = SourceNat::Address("192.0.2.7".parse().unwrap());
    open.ipv6.source = SourceNat::Address("2001:db8::7".parse().unwrap());
    open.ipv4.inbound = Inbound::Everything;
    [front, back, far, open]
}

/// TCP ports of the host, from the first to the last, and where the first of them leads.
pub(crate) fn publish(
    host: &str,
    first: u16,
    last: u16,
    container: &str,
    container_port: u16,
    from: &[&str],
) -> (HostPorts, Publication) {
    let address: IpAddr = host.parse().unwrap();
    let ports = HostPorts {
        protocol: "tcp".parse().unwrap(),
        address,
        ports: PortRange::new(first, last).unwrap(),
    };
    let publication = Publication {
        address: container.parse().unwrap(),
        first_port: container_port,
        from: from.iter().map(|it| it.parse().unwrap()).collect(),
    };
    (ports, publication)
}

/// TCP ports of a container, from the first to the last.
pub(crate) fn open(address: &str, first: u16, last: u16, from: &[&str]) -> OpenPorts {
    OpenPorts {
        address: address.parse().unwrap(),
        protocol: "tcp".parse().unwrap(),
        ports: PortRange::new(first, last).unwrap(),
        from: from.iter().map(|it| it.parse().unwrap()).collect(),
    }
}
