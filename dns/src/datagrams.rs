//! Datagrams in bursts: one system call takes all that wait, one sends all replies (recvmmsg(2), sendmmsg(2)).

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::net::SocketAddrV4;
use std::os::fd::{AsRawFd, RawFd};

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// How many datagrams are taken in a row before the runtime may give other tasks their turn.
const BURST: usize = 32;
/// The longest query that is read from a datagram, in bytes: what we tell clients to keep to.
const MAX_QUERY: usize = crate::request::OUR_PAYLOAD as usize;

thread_local! {
    // sandboxes are many, threads are few
    static BURSTS: RefCell<Burst> = RefCell::new(Burst {
        incoming: MultiHeaders::preallocate(BURST, None),
        outgoing: MultiHeaders::preallocate(BURST, None),
        queries: vec![[0; MAX_QUERY]; BURST],
        replies: Vec::with_capacity(BURST),
    });
}

/// Room for one burst.
struct Burst {
    /// These point to room for the clients' addresses, and those of replies to the addresses themselves.
    incoming: MultiHeaders<SockaddrIn>,
    outgoing: MultiHeaders<SockaddrIn>,
    queries: Vec<[u8; MAX_QUERY]>,
    replies: Vec<(Vec<u8>, Option<SockaddrIn>)>,
}

/// Takes the datagrams that wait in an IPv4 socket, as many as there is room for, and sends what `answer` makes of them;
/// nothing, if nothing waits.
///
/// A reply that cannot be sent is as good as lost: the client asks again.
pub(crate) fn exchange(
    socket: &UdpSocket,
    answer: impl FnMut(&[u8], SocketAddrV4) -> Option<Vec<u8>>,
) -> io::Result<()> {
    BURSTS.with_borrow_mut(|burst| {
        let taken = burst.take(socket, answer);
        burst.send(socket.as_raw_fd());
        taken
    })
}

impl Burst {
    fn take(
        &mut self,
        socket: &UdpSocket,
        mut answer: impl FnMut(&[u8], SocketAddrV4) -> Option<Vec<u8>>,
    ) -> io::Result<()> {
        let mut sizes = [(0, None); BURST];
        let taken = socket.try_io(Interest::READABLE, || {
            let mut parts: Vec<_> = self
                .queries
                .iter_mut()
                .map(|it| [IoSliceMut::new(it)])
                .collect();
            let (fd, now) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
            let datagrams = recvmmsg(fd, &mut self.incoming, &mut parts, now, None)?;
            let mut count = 0;
            for (size, datagram) in sizes.iter_mut().zip(datagrams) {
                *size = (datagram.bytes, datagram.address);
                count += 1;
            }
            // fewer than there is room for are all there were: to wait for more need not be tried in vain
            if count < BURST {
                Err(ErrorKind::WouldBlock.into())
            } else {
                Ok(())
            }
        });
        for (query, (length, client)) in self.queries.iter().zip(sizes) {
            let Some(client) = client else { break };
            let reply = answer(&query[..length], client.into());
            self.replies
                .extend(reply.map(|reply| (reply, Some(client))));
        }
        match taken {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            taken => taken,
        }
    }

    fn send(&mut self, fd: RawFd) {
        let (replies, clients): (Vec<Vec<u8>>, Vec<_>) = self.replies.drain(..).unzip();
        let parts: Vec<_> = replies.iter().map(|reply| [IoSlice::new(reply)]).collect();
        let mut sent = 0;
        while sent < parts.len() {
            let (rest, to) = (&parts[sent..], &clients[sent..]);
            let now = MsgFlags::MSG_DONTWAIT;
            let outcome = sendmmsg(fd, &mut self.outgoing, rest, to, [], now);
            // one that is refused must not keep back those behind it
            sent += outcome.map_or(1, |sent| sent.count().max(1));
        }
    }
}
