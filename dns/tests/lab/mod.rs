//! What the tests share: a directory of a few names, messages, and sockets of this machine's loopback.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod authority;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod faults;
pub(crate) mod resolver;
pub(crate) mod server;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::{Name, RecordType};
use rnet_dns::{Directory, EndpointNames, Forwarding, View};
use rnet_model::{EndpointId, NetworkId, PortRange, Protocol, SandboxId};

pub(crate) const SANDBOX: SandboxId = SandboxId::from_bytes([9; 32]);
/// How long a busy machine is waited for before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const NETWORK: NetworkId = NetworkId::from_bytes([1; 32]);

/// A directory whose one network, "mynet", has `endpoints`: names and addresses.
pub(crate) fn directory(forward: Forwarding, endpoints: &[(&[&str], &[&str])]) -> Directory {
    let mut directory = Directory::default();
    directory.put_view(View {
        sandbox: SANDBOX,
        networks: vec![NETWORK],
        links: HashMap::new(),
        forward,
    });
    for (number, (names, addresses)) in endpoints.iter().enumerate() {
        directory.put(EndpointNames {
            endpoint: EndpointId::from_bytes([number as u8; 32]),
            network: NETWORK,
            network_name: "mynet".to_owned(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            addresses: addresses
                .iter()
                .map(|ip| ip.parse::<IpAddr>().unwrap())
                .collect(),
            ports: vec![(Protocol::Tcp, PortRange::one(80))],
        });
    }
    directory
}

/// A query as stub resolvers send it.
pub(crate) fn query(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

/// The same with EDNS, taking datagrams of `payload` bytes.
pub(crate) fn edns_query(name: &str, kind: RecordType, payload: u16) -> Message {
    let mut message = query(name, kind);
    let mut edns = Edns::new();
    edns.set_max_payload(payload);
    message.set_edns(edns);
    message
}

/// The records of the answer section, as text.
pub(crate) fn answers(message: &Message) -> Vec<String> {
    message
        .answers
        .iter()
        .map(|record| record.data.to_string())
        .collect()
}

/// Sockets for both transports on one port of this machine's loopback, which the kernel chooses.
pub(crate) fn sockets() -> (SocketAddr, UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = udp.local_addr().unwrap();
        // The port may be in use over TCP.
        if let Ok(tcp) = TcpListener::bind(address) {
            return (address, udp, tcp);
        }
    }
}
