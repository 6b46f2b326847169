//! Servers that answer with the address they see the client have, and clients that say what they were answered.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use crate::lab::Namespace;

/// Long enough for an answer to a packet that was lost once (a second), short enough to wait for what never comes.
const PATIENCE: Duration = Duration::from_millis(1200);

impl Namespace {
    /// Serves TCP and UDP on a port of every address, IPv4 and IPv6, to the end of the test.
    pub(crate) fn serve(&self, port: u16) {
        self.serve_at(&format!("[::]:{port}"));
    }

    /// Serves TCP and UDP on one socket address.
    pub(crate) fn serve_at(&self, address: &str) {
        let (tcp, udp) = self.run(|| {
            let tcp = TcpListener::bind(address).unwrap();
            (tcp, UdpSocket::bind(address).unwrap())
        });
        thread::spawn(move || {
            for client in tcp.incoming() {
                let mut client = client.unwrap();
                let peer = client.peer_addr().unwrap();
                // a client that went away is no fault of the server
                let _ = client.write_all(seen(peer).as_bytes());
            }
        });
        thread::spawn(move || {
            let mut question = [0; 64];
            while let Ok((_, peer)) = udp.recv_from(&mut question) {
                udp.send_to(seen(peer).as_bytes(), peer).unwrap();
            }
        });
    }

    /// What a TCP server there says; none if it is not reached.
    pub(crate) fn tcp(&self, server: &str) -> Option<String> {
        let server: SocketAddr = server.parse().unwrap();
        self.run(|| {
            let mut stream = TcpStream::connect_timeout(&server, PATIENCE).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            Some(answer)
        })
    }

    /// Whether a TCP client is told that there is no server, rather than left to wait.
    pub(crate) fn is_refused(&self, server: &str) -> bool {
        let server: SocketAddr = server.parse().unwrap();
        let connected = self.run(|| TcpStream::connect(server));
        connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }

    /// What a UDP server there says; none if it is not reached.
    pub(crate) fn udp(&self, server: &str) -> Option<String> {
        let server: SocketAddr = server.parse().unwrap();
        self.run(|| {
            let any = if server.is_ipv4() {
                "0.0.0.0:0"
            } else {
                "[::]:0"
            };
            let socket = UdpSocket::bind(any).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket.connect(server).unwrap();
            socket.send(b"who am I?").ok()?;
            let mut answer = [0; 64];
            let length = socket.recv(&mut answer).ok()?;
            Some(String::from_utf8_lossy(&answer[..length]).into_owned())
        })
    }
}

fn seen(peer: SocketAddr) -> String {
    let address: IpAddr = peer.ip().to_canonical();
    address.to_string()
}
