//! Datagrams.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use rnet_model::{PortRange, Protocol};

use crate::lab::{SANDBOX, held, lab, passage};

/// For what must come; nothing waits as long when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

fn bound(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn heard(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 64];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer[..length].to_vec(), from)
}

#[test]
fn each_client_hears_its_own_answers_from_the_address_it_asked() {
    lab(|lab| {
        let sockets = held(Protocol::Udp, PortRange::one(53));
        lab.lead(Protocol::Udp, &sockets, 5300);
        let server = bound("127.0.0.1:5300");
        let clients = ["[::1]:0", "[::1]:0", "[2001:db8::1]:0"].map(bound);
        // a client of one address may ask another
        let asked = ["[::1]:53", "[2001:db8::1]:53", "[::1]:53"];
        let mut ends = Vec::new();
        for (client, asked) in clients.iter().zip(asked) {
            client.send_to(asked.as_bytes(), asked).unwrap();
            ends.push(heard(&server));
        }
        for (question, end) in ends.iter().rev() {
            server.send_to(question, end).unwrap();
        }
        for (client, asked) in clients.iter().zip(asked) {
            let (answer, from) = heard(client);
            assert_eq!(
                (answer.as_slice(), from),
                (asked.as_bytes(), asked.parse().unwrap())
            );
        }
    });
}

#[test]
fn an_exchange_goes_on_by_the_same_socket() {
    lab(|lab| {
        let sockets = held(Protocol::Udp, PortRange::one(53));
        lab.lead(Protocol::Udp, &sockets, 5300);
        let (server, client) = (bound("127.0.0.1:5300"), bound("[::1]:0"));
        let end = |word: &[u8]| {
            client.send_to(word, "[::1]:53").unwrap();
            let (said, end) = heard(&server);
            assert_eq!(said, word);
            end
        };
        assert_eq!(end(b"one"), end(b"two"));
    });
}

#[test]
fn a_new_target_gets_the_datagrams_of_old_clients() {
    lab(|lab| {
        let sockets = held(Protocol::Udp, PortRange::one(53));
        let servers = ["127.0.0.1:5300", "127.0.0.1:5301"].map(bound);
        let client = bound("[::1]:0");
        for (server, port) in servers.iter().zip([5300, 5301]) {
            lab.lead(Protocol::Udp, &sockets, port);
            client.send_to(b"?", "[::1]:53").unwrap();
            assert_eq!(heard(server).0, b"?");
        }
    });
}

#[test]
fn nothing_is_kept_of_what_came_while_the_port_led_nowhere() {
    lab(|lab| {
        let sockets = held(Protocol::Udp, PortRange::one(53));
        let (server, client) = (bound("127.0.0.1:5300"), bound("[::1]:0"));
        for _ in 0..2 {
            client.send_to(b"to nobody", "[::1]:53").unwrap();
            lab.lead(Protocol::Udp, &sockets, 5300);
            client.send_to(b"to the server", "[::1]:53").unwrap();
            assert_eq!(heard(&server).0, b"to the server");
            lab.relay.lead(SANDBOX, Vec::new()).unwrap();
        }
    });
}

#[test]
fn strangers_are_not_heard() {
    lab(|lab| {
        let sockets = held(Protocol::Udp, PortRange::one(53));
        let only = passage(Protocol::Udp, &sockets, 5300, &["2001:db8::/32"]);
        lab.relay.lead(SANDBOX, vec![only]).unwrap();
        let server = bound("127.0.0.1:5300");
        let (stranger, friend) = (bound("[::1]:0"), bound("[2001:db8::1]:0"));
        stranger.send_to(b"stranger", "[::1]:53").unwrap();
        friend.send_to(b"friend", "[2001:db8::1]:53").unwrap();
        assert_eq!(heard(&server).0, b"friend");
        server.set_nonblocking(true).unwrap();
        let more = server.recv(&mut [0; 8]).map_err(|error| error.kind());
        assert_eq!(more, Err(ErrorKind::WouldBlock));
    });
}
