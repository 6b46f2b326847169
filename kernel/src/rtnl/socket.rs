//! The netlink socket: requests out in one datagram, answers and refusals in.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_ALIGNTO, NetlinkBuffer, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rnet_model::{Cidr, IfName};

use super::index::index;
use super::{Link, Refusal, Request, Route, address, request};

/// The kernel fills as much of this with each part of a listing (net/netlink/af_netlink.c, `netlink_dump`).
const BUFFER_BYTES: usize = 32 << 10;
/// How often a listing is asked for while others change what it lists.
const LISTING_TRIES: usize = 16;

/// A socket to the links, addresses and routes of the network namespace it was opened in; usable from everywhere.
#[derive(Debug)]
pub(crate) struct Rtnetlink {
    socket: Socket,
    buffer: Vec<u8>,
    /// The number of the last request ever sent: answers to earlier ones are told from those to later ones.
    last: u32,
}

/// A request of a batch that was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Its place in the batch.
    pub(crate) position: usize,
    pub(crate) refusal: Refusal,
}

/// Everything that came back.
#[derive(Default)]
struct Replies {
    answers: Vec<RouteNetlinkMessage>,
    refused: Vec<Refused>,
    /// Whether what was listed changed meanwhile.
    interrupted: bool,
}

impl Rtnetlink {
    /// Opens a socket in the calling thread's network namespace.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = Socket::new(NETLINK_ROUTE)?;
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            last: 0,
        })
    }

    /// Sends all requests in one datagram; gives those that were refused, in their order.
    ///
    /// A refusal stops nothing: the kernel goes on with the next request (`netlink_rcv_skb`).
    pub(crate) fn send(&mut self, requests: Vec<Request>) -> Result<Vec<Refused>, Refusal> {
        Ok(self.exchange(requests)?.refused)
    }

    /// Sends one request.
    pub(crate) fn request(&mut self, request: Request) -> Result<(), Refusal> {
        match self.send(vec![request])?.pop() {
            Some(refused) => Err(refused.refusal),
            None => Ok(()),
        }
    }

    /// The index of a link by its name.
    pub(crate) fn index(&self, link: &IfName) -> Result<Option<u32>, Refusal> {
        Ok(index(self.socket.as_fd(), link)?)
    }

    /// What there is to know of a link; none if there is no such link.
    pub(crate) fn link(&mut self, name: &IfName) -> Result<Option<Link>, Refusal> {
        self.show(request::link(name))
    }

    /// The same by its index.
    pub(crate) fn link_at(&mut self, index: u32) -> Result<Option<Link>, Refusal> {
        self.show(request::link_at(index))
    }

    /// All links.
    pub(crate) fn links(&mut self) -> Result<Vec<Link>, Refusal> {
        let listed = self.list(&request::links())?;
        Ok(listed.into_iter().filter_map(Link::parse).collect())
    }

    /// All routes of one family, of all tables.
    pub(crate) fn routes(&mut self, family: AddressFamily) -> Result<Vec<Route>, Refusal> {
        let listed = self.list(&request::routes(family))?;
        Ok(listed.into_iter().filter_map(Route::parse).collect())
    }

    /// The addresses of one link, with the lengths of their prefixes.
    pub(crate) fn addresses_of(&mut self, link: u32) -> Result<Vec<Cidr>, Refusal> {
        let listed = self.list(&request::addresses())?;
        let of_link = |it| address::parse(it).filter(|(index, _)| *index == link);
        Ok(listed
            .into_iter()
            .filter_map(of_link)
            .map(|(_, cidr)| cidr)
            .collect())
    }

    /// The route that packets to an address take; none where they take none.
    pub(crate) fn route_to(&mut self, address: Ipv4Addr) -> Result<Option<Route>, Refusal> {
        const NONE: [i32; 3] = [libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EACCES];
        let replies = self.exchange(vec![request::route_to(address)])?;
        match replies.refused.into_iter().next() {
            Some(refused) if NONE.contains(&refused.refusal.errno()) => Ok(None),
            Some(refused) => Err(refused.refusal),
            None => Ok(replies.answers.into_iter().find_map(Route::parse)),
        }
    }

    fn show(&mut self, request: Request) -> Result<Option<Link>, Refusal> {
        let replies = self.exchange(vec![request])?;
        match replies.refused.into_iter().next() {
            Some(refused) if refused.refusal.errno() == libc::ENODEV => Ok(None),
            Some(refused) => Err(refused.refusal),
            None => Ok(replies.answers.into_iter().find_map(Link::parse)),
        }
    }

    fn list(&mut self, request: &Request) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
        for _ in 0..LISTING_TRIES {
            let replies = self.exchange(vec![request.clone()])?;
            if let Some(refused) = replies.refused.into_iter().next() {
                return Err(refused.refusal);
            }
            if !replies.interrupted {
                return Ok(replies.answers);
            }
        }
        Err(Refusal::new(libc::EAGAIN))
    }

    fn exchange(&mut self, requests: Vec<Request>) -> Result<Replies, Refusal> {
        let count = requests.len();
        let first = self.last.wrapping_add(1);
        let datagram = self.datagram(requests);
        self.socket.send_to(&datagram, &SocketAddr::new(0, 0), 0)?;
        let mut replies = Replies::default();
        loop {
            self.buffer.clear();
            // what a request leads to is queued when the sending returns; a listing goes on as it is read
            self.socket.recv(&mut self.buffer, libc::MSG_DONTWAIT)?;
            for message in messages(&self.buffer) {
                let position = message.header.sequence_number.wrapping_sub(first) as usize;
                let ends = position + 1 == count;
                if position < count && replies.take(position, message) && ends {
                    return Ok(replies);
                }
            }
        }
    }

    /// All requests in a row, numbered; the last one is to be acknowledged, so that there is an end.
    fn datagram(&mut self, requests: Vec<Request>) -> Vec<u8> {
        let count = requests.len();
        let mut datagram = Vec::new();
        for (position, Request { message, flags }) in requests.into_iter().enumerate() {
            self.last = self.last.wrapping_add(1);
            let mut message = NetlinkMessage::from(message);
            message.header.sequence_number = self.last;
            message.header.flags = flags;
            if position + 1 == count && flags & NLM_F_DUMP != NLM_F_DUMP {
                message.header.flags |= NLM_F_ACK;
            }
            message.finalize();
            let start = datagram.len();
            let end = start + message.buffer_len();
            datagram.resize(end.next_multiple_of(usize::from(NLMSG_ALIGNTO)), 0);
            message.serialize(&mut datagram[start..end]);
        }
        datagram
    }
}

