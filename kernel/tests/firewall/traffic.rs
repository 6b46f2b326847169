//! Servers that answer with the address they see the client have, and clients that say what they were answered.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::Namespace;

/// For what must come; nothing waits as long when all is well.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for an answer to a packet that was lost once (a second), short enough to wait for what never comes.
const MOMENT: Duration = Duration::from_millis(1200);

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

    /// What a TCP server there says; it must be reached, however busy the machine is.
    pub(crate) fn tcp(&self, server: &str) -> Option<String> {
        self.ask_tcp(server, PATIENCE)
    }

    /// Whether a TCP client is told that there is no server, rather than left to wait.
    pub(crate) fn is_refused(&self, server: &str) -> bool {
        let server: SocketAddr = server.parse().unwrap();
        let connected = self.run(|| TcpStream::connect(server));
        connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }

    /// The same where it is not to be reached; for no longer than it takes to ask again for a lost packet.
    pub(crate) fn tcp_soon(&self, server: &str) -> Option<String> {
        self.ask_tcp(server, MOMENT)
    }

    /// What a UDP server there says; it must be reached, however busy the machine is.
    pub(crate) fn udp(&self, server: &str) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        // what was lost is said again
        std::iter::from_fn(|| (Instant::now() < deadline).then(|| self.udp_soon(server)))
            .flatten()
            .next()
    }

    /// The same where it is not to be reached.
    pub(crate) fn udp_soon(&self, server: &str) -> Option<String> {
        let server: SocketAddr = server.parse().unwrap();
        self.run(|| {
            let any = if server.is_ipv4() {
                "0.0.0.0:0"
            } else {
                "[::]:0"
            };
            let socket = UdpSocket::bind(any).unwrap();
            socket.set_read_timeout(Some(MOMENT)).unwrap();
            socket.connect(server).unwrap();
            socket.send(b"who am I?").ok()?;
            let mut answer = [0; 64];
            let length = socket.recv(&mut answer).ok()?;
            Some(String::from_utf8_lossy(&answer[..length]).into_owned())
        })
    }

    fn ask_tcp(&self, server: &str, patience: Duration) -> Option<String> {
        let server: SocketAddr = server.parse().unwrap();
        self.run(|| {
            let mut stream = TcpStream::connect_timeout(&server, patience).ok()?;
            stream.set_read_timeout(Some(patience)).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            Some(answer)
        })
    }
}

fn seen(peer: SocketAddr) -> String {
    let address: IpAddr = peer.ip().to_canonical();
    address.to_string()
}
