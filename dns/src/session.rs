//! One sandbox's resolver: its two sockets and the queries that come in on them.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rnet_model::SandboxId;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::exchange::{read_message, write_message};
use crate::forward::Forwarder;
use crate::message::code;
use crate::permit::{Permit, Share};
use crate::reply::empty;
use crate::shared::Shared;
use crate::{Answer, Forwarding, Request, Transport, answer, datagrams};

/// How many queries of one sandbox are being forwarded at once; one more is refused (libnetwork's `maxConcurrent`).
const MAX_FORWARDED: usize = 1024;
/// How many connections one sandbox may hold open (RFC 7766, 6.2.2).
const MAX_CONNECTIONS: usize = 64;
/// How long a connection may be idle, or a client slow to read (RFC 7766, 6.2.3).
const IDLE: Duration = Duration::from_secs(10);
/// How long to wait after a socket failed in a way that may last, such as for want of file descriptors.
const BREATHER: Duration = Duration::from_millis(100);
/// 2^32 divided by the golden ratio: its multiples are spread evenly, whatever the stride they are looked at with.
const GOLDEN: u32 = 0x9e37_79b9;

/// One sandbox's resolver.
pub(crate) struct Session {
    sandbox: SandboxId,
    shared: Arc<Shared>,
    forwarder: Forwarder,
    queries: Arc<Share>,
    connections: Arc<Share>,
    turn: AtomicU32,
    closing: watch::Receiver<bool>,
}

/// What a message leads to.
enum Step {
    Done,
    Reply(Vec<u8>),
    Forward(Box<Forward>),
}

/// A query on its way to the sandbox's servers; dropped, it makes room for another.
struct Forward {
    request: Request,
    transport: Transport,
    forwarding: Forwarding,
    _permit: Permit,
}

impl Session {
    pub(crate) fn new(
        sandbox: SandboxId,
        shared: Arc<Shared>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let (sockets, flights) = (Arc::clone(&shared.sockets), Arc::clone(&shared.flights));
        Self {
            sandbox,
            forwarder: Forwarder::new(sockets, flights),
            queries: shared.queries.share(MAX_FORWARDED),
            connections: shared.connections.share(MAX_CONNECTIONS),
            shared,
            turn: AtomicU32::new(0),
            closing,
        }
    }

    /// Answers datagrams until the resolver closes: local names at once, in place, the others as tasks of its own.
    pub(crate) async fn serve_udp(self: Arc<Self>, socket: Arc<UdpSocket>) {
        let mut forwards = JoinSet::new();
        loop {
            tokio::select! {
                ready = socket.readable() => {
                    if let Err(error) = ready.and_then(|()| self.drain(&socket, &mut forwards)) {
                        warn!(sandbox = self.sandbox.short(), %error, "cannot receive DNS queries");
                        sleep(BREATHER).await;
                    }
                }
                Some(_) = forwards.join_next() => {}
                () = self.closed() => break,
            }
        }
        forwards.join_all().await;
    }

    /// Answers the connections of a listener until the resolver closes.
    pub(crate) async fn serve_tcp(self: Arc<Self>, listener: Arc<TcpListener>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                    // without a permit it is closed: too many sandboxes have many
                    Ok((stream, _)) => if let Some(permit) = self.connections.permit() {
                        connections.spawn(Arc::clone(&self).converse(stream, permit));
                    },
                    Err(error) => {
                        warn!(sandbox = self.sandbox.short(), %error, "cannot accept DNS connections");
                        sleep(BREATHER).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                () = self.closed() => break,
            }
        }
        connections.join_all().await;
    }

    /// Waits until the resolver takes no more queries.
    async fn closed(&self) {
        // the sender is gone only once nobody polls this
        let _ = self.closing.clone().wait_for(|closing| *closing).await;
    }

    fn drain(
        self: &Arc<Self>,
        socket: &Arc<UdpSocket>,
        forwards: &mut JoinSet<()>,
    ) -> io::Result<()> {
        datagrams::exchange(socket, |query, client| {
            match self.step(query, Transport::Udp) {
                Step::Done => None,
                Step::Reply(reply) => Some(reply),
                Step::Forward(forward) => {
                    let (session, socket) = (Arc::clone(self), Arc::clone(socket));
                    forwards.spawn(async move {
                        let reply = session.forward(*forward).await;
                        // a datagram that cannot be sent is as good as lost: the client asks again
                        drop(socket.send_to(&reply, SocketAddr::V4(client)).await);
                    });
                    None
                }
            }
        })
    }

    /// Answers the queries of one connection, each as soon as it can be (RFC 7766, 6.2.1.1).
    async fn converse(self: Arc<Self>, stream: TcpStream, _permit: Permit) {
        let (mut reader, writer) = stream.into_split();
        let writer = Arc::new(Mutex::new(writer));
        let mut forwards = JoinSet::new();
        loop {
            let query = tokio::select! {
                read = timeout(IDLE, read_message(&mut reader)) => match read {
                    Ok(Ok(query)) => query,
                    _ => break,
                },
                () = self.closed() => break,
            };
            match self.step(&query, Transport::Tcp) {
                Step::Done => break,
                Step::Reply(reply) => {
                    if send(&writer, &reply).await.is_err() {
                        break;
                    }
                }
                Step::Forward(forward) => {
                    let (session, writer) = (Arc::clone(&self), Arc::clone(&writer));
                    forwards.spawn(async move {
                        let reply = session.forward(*forward).await;
                        // The reader of the same connection will notice what is wrong with it.
                        drop(send(&writer, &reply).await);
                    });
                }
            }
            while forwards.try_join_next().is_some() {}
        }
        // A client may close its side as soon as it has asked (RFC 7766, 6.2.4).
        forwards.join_all().await;
    }

    fn step(&self, query: &[u8], transport: Transport) -> Step {
        let turn = self.turn.fetch_add(GOLDEN, Ordering::Relaxed) >> 16;
        let directory = self
            .shared
            .directory
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        match answer(&directory, self.sandbox, query, transport, turn) {
            Answer::Ignore => Step::Done,
            Answer::Local(reply) => Step::Reply(reply),
            Answer::Forward(request) => {
                self.forwarded(request, transport, directory.forwarding(self.sandbox))
            }
        }
    }

    fn forwarded(&self, request: Request, transport: Transport, forwarding: Forwarding) -> Step {
        if let Some(reply) = self.forwarder.known(&request, &forwarding) {
            return Step::Reply(reply);
        }
        match self.queries.permit() {
            None => Step::Reply(empty(&request, code::REFUSED)),
            Some(permit) => Step::Forward(Box::new(Forward {
                request,
                transport,
                forwarding,
                _permit: permit,
            })),
        }
    }

    async fn forward(&self, forward: Forward) -> Vec<u8> {
        let Forward {
            request,
            transport,
            forwarding,
            ..
        } = &forward;
        self.forwarder
            .forward(request, *transport, forwarding)
            .await
    }
}

async fn send(writer: &Mutex<OwnedWriteHalf>, reply: &[u8]) -> io::Result<()> {
    let mut writer = writer.lock().await;
    timeout(IDLE, write_message(&mut *writer, reply)).await?
}
