//! One query to one server, and its answer.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rnet_model::Place;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::timeout;

use crate::pool::Pool;
use crate::response::Response;
use crate::{DnsError, Request, Upstream};

/// How long the whole of an answer may take to come over TCP after it came truncated in a datagram.
const TCP_PATIENCE: Duration = Duration::from_secs(2);

/// How a message travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// In one datagram.
    Udp,
    /// On a stream, after its length in two bytes (RFC 1035, 4.2.2).
    Tcp,
}

/// Opens the sockets that servers are asked through.
pub trait Sockets: Send + Sync + 'static {
    /// New, unbound and unconnected sockets in `place`, of the family of `peer`: `count` of them, at least one.
    ///
    /// It is called from asynchronous tasks, so it must not wait for anything slower than the kernel.
    fn open(
        &self,
        place: Place,
        peer: SocketAddr,
        transport: Transport,
        count: usize,
    ) -> io::Result<Vec<OwnedFd>>;
}

/// Asks `upstream` what `request` asks.
///
/// It waits until there is an answer: the caller limits the time. Each query uses a socket and thus a port of its own,
/// and an id drawn at random, and takes nothing but that server's answer to that id and question (RFC 5452, 9.1). A
/// truncated datagram is followed up over TCP (RFC 7766, 5), and a server that does not know EDNS is asked without it
/// (RFC 6891, 7).
pub(crate) async fn exchange(
    sockets: &Pool,
    upstream: Upstream,
    request: &Request,
    transport: Transport,
) -> Result<Response, DnsError> {
    let asked = async || {
        let query = |edns| Query {
            sockets,
            upstream,
            request,
            edns,
        };
        let answer = query(true).ask(transport).await?;
        if answer.dislikes_edns() {
            return query(false).ask(transport).await;
        }
        Ok(answer)
    };
    asked()
        .await
        .map_err(|source| DnsError::Ask { upstream, source })
}

/// One question to one server.
struct Query<'a> {
    sockets: &'a Pool,
    upstream: Upstream,
    request: &'a Request,
    edns: bool,
}

impl Query<'_> {
    async fn ask(&self, transport: Transport) -> io::Result<Response> {
        if transport == Transport::Tcp {
            return self.over_tcp().await;
        }
        let answer = self.over_udp().await?;
        if !answer.is_truncated() {
            return Ok(answer);
        }
        let longer = timeout(TCP_PATIENCE, self.over_tcp()).await;
        Ok(longer.ok().and_then(Result::ok).unwrap_or(answer))
    }

    async fn over_udp(&self) -> io::Result<Response> {
        let server = self.upstream.address;
        let fd = self.sockets.open(self.upstream, Transport::Udp)?;
        let socket = std::net::UdpSocket::from(fd);
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        socket.connect(server).await?;
        let id = random_id()?;
        socket.send(&self.request.query(id, self.edns)).await?;
        loop {
            // ICMP errors make a socket erroneous but not readable
            socket.ready(Interest::READABLE | Interest::ERROR).await?;
            match failure(&socket).map_or_else(|| receive(&socket), Err) {
                Ok(answer) => {
                    if let Some(answer) = Response::read(answer, id, self.request.question()) {
                        return Ok(answer);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn over_tcp(&self) -> io::Result<Response> {
        let server = self.upstream.address;
        let fd = self.sockets.open(self.upstream, Transport::Tcp)?;
        let socket = std::net::TcpStream::from(fd);
        socket.set_nonblocking(true)?;
        let mut stream = TcpSocket::from_std_stream(socket).connect(server).await?;
        let id = random_id()?;
        write_message(&mut stream, &self.request.query(id, self.edns)).await?;
        loop {
            let answer = read_message(&mut stream).await?;
            if let Some(answer) = Response::read(answer, id, self.request.question()) {
                return Ok(answer);
            }
        }
    }
}

/// The error an ICMP message brought, if any.
fn failure(socket: &UdpSocket) -> Option<io::Error> {
    let pending = || match socket.take_error()? {
        Some(error) => Ok(error),
        None => Err(io::ErrorKind::WouldBlock.into()),
    };
    // By way of try_io, so that an error that is gone is not waited for in vain again and again.
    socket.try_io(Interest::ERROR, pending).ok()
}

/// Takes one datagram, with a buffer that lives no longer than that: queries wait in great numbers.
fn receive(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut buffer = [0; u16::MAX as usize];
    let length = socket.try_recv(&mut buffer)?;
    Ok(buffer[..length].to_vec())
}

/// Reads one message off a stream.
pub(crate) async fn read_message(stream: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Writes one message to a stream, in one piece with its length (RFC 7766, 8).
pub(crate) async fn write_message(
    stream: &mut (impl AsyncWriteExt + Unpin),
    message: &[u8],
) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(message.len() + 2);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(message);
    stream.write_all(&bytes).await
}

fn random_id() -> io::Result<u16> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::from)?;
    Ok(u16::from_be_bytes(id))
}
