//! A resolver over real sockets: what it answers itself, and how it begins and ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lab;

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use lab::authority::Zone;
use lab::client::{Client, Connection};
use lab::clock::awaited;
use lab::resolver::Lab;
use lab::server::Server;
use lab::{NETWORK, SANDBOX, answers, query, sockets};
use rnet_dns::EndpointNames;
use rnet_model::EndpointId;

#[test]
fn a_name_is_answered_over_udp_and_several_over_one_connection() {
    let lab = Lab::new(&[]);
    let asked = query("web.mynet.", RecordType::A);
    let reply = lab.ask(&asked);
    assert_eq!(
        (answers(&reply), reply.id),
        (vec!["10.0.0.2".to_owned()], asked.id)
    );
    let both = [
        query("web.", RecordType::A),
        query("web.", RecordType::AAAA),
    ];
    let replies = lab.converse(&both);
    assert_eq!([replies[0].id, replies[1].id], [both[0].id, both[1].id]);
    assert_eq!(replies[0].answers.len() + replies[1].answers.len(), 1);
}

#[test]
fn a_name_is_known_as_soon_as_the_update_returns_and_unknown_again_likewise() {
    let lab = Lab::new(&[]);
    let endpoint = EndpointId::from_bytes([77; 32]);
    for round in 0..50 {
        let address = format!("10.0.1.{round}");
        lab.resolver.update(|names| {
            names.put(EndpointNames {
                endpoint,
                network: NETWORK,
                network_name: "mynet".to_owned(),
                names: vec!["new".to_owned()],
                addresses: vec![address.parse().unwrap()],
                ports: vec![],
            });
        });
        assert_eq!(answers(&lab.ask(&query("new.", RecordType::A))), [address]);
        lab.resolver.update(|names| names.remove(endpoint));
        let gone = lab.ask(&query("new.", RecordType::A));
        assert_eq!(gone.response_code, ResponseCode::ServFail);
    }
}

#[test]
fn an_answer_under_way_does_not_hold_up_the_others_of_its_connection() {
    let slow = Server::held(Zone::of([[192, 0, 2, 1]], 300));
    let lab = Lab::new(&[slow.address]);
    let mut connection = Connection::to(lab.address);
    connection.send(&query("slow.example.com.", RecordType::A));
    connection.send(&query("web.", RecordType::A));
    // a client that has asked may close its side
    connection.finish();
    assert_eq!(answers(&connection.answer().unwrap()), ["10.0.0.2"]);
    slow.release();
    assert_eq!(answers(&connection.answer().unwrap()), ["192.0.2.1"]);
    assert!(connection.answer().is_none());
}

#[test]
fn garbage_does_not_stop_the_resolver() {
    let lab = Lab::new(&[]);
    let client = Client::of(lab.address);
    for garbage in [&b""[..], b"x", &[0xff; 40], &[0; 4096], &[0x55; 9000]] {
        client.send_bytes(garbage);
    }
    let mut stream = TcpStream::connect(lab.address).unwrap();
    stream.write_all(&[0xff; 300]).unwrap();
    drop(stream);
    assert_eq!(
        answers(&lab.ask(&query("web.", RecordType::A))),
        ["10.0.0.2"]
    );
}

#[test]
fn connections_in_excess_wait_until_idle_ones_are_closed_and_datagrams_do_not() {
    let lab = Lab::new(&[]);
    let idle: Vec<_> = (0..64).map(|_| Connection::to(lab.address)).collect();
    let asked = query("web.", RecordType::A);
    let mut waiting = Connection::to(lab.address);
    waiting.send(&asked);
    assert_eq!(answers(&lab.ask(&asked)), ["10.0.0.2"]);
    assert!(waiting.waits());
    lab.clock.pass(Duration::from_secs(10));
    assert_eq!(answers(&waiting.answer().unwrap()), ["10.0.0.2"]);
    for mut connection in idle {
        assert!(connection.answer().is_none());
    }
}

#[test]
fn a_stopped_resolver_closes_its_sockets_and_may_be_started_again() {
    let lab = Lab::new(&[]);
    lab.resolver.stop(SANDBOX);
    assert!(!lab.resolver.serves(SANDBOX));
    let (udp, tcp) = bound_again(lab.address);
    lab.resolver.serve(SANDBOX, udp, tcp).unwrap();
    assert_eq!(
        answers(&lab.ask(&query("web.", RecordType::A))),
        ["10.0.0.2"]
    );
}

#[test]
fn new_sockets_of_a_sandbox_take_the_place_of_the_old_ones() {
    let mut lab = Lab::new(&[]);
    let (address, udp, tcp) = sockets();
    let old = std::mem::replace(&mut lab.address, address);
    lab.resolver.serve(SANDBOX, udp, tcp).unwrap();
    assert_eq!(
        answers(&lab.ask(&query("web.", RecordType::A))),
        ["10.0.0.2"]
    );
    bound_again(old);
}

#[test]
fn a_resolver_that_is_dropped_leaves_no_socket_behind() {
    let Lab {
        resolver,
        address,
        clock,
    } = Lab::new(&[]);
    drop(resolver);
    bound_again(address);
    drop(clock);
}

/// Sockets on an address whose former sockets are being closed.
fn bound_again(address: SocketAddr) -> (UdpSocket, TcpListener) {
    awaited(|| {
        let udp = UdpSocket::bind(address).ok()?;
        Some((udp, TcpListener::bind(address).ok()?))
    })
}
