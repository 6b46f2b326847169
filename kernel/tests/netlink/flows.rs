//! Flows of datagrams that outlive what translated them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use rnet_kernel::{Firewall, Host, Nftables};
use rnet_model::{FirewallPolicy, HostPorts, PortRange, Protocol, Publication};

use crate::lab::{Lab, lab};

/// The host's address, those of two "containers", and one of nobody's; all of them by way of the loopback.
const FAMILIES: [[&str; 4]; 2] = [
    ["192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.9"],
    ["fd00::1", "fd00::2", "fd00::3", "fd01::9"],
];

#[test]
fn a_client_that_keeps_its_port_finds_the_container_that_replaced_the_first() {
    stage(|lab, firewall, [host, first, second, _]| {
        let servers = [first, second].map(|it| UdpSocket::bind((it, 5300)).unwrap());
        let client = UdpSocket::bind((host, 40_000)).unwrap();
        let arrives_at = |number: usize| {
            client.send_to(b"?", (host, 53)).unwrap();
            let server = &servers[number];
            server
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            server.recv(&mut [0; 8]).unwrap();
            assert!(nothing_for(&servers[1 - number]));
        };
        let port = published(host, Protocol::Udp);
        for address in [host, unspecified(host)] {
            let port = HostPorts { address, ..port };
            publish(firewall, &[(port, first)]);
            arrives_at(0);
            publish(firewall, &[(port, second)]);
            arrives_at(0); // the flow is older than the translation: this is why it must be forgotten
            lab.kernel.forget_flows(&[port]).unwrap();
            arrives_at(1);
            publish(firewall, &[]);
            lab.kernel.forget_flows(&[port]).unwrap();
        }
    });
}

#[test]
fn only_flows_to_the_ports_that_are_named_are_forgotten() {
    stage(|lab, firewall, [host, first, _, nobody]| {
        publish(firewall, &[(published(host, Protocol::Tcp), first)]);
        let listener = TcpListener::bind((first, 5300)).unwrap();
        let mut connection = TcpStream::connect((host, 53)).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();

        let client = UdpSocket::bind((host, 40_000)).unwrap();
        let sinks = [53, 54, 60].map(|port| UdpSocket::bind((host, port)).unwrap());
        for target in [
            (host, 53),
            (host, 54),
            (host, 60),
            (first, 53),
            (nobody, 53),
        ] {
            client.send_to(b"?", target).unwrap();
        }
        drop(sinks);
        let before = flows();
        let named = HostPorts {
            ports: PortRange::new(53, 55).unwrap(),
            ..published(host, Protocol::Udp)
        };
        lab.kernel.forget_flows(&[named]).unwrap();
        assert_eq!(gone(&before), [(host, 53), (host, 54)].into());

        let every = HostPorts {
            address: unspecified(host),
            ..published(host, Protocol::Udp)
        };
        lab.kernel.forget_flows(&[every]).unwrap();
        let gone = gone(&before);
        assert_eq!(
            gone,
            [(host, 53), (host, 54), (first, 53)].into(),
            "what was sent elsewhere goes on"
        );

        let tcp = published(host, Protocol::Tcp);
        lab.kernel.forget_flows(&[tcp]).unwrap();
        connection.write_all(b"on").unwrap();
        accepted.read_exact(&mut [0; 2]).unwrap();
    });
}

fn stage(test: impl Fn(&Lab, &Nftables, [IpAddr; 4]) + Send + Sync) {
    for addresses in FAMILIES {
        lab(|lab| {
            lab.ip("link set lo up");
            let addresses = addresses.map(|it| it.parse().unwrap());
            for address in &addresses[..3] {
                lab.ip(&format!("address add {address} dev lo nodad"));
            }
            lab.ip(&format!("route add {} dev lo", addresses[3]));
            addresses[..3].iter().for_each(await_address);
            test(lab, &Nftables::open().unwrap(), addresses);
        });
    }
}

/// Waits until an address answers: the kernel routes packets to a new one a moment after it is there.
fn await_address(address: &IpAddr) {
    let refuses = || {
        let refusal = TcpStream::connect((*address, 1));
        refusal.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while !refuses() {
        assert!(Instant::now() < deadline, "no {address}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn published(address: IpAddr, protocol: Protocol) -> HostPorts {
    HostPorts {
        protocol,
        address,
        ports: PortRange::one(53),
    }
}

fn publish(firewall: &Nftables, ports: &[(HostPorts, IpAddr)]) {
    let to = |&(ports, target)| (ports, Publication::to(SocketAddr::new(target, 5300)));
    let policy = FirewallPolicy {
        published: ports.iter().map(to).collect(),
        ..FirewallPolicy::default()
    };
    firewall.apply(&policy).unwrap();
}

fn unspecified(like: IpAddr) -> IpAddr {
    let all = if like.is_ipv4() { "0.0.0.0" } else { "::" };
    all.parse().unwrap()
}

fn nothing_for(server: &UdpSocket) -> bool {
    server.set_nonblocking(true).unwrap();
    let nothing = server.recv(&mut [0; 8]).is_err();
    server.set_nonblocking(false).unwrap();
    nothing
}

/// Where the datagrams of the flows that are known were first sent.
fn flows() -> BTreeSet<(IpAddr, u16)> {
    let table = fs::read_to_string("/proc/thread-self/net/nf_conntrack").unwrap();
    let udp = table.lines().filter(|line| line.contains(" udp "));
    let destination = |line: &str| {
        let field = |name| {
            line.split(' ')
                .find_map(|it| it.strip_prefix(name))
                .unwrap()
        };
        (
            field("dst=").parse().unwrap(),
            field("dport=").parse().unwrap(),
        )
    };
    udp.map(destination).collect()
}

fn gone(before: &BTreeSet<(IpAddr, u16)>) -> BTreeSet<(IpAddr, u16)> {
    before.difference(&flows()).copied().collect()
}
