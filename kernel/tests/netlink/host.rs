//! What the host is like, and its ports.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use rnet_kernel::{HeldPorts, Host, HostRoute};
use rnet_model::{PortRange, Protocol};

use crate::lab::{Lab, eventually, lab};

#[test]
fn the_egress_mtu_is_that_of_the_best_default_route() {
    lab(|lab| {
        assert_eq!(lab.kernel.facts().unwrap().egress_mtu, None);
        lab.ip("link add good mtu 1400 up type bridge");
        lab.ip("link add bad mtu 1300 up type bridge");
        lab.ip("address add 192.0.2.1/24 dev good");
        lab.ip("address add 198.51.100.1/24 dev bad");
        lab.ip("route add default via 198.51.100.2 metric 200");
        lab.ip("route add default via 192.0.2.2 metric 100");
        lab.ip("route add default via 198.51.100.2 table 77");
        let facts = lab.kernel.facts().unwrap();
        assert_eq!(facts.egress_mtu.map(u32::from), Some(1400));
        assert!(facts.ipv6);
    });
}

#[test]
fn routes_of_all_tables_are_told_and_the_noise_is_not() {
    lab(|lab| {
        lab.ip("link set lo up");
        lab.ip("link add br9 up type bridge");
        lab.ip("address add 192.0.2.1/24 dev br9");
        lab.ip("address add 10.7.7.7/32 dev lo");
        lab.ip("address add 2001:db8::1/64 dev br9 nodad");
        lab.ip("route add default via 192.0.2.2");
        lab.ip("route add 172.30.0.0/16 via 192.0.2.2 table 300");
        lab.ip("route add blackhole 172.31.0.0/16");
        lab.ip("route add fd00::/8 dev br9 table 301");
        let routes = || {
            let routes = lab.kernel.routes().unwrap();
            let text: Vec<_> = routes.iter().map(ToString::to_string).collect();
            text.join(" ")
        };
        // a worker of the kernel makes the route to an IPv6 address of its own
        eventually("the route of the address", || {
            routes().contains("2001:db8::1/128")
        });
        assert_eq!(
            routes(),
            "10.7.7.7/32 172.30.0.0/16 172.31.0.0/16 192.0.2.0/24 192.0.2.1/32 \
             2001:db8::/64 2001:db8::1/128 fd00::/8"
        );
    });
}

/// Routes as text: where to, by which link, in which table.
fn told(routes: Vec<HostRoute>) -> Vec<String> {
    let text = |it: HostRoute| {
        let link = it
            .link
            .map_or("nothing".to_owned(), |link| link.to_string());
        format!("{} by {link} in {}", it.destination, it.table)
    };
    routes.into_iter().map(text).collect()
}

#[test]
fn routes_into_a_subnet_are_told_with_their_link_and_table() {
    lab(|lab| {
        lab.ip("link add br9 up type bridge");
        lab.ip("address add 172.18.7.1/24 dev br9");
        lab.ip("route add 172.18.0.0/16 dev br9 table 100");
        lab.ip("route add blackhole 172.18.7.64/26");
        lab.ip("route add 172.19.0.0/16 dev br9");
        lab.ip("route add fd00:7::/48 dev br9 table 1000");
        let subnets = ["172.18.7.0/24", "fd00:7::/64"].map(|it| it.parse().unwrap());
        let mut routes = told(lab.kernel.routes_over(&subnets).unwrap());
        routes.sort();
        assert_eq!(
            routes,
            [
                "172.18.0.0/16 by br9 in 100",
                "172.18.7.0/24 by br9 in 254",
                "172.18.7.1/32 by br9 in 255",
                "172.18.7.64/26 by nothing in 254",
                "fd00:7::/48 by br9 in 1000",
            ]
        );
    });
}

#[test]
fn a_route_that_comes_is_heard_of_and_one_that_goes_is_not() {
    lab(|lab| {
        lab.ip("link add br9 up type bridge");
        lab.ip("route add 172.16.0.0/12 dev br9");
        let mut watch = lab.kernel.watch_routes().unwrap().unwrap();
        assert_eq!(watch.heard().unwrap(), Some(Vec::new()));
        lab.ip("route add 172.18.0.0/16 dev br9 table 100");
        lab.ip("route add fd00:7::/48 dev br9");
        lab.ip("route del 172.16.0.0/12 dev br9");
        let heard = told(watch.heard().unwrap().unwrap());
        assert_eq!(
            heard,
            ["172.18.0.0/16 by br9 in 100", "fd00:7::/48 by br9 in 254"]
        );
        lab.ip("route add 172.20.0.0/16 dev br9");
        lab.ip("link del br9");
        assert_eq!(told(watch.heard().unwrap().unwrap()), Vec::<String>::new());
    });
}

#[test]
fn a_reserved_port_cannot_be_bound_until_it_is_let_go() {
    lab(|lab| {
        lab.ip("link set lo up");
        for reserved in ["0.0.0.0:80", "127.0.0.1:80", "[::]:80", "[::1]:80"] {
            let reserved: SocketAddr = reserved.parse().unwrap();
            let specific = if reserved.is_ipv4() {
                "127.0.0.1:80"
            } else {
                "[::1]:80"
            };
            let tcp = reserve(lab, Protocol::Tcp, reserved).unwrap();
            let udp = reserve(lab, Protocol::Udp, reserved).unwrap();
            // the standard library sets SO_REUSEADDR, as most servers do
            assert!(TcpListener::bind(specific).is_err(), "{reserved}");
            assert!(UdpSocket::bind(specific).is_err(), "{reserved}");
            drop((tcp, udp));
            TcpListener::bind(specific).unwrap();
            UdpSocket::bind(specific).unwrap();
        }
    });
}

