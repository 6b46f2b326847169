//! Flows of datagrams that were translated for ports that lead elsewhere now: found by what they were first sent to,
//! and removed one by one (ctnetlink, net/netfilter/nf_conntrack_netlink.c).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;

use netlink_packet_core::{
    DefaultNla, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_netfilter::conntrack::{
    ConntrackAttribute, ConntrackMessage, IPTuple, ProtoTuple, Tuple,
};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use rnet_model::{HostPorts, Protocol};

/// CTA_FILTER and what is in it (enum ctattr_filter of linux/netfilter/nfnetlink_conntrack.h): which parts of the given
/// tuple a listed flow must have. Kernels before 5.8 do not know it and list more than is asked for.
const FILTER: u16 = 25;
const FILTER_ORIGINAL: u16 = 1;
const FILTER_REPLY: u16 = 2;
/// CTA_FILTER_FLAG(CTA_PROTO_DST_PORT) and its like: the bit is the attribute's place among IP and port attributes.
const BY_PROTOCOL: u32 = 1 << 3;
const BY_DESTINATION_PORT: u32 = 1 << 5;
/// NLA_F_NESTED of linux/netlink.h.
const NESTED: u16 = 1 << 15;
const ATTRIBUTE_HEADER_BYTES: usize = 4;
/// Listed flows come in datagrams of at most this size (net/netlink/af_netlink.c).
const REPLY_BYTES: usize = 64 << 10;

/// Removes the flows of datagrams first sent to these ports; the contract of [`crate::Host::forget_flows`].
pub(crate) fn forget(ports: &[HostPorts]) -> io::Result<()> {
    let mut wanted: BTreeMap<(Protocol, bool), Vec<HostPorts>> = BTreeMap::new();
    for ports in ports.iter().filter(|it| it.protocol != Protocol::Tcp) {
        let listing = (ports.protocol, ports.address.is_ipv4());
        wanted.entry(listing).or_default().push(*ports);
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    let own = own_addresses()?;
    for ((protocol, v4), ports) in wanted {
        let flows = list(&socket, protocol, v4, only_port(&ports))?;
        for flow in flows {
            if destination(&flow).is_some_and(|(address, port)| {
                ports.iter().any(|it| leads(it, address, port, &own))
            }) {
                remove(&socket, v4, flow)?;
            }
        }
    }
    Ok(())
}

/// Whether what was sent to an address and a port was sent to these.
fn leads(ports: &HostPorts, address: IpAddr, port: u16, own: &BTreeSet<IpAddr>) -> bool {
    ports.ports.ports().contains(&port)
        && match ports.address {
            any if any.is_unspecified() => address.is_loopback() || own.contains(&address),
            one => one == address,
        }
}

/// The addresses of the calling thread's namespace.
fn own_addresses() -> io::Result<BTreeSet<IpAddr>> {
    let addresses = nix::ifaddrs::getifaddrs()?.filter_map(|it| {
        let address = it.address?;
        let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
    });
    Ok(addresses.collect())
}

/// The port, if all of these are the same one.
fn only_port(ports: &[HostPorts]) -> Option<u16> {
    let first = ports.first()?.ports;
    let same = first.count() == 1 && ports.iter().all(|it| it.ports == first);
    same.then_some(first.first())
}

/// A flow's tuple as it was first sent.
type Flow = Vec<Tuple>;

fn list(socket: &Socket, protocol: Protocol, v4: bool, port: Option<u16>) -> io::Result<Vec<Flow>> {
    let mut parts = vec![ProtoTuple::Protocol(protocol.number().into())];
    let mut filter = BY_PROTOCOL;
    if let Some(port) = port {
        parts.push(ProtoTuple::DestinationPort(port));
        filter |= BY_DESTINATION_PORT;
    }
    let filter = filter_value(filter);
    let filter_bytes = ATTRIBUTE_HEADER_BYTES + filter.len();
    let attributes = vec![
        ConntrackAttribute::CtaTupleOrig(vec![Tuple::Proto(parts)]),
        ConntrackAttribute::Other(DefaultNla::new(FILTER, filter)),
    ];
    let mut question = message(ConntrackMessage::Get(attributes), NLM_F_DUMP, v4);
    // the kernel insists on this flag, which the crate clears in attributes it does not know
    let kind = question.len() - filter_bytes + 2;
    let nested = u16::from_ne_bytes([question[kind], question[kind + 1]]) | NESTED;
    question[kind..kind + 2].copy_from_slice(&nested.to_ne_bytes());
    send(socket, &question)?;
    let mut flows = Vec::new();
    while receive(socket, |message| {
        let ConntrackMessage::New(attributes) = message else {
            return;
        };
        flows.extend(attributes.into_iter().find_map(|it| match it {
            ConntrackAttribute::CtaTupleOrig(tuple) => Some(tuple),
            _ => None,
        }));
    })? {}
    flows.retain(|flow| transport(flow) == Some(protocol.number()));
    Ok(flows)
}

/// The flow may have ended meanwhile.
fn remove(socket: &Socket, v4: bool, flow: Flow) -> io::Result<()> {
    let tuple = ConntrackAttribute::CtaTupleOrig(flow);
    let order = message(ConntrackMessage::Delete(vec![tuple]), NLM_F_ACK, v4);
    send(socket, &order)?;
    match receive(socket, |_| {}) {
        Err(error) if error.raw_os_error() != Some(libc::ENOENT) => Err(error),
        _ => Ok(()),
    }
}

fn filter_value(original: u32) -> Vec<u8> {
    let attribute = |kind: u16, value: u32| {
        let mut bytes = 8_u16.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value.to_ne_bytes());
        bytes
    };
    [
        attribute(FILTER_ORIGINAL, original),
        attribute(FILTER_REPLY, 0),
    ]
    .concat()
}

fn destination(flow: &Flow) -> Option<(IpAddr, u16)> {
    let address = flow.iter().find_map(|part| match part {
        Tuple::Ip(parts) => parts.iter().find_map(|it| match it {
            IPTuple::DestinationAddress(address) => Some(*address),
            _ => None,
        }),
        _ => None,
    });
    let port = ports(flow).find_map(|it| match it {
        ProtoTuple::DestinationPort(port) => Some(*port),
        _ => None,
    });
    address.zip(port)
}

fn transport(flow: &Flow) -> Option<u8> {
    ports(flow).find_map(|it| match it {
        ProtoTuple::Protocol(protocol) => Some((*protocol).into()),
        _ => None,
    })
}

fn ports(flow: &Flow) -> impl Iterator<Item = &ProtoTuple> {
    let parts = flow.iter().filter_map(|part| match part {
        Tuple::Proto(parts) => Some(parts),
        _ => None,
    });
    parts.flatten()
}

fn message(message: ConntrackMessage, flags: u16, v4: bool) -> Vec<u8> {
    let family = if v4 {
        NetfilterProtoFamily::IPv4
    } else {
        NetfilterProtoFamily::IPv6
    };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    let payload = NetfilterMessage::new(NetfilterHeader::new(family, 0, 0), message);
    let mut message = NetlinkMessage::new(header, payload.into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn send(socket: &Socket, message: &[u8]) -> io::Result<()> {
    socket.send_to(message, &SocketAddr::new(0, 0), 0).map(drop)
}

/// Reads one datagram of the answer; whether more will come.
fn receive(socket: &Socket, mut take: impl FnMut(ConntrackMessage)) -> io::Result<bool> {
    let mut buffer = Vec::with_capacity(REPLY_BYTES);
    socket.recv(&mut buffer, 0)?;
    let mut rest = buffer.as_slice();
    while !rest.is_empty() {
        let message = NetlinkMessage::<NetfilterMessage>::deserialize(rest)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let length = (message.header.length as usize).next_multiple_of(4);
        match message.payload {
            NetlinkPayload::InnerMessage(NetfilterMessage {
                inner: NetfilterMessageInner::Conntrack(message),
                ..
            }) => take(message),
            NetlinkPayload::Done(_) => return Ok(false),
            NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
            NetlinkPayload::Error(_) => return Ok(false),
            _ => {}
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(true)
}
