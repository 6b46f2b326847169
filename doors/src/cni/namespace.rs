//! The container's own namespace, as a plugin sees and sets it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns};
use rnet_model::MacAddress;

/// What a link is to have; what is none stays as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct LinkSettings {
    pub(super) mac: Option<MacAddress>,
    /// In bytes.
    pub(super) mtu: Option<u32>,
    /// In packets.
    pub(super) queue: Option<u32>,
    pub(super) promiscuous: Option<bool>,
    pub(super) all_multicast: Option<bool>,
    pub(super) up: Option<bool>,
}

/// Does something on a thread that is in a namespace.
pub(super) fn within<T: Send>(
    namespace: &Path,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    let namespace = File::open(namespace)?;
    let enter = || {
        setns(&namespace, CloneFlags::CLONE_NEWNET)?;
        work()
    };
    thread::scope(|scope| {
        let done = scope.spawn(enter).join();
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Gives a link of this thread's namespace all its settings in one request.
pub(super) fn set_link(name: &str, settings: &LinkSettings) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = if_nametoindex(name)?;
    for (flag, wanted) in [
        (LinkFlags::Promisc, settings.promiscuous),
        (LinkFlags::Allmulti, settings.all_multicast),
        (LinkFlags::Up, settings.up),
    ] {
        let Some(on) = wanted else { continue };
        message.header.change_mask |= flag;
        message.header.flags.set(flag, on);
    }
    let mac = settings
        .mac
        .map(|it| LinkAttribute::Address(it.octets().to_vec()));
    let mtu = settings.mtu.map(LinkAttribute::Mtu);
    let queue = settings.queue.map(LinkAttribute::TxQueueLen);
    message
        .attributes
        .extend([mac, mtu, queue].into_iter().flatten());
    request(RouteNetlinkMessage::SetLink(message))
}

/// Asks rtnetlink for one change, and waits for its answer (rtnetlink(7)).
fn request(message: RouteNetlinkMessage) -> io::Result<()> {
    let socket = Socket::new(NETLINK_ROUTE)?;
    let mut message = NetlinkMessage::from(message);
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer);
    match answer.map_err(io::Error::other)?.payload {
        NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
        _ => Ok(()),
    }
}
