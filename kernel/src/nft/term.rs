//! The words rules are made of, as nft prints them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use rnet_model::Protocol;

use super::Kind;

/// One step of a rule: what does not hold ends the rule.
pub(crate) enum Term {
    /// The packet belongs to a connection that was let through, or is an error about one.
    Established,
    /// The connection's destination was translated.
    Translated,
    /// The packet came in by no interface: it is this host's, or br_netfilter's on the way from port to port.
    FromNoInterface,
    /// The destination is an address of this host.
    ToThisHost,
    /// The fields, put side by side, are in the set of this name.
    In(&'static [Field], &'static str),
    /// What is looked up at the same place as in a term before is not in the set of this name.
    NotIn(&'static [Field], &'static str),
    /// The packet is of this protocol.
    OfProtocol(Icmp),
    /// An address starts with these whole bytes.
    Begins(Field, &'static [u8]),
    /// The destination is a port of this protocol.
    ToPort(Protocol, u16),
    /// Nothing more is asked in this hook.
    Accept,
    /// The packet is gone.
    Drop,
    /// The rest of the way is another chain.
    Goto(&'static str),
    /// The next part of the way is another chain.
    Jump(&'static str),
    /// The way goes on where it left for this chain.
    Return,
    /// The source becomes the address of the interface the packet leaves by.
    Masquerade,
    /// The source becomes the address the map says of the fields; what it says nothing of goes on.
    SourceBy(Kind, &'static [Field], &'static str),
    /// The destination becomes the address and port the map says of the fields; what it says nothing of goes on.
    TranslateBy(Kind, &'static [Field], &'static str),
    /// The same, but the map says an address only: the port is kept.
    TranslateAddressBy(Kind, &'static [Field], &'static str),
    /// The source is a port of this protocol.
    FromPort(Protocol, u16),
    /// The destination's port, or the source's, becomes this one in the packet of this protocol; no connection is known
    /// of. UDP and TCP only.
    WritePort(Protocol, Field, u16),
}

/// The protocols that carry a family's errors and questions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icmp {
    /// RFC 792.
    V4,
    /// RFC 4443.
    V6,
}

/// What is looked at in a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Family,
    InputName,
    OutputName,
    Source4,
    Source6,
    Destination4,
    Destination6,
    Protocol,
    SourcePort,
    DestinationPort,
}

impl Field {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Family => Kind::Family,
            Self::InputName | Self::OutputName => Kind::InterfaceName,
            Self::Source4 | Self::Destination4 => Kind::Ipv4,
            Self::Source6 | Self::Destination6 => Kind::Ipv6,
            Self::Protocol => Kind::Protocol,
            Self::SourcePort | Self::DestinationPort => Kind::Port,
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Established => f.write_str("ct state established,related"),
            Self::Translated => f.write_str("ct status dnat"),
            Self::FromNoInterface => f.write_str("iif 0"),
            Self::ToThisHost => f.write_str("fib daddr type local"),
            Self::In(fields, set) => write!(f, "{} @{set}", joined(fields)),
            Self::NotIn(fields, set) => write!(f, "{} != @{set}", joined(fields)),
            Self::OfProtocol(Icmp::V4) => f.write_str("meta l4proto icmp"),
            Self::OfProtocol(Icmp::V6) => f.write_str("meta l4proto ipv6-icmp"),
            Self::Begins(field, bytes) => write!(f, "{field} {}", prefix(bytes)),
            Self::ToPort(protocol, port) => write!(f, "{protocol} dport {port}"),
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Return => f.write_str("return"),
            Self::Masquerade => f.write_str("masquerade"),
            Self::SourceBy(kind, fields, map) => {
                write!(f, "snat {} to {} map @{map}", family(*kind), joined(fields))
            }
            Self::TranslateBy(kind, fields, map) | Self::TranslateAddressBy(kind, fields, map) => {
                write!(f, "dnat {} to {} map @{map}", family(*kind), joined(fields))
            }
            Self::FromPort(protocol, port) => write!(f, "{protocol} sport {port}"),
            Self::WritePort(protocol, field, port) => {
                // of the transport header, whose name is the protocol's here
                let field = field.to_string().replace("th", protocol.as_str());
                write!(f, "{field} set {port}")
            }
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Family => "meta nfproto",
            Self::InputName => "iifname",
            Self::OutputName => "oifname",
            Self::Source4 => "ip saddr",
            Self::Source6 => "ip6 saddr",
            Self::Destination4 => "ip daddr",
            Self::Destination6 => "ip6 daddr",
            Self::Protocol => "meta l4proto",
            Self::SourcePort => "th sport",
            Self::DestinationPort => "th dport",
        })
    }
}

/// Things side by side, as nft writes a concatenation.
pub(super) fn joined<T: fmt::Display>(parts: &[T]) -> String {
    let parts: Vec<String> = parts.iter().map(T::to_string).collect();
    parts.join(" . ")
}

fn family(address: Kind) -> &'static str {
    if address == Kind::Ipv6 { "ip6" } else { "ip" }
}

fn prefix(bytes: &[u8]) -> String {
    let mut octets = [0; 16];
    octets[..bytes.len()].copy_from_slice(bytes);
    let [a, b, c, d, ..] = octets;
    match bytes.len() {
        4 => Ipv4Addr::new(a, b, c, d).to_string(),
        16 => Ipv6Addr::from(octets).to_string(),
        len => format!("{}/{}", Ipv4Addr::new(a, b, c, d), len * 8),
    }
}