#[test]
fn a_port_somebody_listens_on_is_refused_in_dockers_words() {
    lab(|lab| {
        lab.ip("link set lo up");
        for (listener, wanted) in [
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("127.0.0.1:80", "0.0.0.0:80"),
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "0.0.0.0:80"),
            ("[::]:80", "[::]:80"),
            ("[::1]:80", "[::]:80"),
        ] {
            let _tcp = TcpListener::bind(listener).unwrap();
            let _udp = UdpSocket::bind(listener).unwrap();
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                let error = reserve(lab, protocol, wanted.parse().unwrap()).unwrap_err();
                let words = "address already in use";
                assert_eq!(
                    error,
                    format!("failed to bind host port {wanted}/{protocol}: {words}")
                );
            }
        }
        let _six = TcpListener::bind("[::1]:80").unwrap();
        reserve(lab, Protocol::Tcp, "0.0.0.0:80".parse().unwrap()).unwrap();
    });
}

#[test]
fn the_other_family_and_the_other_protocol_are_free() {
    lab(|lab| {
        let held = ["0.0.0.0:80", "[::]:80"].map(|wanted| {
            let wanted = wanted.parse().unwrap();
            [Protocol::Tcp, Protocol::Udp].map(|protocol| reserve(lab, protocol, wanted).unwrap())
        });
        assert!(
            held.iter()
                .flatten()
                .all(|held| held.ports == PortRange::one(80))
        );
    });
}

#[test]
fn connections_that_linger_keep_no_port_from_being_reserved() {
    lab(|lab| {
        lab.ip("link set lo up");
        let listener = TcpListener::bind("127.0.0.1:80").unwrap();
        let client = TcpStream::connect("127.0.0.1:80").unwrap();
        // the side that closes first lingers
        drop(listener.accept().unwrap());
        drop((client, listener));
        let held = reserve(lab, Protocol::Tcp, "0.0.0.0:80".parse().unwrap()).unwrap();
        assert!(
            TcpListener::bind("127.0.0.1:80").is_err(),
            "it is held none the less"
        );
        drop(held);
        TcpListener::bind("127.0.0.1:80").unwrap();
    });
}

#[test]
fn the_kernel_chooses_a_port_that_others_cannot_have() {
    lab(|lab| {
        lab.ip("link set lo up");
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let held = reserve(lab, protocol, "0.0.0.0:0".parse().unwrap()).unwrap();
            assert_ne!(held.ports.first(), 0);
            let again = SocketAddr::from(([127, 0, 0, 1], held.ports.first()));
            reserve(lab, protocol, again).unwrap_err();
        }
    });
}

#[test]
fn nothing_is_kept_of_datagrams_to_a_port_that_is_only_held() {
    lab(|lab| {
        lab.ip("link set lo up");
        for (address, targets) in [
            (None, ["127.0.0.1:53", "[::1]:53"].as_slice()),
            ("127.0.0.1".parse().ok(), &["127.0.0.1:53"]),
        ] {
            let ports = PortRange::one(53);
            let held = lab.kernel.hold_ports(Protocol::Udp, address, ports);
            let held = UdpSocket::from(held.unwrap().sockets[0].try_clone().unwrap());
            for target in targets {
                let any = if target.starts_with('[') {
                    "[::]:0"
                } else {
                    "0.0.0.0:0"
                };
                let client = UdpSocket::bind(any).unwrap();
                client.send_to(b"to nobody", target).unwrap();
                let kept = held.recv(&mut [0; 16]).map_err(|error| error.kind());
                assert_eq!(kept, Err(ErrorKind::WouldBlock), "{address:?} {target}");
            }
        }
    });
}

#[test]
fn an_address_the_host_does_not_have_is_named() {
    lab(|lab| {
        lab.ip("link set lo up");
        let error = reserve(lab, Protocol::Tcp, "192.0.2.9:80".parse().unwrap()).unwrap_err();
        let words =
            "failed to bind host port 192.0.2.9:80/tcp: the host does not have this address";
        assert_eq!(error, words);
    });
}

#[test]
fn a_port_of_a_protocol_the_kernel_does_not_know_needs_no_socket() {
    lab(|lab| {
        let held = reserve(lab, Protocol::Sctp, "0.0.0.0:80".parse().unwrap()).unwrap();
        assert_eq!(held.ports, PortRange::one(80));
        if held.sockets.is_empty() {
            let error = reserve(lab, Protocol::Sctp, "0.0.0.0:0".parse().unwrap()).unwrap_err();
            assert!(
                error.ends_with("the kernel does not know this protocol"),
                "{error}"
            );
        }
    });
}

fn reserve(lab: &Lab, protocol: Protocol, address: SocketAddr) -> Result<HeldPorts, String> {
    let ports = PortRange::one(address.port());
    lab.kernel
        .hold_ports(protocol, Some(address.ip()), ports)
        .map_err(|error| error.to_string())
}
