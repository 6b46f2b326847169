//! A client of a resolver, over UDP and TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};

use hickory_proto::op::Message;

/// A socket for datagrams that asks one resolver.
pub(crate) struct Client(UdpSocket);

/// A connection to one resolver.
pub(crate) struct Connection(TcpStream);

impl Client {
    pub(crate) fn of(resolver: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(super::PATIENCE)).unwrap();
        socket.connect(resolver).unwrap();
        Self(socket)
    }

    /// Sends a query, and does not wait.
    pub(crate) fn send(&self, query: &Message) {
        self.send_bytes(&query.to_vec().unwrap());
    }

    /// Sends a datagram, whatever is in it.
    pub(crate) fn send_bytes(&self, bytes: &[u8]) {
        self.0.send(bytes).unwrap();
    }

    /// Waits for an answer.
    pub(crate) fn answer(&self) -> Message {
        Message::from_vec(&self.answer_bytes()).unwrap()
    }

    /// The same, in bytes.
    pub(crate) fn answer_bytes(&self) -> Vec<u8> {
        let mut reply = vec![0; 65_535];
        let length = self.0.recv(&mut reply).expect("an answer");
        reply.truncate(length);
        reply
    }

    /// The answers that are there already.
    pub(crate) fn answers_so_far(&self) -> Vec<Message> {
        self.0.set_nonblocking(true).unwrap();
        let mut reply = [0; 4096];
        let next = || match self.0.recv(&mut reply) {
            Ok(length) => Some(Message::from_vec(&reply[..length]).unwrap()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                None
            }
        };
        let answers = std::iter::from_fn(next).collect();
        self.0.set_nonblocking(false).unwrap();
        answers
    }
}

impl Connection {
    pub(crate) fn to(resolver: SocketAddr) -> Self {
        let stream = TcpStream::connect(resolver).unwrap();
        stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, query: &Message) {
        let bytes = query.to_vec().unwrap();
        let length = (bytes.len() as u16).to_be_bytes();
        self.0.write_all(&length).unwrap();
        self.0.write_all(&bytes).unwrap();
    }

    /// Says that nothing more will be asked.
    pub(crate) fn finish(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// The next answer; none if the resolver closed the connection.
    pub(crate) fn answer(&mut self) -> Option<Message> {
        let mut length = [0; 2];
        match self.0.read_exact(&mut length) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
            read => read.expect("an answer, or the end"),
        }
        let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
        self.0.read_exact(&mut reply).unwrap();
        Some(Message::from_vec(&reply).unwrap())
    }

    /// Whether there is no answer yet.
    pub(crate) fn waits(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let peeked = self.0.peek(&mut [0]);
        self.0.set_nonblocking(false).unwrap();
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}