impl Replies {
    /// Takes in a message; whether it was the last one to the request at this position.
    fn take(&mut self, position: usize, message: NetlinkMessage<RouteNetlinkMessage>) -> bool {
        self.interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
        let refusal = match message.payload {
            NetlinkPayload::InnerMessage(answer) => {
                self.answers.push(answer);
                return false;
            }
            NetlinkPayload::Error(error) => Refusal::parse(&message.header, &error),
            NetlinkPayload::Done(done) => (done.code < 0).then(|| Refusal::new(-done.code)),
            _ => return false,
        };
        self.refused
            .extend(refusal.map(|refusal| Refused { position, refusal }));
        true
    }
}

/// The messages of a datagram, as they are.
pub(super) fn split(mut datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = NetlinkBuffer::new_checked(datagram).ok()?.length() as usize;
        let (message, rest) = datagram.split_at(length);
        datagram = rest
            .get(length.next_multiple_of(4) - length..)
            .unwrap_or_default();
        Some(message)
    })
}

/// The messages of a datagram; one that cannot be read, say of a kind of link that is newer than this, is left out.
pub(super) fn messages(
    datagram: &[u8],
) -> impl Iterator<Item = NetlinkMessage<RouteNetlinkMessage>> {
    split(datagram).filter_map(|message| match NetlinkMessage::deserialize(message) {
        Ok(message) => Some(message),
        Err(error) => {
            tracing::debug!("a message of rtnetlink is not understood: {error}");
            None
        }
    })
}
