//! A resolver on this machine's loopback, whose clock stands still.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use hickory_proto::op::Message;
use rnet_dns::{Forwarding, Resolver, Sockets, Transport, Upstream, View};
use rnet_model::{Place, SandboxId};
use tokio::net::TcpSocket;

use super::client::{Client, Connection};
use super::clock::Clock;
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
    pub(crate) clock: Clock,
}

impl Lab {
    /// A resolver that forwards to these servers.
    pub(crate) fn new(servers: &[SocketAddr]) -> Self {
        let clock = Clock::stopped();
        let resolver = Resolver::new(clock.runtime.clone(), Arc::new(Here));
        let forward = forwarding(Place::Host, servers);
        resolver.update(|names| *names = directory(forward, &[(&["web"], &["10.0.0.2"])]));
        let (address, udp, tcp) = sockets();
        resolver.serve(SANDBOX, udp, tcp).unwrap();
        Self {
            resolver,
            address,
            clock,
        }
    }

    /// Serves another sandbox, which asks these servers from `place`.
    pub(crate) fn also(
        &self,
        sandbox: SandboxId,
        place: Place,
        servers: &[SocketAddr],
    ) -> SocketAddr {
        self.resolver.update(|names| {
            names.put_view(View {
                sandbox,
                networks: vec![NETWORK],
                links: HashMap::new(),
                forward: forwarding(place, servers),
            });
        });
        let (address, udp, tcp) = sockets();
        self.resolver.serve(sandbox, udp, tcp).unwrap();
        address
    }

    /// Sends a query in a datagram, and does not wait.
    pub(crate) fn begin(&self, query: &Message) -> Client {
        let client = Client::of(self.address);
        client.send(query);
        client
    }

    /// Sends a query in a datagram, and takes what comes back.
    pub(crate) fn ask(&self, query: &Message) -> Message {
        self.begin(query).answer()
    }

    /// Sends queries on one connection, closes its sending side, and takes all that comes back.
    pub(crate) fn converse(&self, queries: &[Message]) -> Vec<Message> {
        let mut connection = Connection::to(self.address);
        queries.iter().for_each(|query| connection.send(query));
        connection.finish();
        std::iter::from_fn(|| connection.answer()).collect()
    }
}

fn forwarding(place: Place, servers: &[SocketAddr]) -> Forwarding {
    Forwarding::new(servers.iter().map(|&address| Upstream { place, address }))
}
