//! A resolver on this machine's loopback, and a client of it.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::Message;
use rnet_dns::{Forwarding, Resolver, Sockets, Transport, Upstream, View};
use rnet_model::{Place, SandboxId};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use super::{NETWORK, SANDBOX, directory, sockets};

/// Opens sockets right here, whatever the place.
pub(crate) struct Here;

impl Sockets for Here {
    fn open(
        &self,
        _: Place,
        peer: SocketAddr,
        transport: Transport,
        count: usize,
    ) -> io::Result<Vec<OwnedFd>> {
        let open = |_| match transport {
            Transport::Udp => UdpSocket::bind((peer.ip(), 0)).map(OwnedFd::from),
            // std has no unconnected TCP socket.
            Transport::Tcp => TcpSocket::new_v4()?.as_fd().try_clone_to_owned(),
        };
        (0..count).map(open).collect()
    }
}

/// A resolver that serves one sandbox, whose network has `web` at 10.0.0.2.
pub(crate) struct Lab {
    pub(crate) resolver: Resolver,
    pub(crate) address: SocketAddr,
    pub(crate) runtime: Runtime,
}

impl Lab {
    /// A resolver that forwards to these servers.
    pub(crate) fn new(servers: &[SocketAddr]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let resolver = Resolver::new(runtime.handle().clone(), Arc::new(Here));
        let place = Place::Host;
        let forward = Forwarding::new(servers.iter().map(|&address| Upstream { place, address }));
        resolver.update(|names| *names = directory(forward, &[(&["web"], &["10.0.0.2"])]));
        let (address, udp, tcp) = sockets();
        resolver.serve(SANDBOX, udp, tcp).unwrap();
        Self {
            resolver,
            address,
            runtime,
        }
    }

    /// Serves another sandbox, which asks these servers from `place`.
    pub(crate) fn also(
        &self,
        sandbox: SandboxId,
        place: Place,
        servers: &[SocketAddr],
    ) -> SocketAddr {
        let forward = Forwarding::new(servers.iter().map(|&address| Upstream { place, address }));
        self.resolver.update(|names| {
            names.put_view(View {
                sandbox,
                networks: vec![NETWORK],
                links: HashMap::new(),
                forward,
            });
        });
        let (address, udp, tcp) = sockets();
        self.resolver.serve(sandbox, udp, tcp).unwrap();
        address
    }

    /// Sends a query in a datagram, and takes what comes back.
    pub(crate) fn ask(&self, query: &Message) -> Message {
        Message::from_vec(&self.ask_bytes(query)).unwrap()
    }

    /// The same, in bytes.
    pub(crate) fn ask_bytes(&self, query: &Message) -> Vec<u8> {
        self.ask_at(self.address, query)
    }

    /// The same, of another sandbox's resolver.
    pub(crate) fn ask_at(&self, resolver: SocketAddr, query: &Message) -> Vec<u8> {
        let client = client(resolver);
        client.send(&query.to_vec().unwrap()).unwrap();
        let mut reply = vec![0; 65_535];
        let length = client
            .recv(&mut reply)
            .expect("an answer within the time of a patient client");
        reply.truncate(length);
        reply
    }

    /// A socket that waits for an answer as long as a patient client does.
    pub(crate) fn client(&self) -> UdpSocket {
        client(self.address)
    }

    /// Sends queries on one connection, closes its sending side, and takes all that comes back.
    pub(crate) fn converse(&self, queries: &[Message]) -> Vec<Message> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(15)))
            .unwrap();
        for query in queries {
            let bytes = query.to_vec().unwrap();
            stream
                .write_all(&(bytes.len() as u16).to_be_bytes())
                .unwrap();
            stream.write_all(&bytes).unwrap();
        }
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let mut rest = &all[..];
        let mut replies = Vec::new();
        while let [high, low, tail @ ..] = rest {
            let (reply, tail) = tail.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            replies.push(Message::from_vec(reply).unwrap());
            rest = tail;
        }
        replies
    }
}

/// A socket that waits for an answer as long as a patient client does.
pub(crate) fn client(resolver: SocketAddr) -> UdpSocket {
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(8)))
        .unwrap();
    client.connect(resolver).unwrap();
    client
}
