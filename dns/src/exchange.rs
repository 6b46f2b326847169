//! One query to one server, and its answer.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use hickory_proto::op::{Header, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use rnet_model::Place;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::timeout;

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
    /// A new, unbound and unconnected socket in `place`, of the family of `peer`.
    ///
    /// It is called from asynchronous tasks, so it must not wait for anything slower than the kernel.
    fn open(&self, place: Place, peer: SocketAddr, transport: Transport) -> io::Result<OwnedFd>;
}

/// Asks `upstream` what `query`, the bytes of `request`, asks, and returns the bytes of its answer.
///
/// It waits until there is one: the caller limits the time. Each call uses a socket and thus a port of its own, and
/// an id drawn at random, and takes nothing but that server's answer to that id and question (RFC 5452, 9.1). Else
/// messages pass as they are, both ways (RFC 5625, 4.1). A truncated datagram is followed up over TCP.
pub(crate) async fn exchange(
    sockets: &dyn Sockets,
    upstream: Upstream,
    request: &Request,
    query: &[u8],
    transport: Transport,
) -> Result<Vec<u8>, DnsError> {
    let whole = async {
        if transport == Transport::Tcp {
            return over_tcp(sockets, upstream, request, query).await;
        }
        let answer = over_udp(sockets, upstream, request, query).await?;
        if !is_truncated(&answer) {
            return Ok(answer);
        }
        let longer = timeout(TCP_PATIENCE, over_tcp(sockets, upstream, request, query)).await;
        Ok(longer.ok().and_then(Result::ok).unwrap_or(answer))
    };
    let mut answer = whole
        .await
        .map_err(|source| DnsError::Ask { upstream, source })?;
    answer[..2].copy_from_slice(&request.id().to_be_bytes());
    Ok(answer)
}

async fn over_udp(
    sockets: &dyn Sockets,
    upstream: Upstream,
    request: &Request,
    query: &[u8],
) -> io::Result<Vec<u8>> {
    let fd = sockets.open(upstream.place, upstream.address, Transport::Udp)?;
    let socket = std::net::UdpSocket::from(fd);
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket)?;
    socket.connect(upstream.address).await?;
    let id = random_id()?;
    socket.send(&with_id(query, id)).await?;
    loop {
        // ICMP errors make a socket erroneous but not readable.
        socket.ready(Interest::READABLE | Interest::ERROR).await?;
        match failure(&socket).map_or_else(|| receive(&socket), Err) {
            Ok(answer) if is_answer(&answer, id, request.question()) => return Ok(answer),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
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

async fn over_tcp(
    sockets: &dyn Sockets,
    upstream: Upstream,
    request: &Request,
    query: &[u8],
) -> io::Result<Vec<u8>> {
    let fd = sockets.open(upstream.place, upstream.address, Transport::Tcp)?;
    let socket = std::net::TcpStream::from(fd);
    socket.set_nonblocking(true)?;
    let socket = TcpSocket::from_std_stream(socket);
    let mut stream = socket.connect(upstream.address).await?;
    let id = random_id()?;
    write_message(&mut stream, &with_id(query, id)).await?;
    loop {
        let answer = read_message(&mut stream).await?;
        if is_answer(&answer, id, request.question()) {
            return Ok(answer);
        }
    }
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

/// Whether `bytes` is the answer to the question under this id.
///
/// A server that cannot or will not read the question may leave it out of its refusal.
fn is_answer(bytes: &[u8], id: u16, question: &Query) -> bool {
    let mut decoder = BinDecoder::new(bytes);
    let Ok(header) = Header::read(&mut decoder) else {
        return false;
    };
    let kind = header.message_type == MessageType::Response && header.op_code == OpCode::Query;
    let echoed = match header.counts.queries {
        0 => !matches!(
            header.response_code,
            ResponseCode::NoError | ResponseCode::NXDomain
        ),
        1 => Query::read(&mut decoder).is_ok_and(|echoed| echoed == *question),
        _ => false,
    };
    kind && header.id == id && echoed
}

fn is_truncated(answer: &[u8]) -> bool {
    Header::read(&mut BinDecoder::new(answer)).is_ok_and(|header| header.truncation)
}

fn with_id(query: &[u8], id: u16) -> Vec<u8> {
    let mut query = query.to_vec();
    query[..2].copy_from_slice(&id.to_be_bytes());
    query
}

fn random_id() -> io::Result<u16> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::from)?;
    Ok(u16::from_be_bytes(id))
}
