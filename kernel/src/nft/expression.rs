//! Rules in the kernel's words: every term is a few instructions on registers.
//!
//! The layout of registers and attributes is that of include/uapi/linux/netfilter/nf_tables.h; the sequences are those
//! `nft --debug=netlink` shows for the same text, so that `nft list` reads them back as that text.

use netlink_packet_core::DefaultNla;
use netlink_packet_netfilter::nftables::{
    Bitwise, ChecksumFlags, ChecksumType, Cmp, DataAttribute, Expressions, Immediate, Lookup, Meta,
    MetaKey, Operator, Payload, Register, Verdict, VerdictAttribute,
};

use rnet_model::Protocol;

use super::{Family, Field, Icmp, Kind, Term};

const NF_DROP: u32 = 0;
const NF_ACCEPT: u32 = 1;
const NFPROTO_IPV4: u8 = 2;
const NFPROTO_IPV6: u8 = 10;
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
/// Where they are in the transport header (RFC 768; RFC 9293, 3.1).
const SOURCE_PORT: u32 = 0;
const DESTINATION_PORT: u32 = 2;
const CT_STATE: u32 = 0;
const CT_STATUS: u32 = 2;
/// `NF_CT_STATE_BIT` of IP_CT_ESTABLISHED and IP_CT_RELATED.
const ESTABLISHED_OR_RELATED: u32 = 1 << 1 | 1 << 2;
/// IPS_DST_NAT of linux/netfilter/nf_conntrack_common.h.
const STATUS_DNAT: u32 = 1 << 5;
const FIB_RESULT_ADDRTYPE: u32 = 3;
const FIB_DADDR: u32 = 1 << 1;
const NAT_SNAT: u32 = 0;
const NAT_DNAT: u32 = 1;
/// NFT_LOOKUP_F_INV.
const INVERTED: u32 = 1;

impl Term {
    /// The instructions of this term in a table of this family.
    pub(super) fn expressions(&self, family: Family) -> Vec<Expressions> {
        match self {
            Self::Established => has_any(CT_STATE, ESTABLISHED_OR_RELATED),
            Self::Translated => has_any(CT_STATUS, STATUS_DNAT),
            Self::FromNoInterface => {
                vec![meta(MetaKey::Iif, 0), compare(Operator::Equal, vec![0; 4])]
            }
            Self::ToThisHost => to_this_host(),
            Self::In(fields, set) => {
                let mut steps = asks_for_family(family, fields[0]);
                steps.extend(look_up(fields, set, []));
                steps
            }
            Self::NotIn(fields, set) => look_up(fields, set, [Lookup::Flags(INVERTED)]),
            Self::OfProtocol(icmp) => {
                let number = match icmp {
                    Icmp::V4 => libc::IPPROTO_ICMP,
                    Icmp::V6 => libc::IPPROTO_ICMPV6,
                };
                vec![
                    Field::Protocol.load(0),
                    compare(Operator::Equal, vec![number as u8]),
                ]
            }
            Self::Begins(field, bytes) => begins(family, *field, bytes),
            Self::ToPort(protocol, port) => has_port(*protocol, Field::DestinationPort, *port),
            Self::FromPort(protocol, port) => has_port(*protocol, Field::SourcePort, *port),
            Self::WritePort(protocol, field, port) => write_port(*protocol, *field, *port),
            Self::Accept => vec![verdict([VerdictAttribute::Code(Verdict::Other(NF_ACCEPT))])],
            Self::Drop => vec![verdict([VerdictAttribute::Code(Verdict::Other(NF_DROP))])],
            Self::Goto(chain) => vec![to_chain(Verdict::Goto, chain)],
            Self::Jump(chain) => vec![to_chain(Verdict::Jump, chain)],
            Self::Return => vec![verdict([VerdictAttribute::Code(Verdict::Return)])],
            Self::Masquerade => vec![other("masq", [])],
            Self::SourceBy(kind, fields, map) => {
                translate_by(family, fields, map, nat(NAT_SNAT, *kind, Some(0), None))
            }
            Self::TranslateBy(kind, fields, map) => {
                let port = Some(kind.registers());
                translate_by(family, fields, map, nat(NAT_DNAT, *kind, Some(0), port))
            }
            Self::TranslateAddressBy(kind, fields, map) => {
                translate_by(family, fields, map, nat(NAT_DNAT, *kind, Some(0), None))
            }
        }
    }
}

impl Field {
    /// Puts the field into the registers from `slot` on.
    fn load(self, slot: u32) -> Expressions {
        let len = match self {
            Self::SourcePort | Self::DestinationPort => 2,
            field => field.kind().padded_len(),
        };
        self.load_first(len, slot)
    }

    /// Puts its first bytes there; names and the protocol are always whole.
    fn load_first(self, len: usize, slot: u32) -> Expressions {
        let (base, offset) = match self {
            Self::Family => return meta(MetaKey::Nfproto, slot),
            Self::InputName => return meta(MetaKey::Iifname, slot),
            Self::OutputName => return meta(MetaKey::Oifname, slot),
            Self::Protocol => return meta(MetaKey::L4Proto, slot),
            Self::Source4 => (NETWORK_HEADER, 12),
            Self::Source6 => (NETWORK_HEADER, 8),
            Self::Destination4 => (NETWORK_HEADER, 16),
            Self::Destination6 => (NETWORK_HEADER, 24),
            Self::SourcePort => (TRANSPORT_HEADER, SOURCE_PORT),
            Self::DestinationPort => (TRANSPORT_HEADER, DESTINATION_PORT),
        };
        Expressions::Payload(vec![
            Payload::DestinationRegister(register(slot)),
            Payload::Base(base),
            Payload::Offset(offset),
            Payload::Len(len as u32),
        ])
    }
}

impl Kind {
    /// How many 32-bit registers a value takes.
    const fn registers(self) -> u32 {
        (self.padded_len() / 4) as u32
    }
}

/// The `slot`-th 32-bit register (NFT_REG32_00 is 8).
fn register(slot: u32) -> Register {
    Register::Other(8 + slot)
}

fn meta(key: MetaKey, slot: u32) -> Expressions {
    Expressions::Meta(vec![
        Meta::Key(key),
        Meta::DestinationRegister(register(slot)),
    ])
}

fn compare(operator: Operator, value: Vec<u8>) -> Expressions {
    Expressions::Cmp(vec![
        Cmp::SourceRegister(register(0)),
        Cmp::Op(operator),
        Cmp::Data(DataAttribute::Value(value)),
    ])
}

fn look_up(
    fields: &[Field],
    set: &str,
    outcome: impl IntoIterator<Item = Lookup>,
) -> Vec<Expressions> {
    let mut slot = 0;
    let mut steps = Vec::with_capacity(fields.len() + 2);
    for field in fields {
        steps.push(field.load(slot));
        slot += field.kind().registers();
    }
    let mut lookup = vec![
        Lookup::Set(set.to_owned()),
        Lookup::SourceRegister(register(0)),
    ];
    lookup.extend(outcome);
    steps.push(Expressions::Lookup(lookup));
    steps
}

fn has_port(protocol: Protocol, field: Field, port: u16) -> Vec<Expressions> {
    vec![
        Field::Protocol.load(0),
        compare(Operator::Equal, vec![protocol.number()]),
        field.load(0),
        compare(Operator::Equal, port.to_be_bytes().into()),
    ]
}

/// Puts another port into the header, and sees to its checksum.
fn write_port(protocol: Protocol, field: Field, port: u16) -> Vec<Expressions> {
    let checksum = if protocol == Protocol::Udp { 6 } else { 16 };
    let offset = match field {
        Field::SourcePort => SOURCE_PORT,
        _ => DESTINATION_PORT,
    };
    vec![
        Expressions::Immediate(vec![
            Immediate::DestinationRegister(register(0)),
            Immediate::Data(DataAttribute::Value(port.to_be_bytes().into())),
        ]),
        Expressions::Payload(vec![
            Payload::SourceRegister(register(0)),
            Payload::Base(TRANSPORT_HEADER),
            Payload::Offset(offset),
            Payload::Len(2),
            Payload::CsumType(ChecksumType::Inet),
            Payload::CsumOffset(checksum),
            Payload::CsumFlags(ChecksumFlags::empty()),
        ]),
    ]
}

/// Compares the first bytes of an address; whole bytes need no mask.
fn begins(family: Family, field: Field, bytes: &[u8]) -> Vec<Expressions> {
    let mut steps = asks_for_family(family, field);
    steps.push(field.load_first(bytes.len(), 0));
    steps.push(compare(Operator::Equal, bytes.to_vec()));
    steps
}

/// Where both families pass, an address is one only in packets of its own.
fn asks_for_family(family: Family, field: Field) -> Vec<Expressions> {
    let protocol = match field.kind() {
        Kind::Ipv4 => NFPROTO_IPV4,
        Kind::Ipv6 => NFPROTO_IPV6,
        _ => return vec![],
    };
    match family {
        Family::Ip => vec![],
        Family::Inet => vec![
            meta(MetaKey::Nfproto, 0),
            compare(Operator::Equal, vec![protocol]),
        ],
    }
}

fn to_this_host() -> Vec<Expressions> {
    let local = u32::from(libc::RTN_LOCAL).to_ne_bytes();
    vec![
        other(
            "fib",
            [
                (1, 8), // NFTA_FIB_DREG
                (2, FIB_RESULT_ADDRTYPE),
                (3, FIB_DADDR),
            ],
        ),
        compare(Operator::Equal, local.into()),
    ]
}

/// Whether conntrack has any of these bits set in what it knows under `key`.
fn has_any(key: u32, bits: u32) -> Vec<Expressions> {
    vec![
        other("ct", [(1, 8), (2, key)]), // NFTA_CT_DREG, NFTA_CT_KEY
        Expressions::Bitwise(vec![
            Bitwise::SourceRegister(register(0)),
            Bitwise::DestinationRegister(register(0)),
            Bitwise::Length(4),
            Bitwise::Mask(DataAttribute::Value(bits.to_ne_bytes().into())),
            Bitwise::Xor(DataAttribute::Value(vec![0; 4])),
        ]),
        compare(Operator::NotEqual, vec![0; 4]),
    ]
}

/// Looks up what to translate to, and does so.
fn translate_by(family: Family, fields: &[Field], map: &str, nat: Expressions) -> Vec<Expressions> {
    let mut steps = asks_for_family(family, fields[0]);
    steps.extend(look_up(
        fields,
        map,
        [Lookup::DestinationRegister(register(0))],
    ));
    steps.push(nat);
    steps
}

/// Translation to the address and port that stand in the registers from these slots on.
fn nat(way: u32, kind: Kind, address: Option<u32>, port: Option<u32>) -> Expressions {
    let family = match kind {
        Kind::Ipv6 => NFPROTO_IPV6,
        _ => NFPROTO_IPV4,
    };
    let mut attributes = vec![(1, way), (2, family.into())]; // NFTA_NAT_TYPE, NFTA_NAT_FAMILY
    attributes.extend(address.map(|slot| (3, 8 + slot))); // NFTA_NAT_REG_ADDR_MIN
    attributes.extend(port.map(|slot| (5, 8 + slot))); // NFTA_NAT_REG_PROTO_MIN
    other("nat", attributes)
}

fn to_chain(code: Verdict, chain: &str) -> Expressions {
    verdict([
        VerdictAttribute::Code(code),
        VerdictAttribute::Chain(chain.to_owned()),
    ])
}

fn verdict(attributes: impl Into<Vec<VerdictAttribute>>) -> Expressions {
    Expressions::Immediate(vec![
        Immediate::DestinationRegister(Register::Verdict),
        Immediate::Data(DataAttribute::Verdict(attributes.into())),
    ])
}

/// An expression the netlink crate has no type for: its attributes are 32-bit numbers.
fn other(name: &str, attributes: impl IntoIterator<Item = (u16, u32)>) -> Expressions {
    let attribute = |(kind, value): (u16, u32)| DefaultNla::new(kind, value.to_be_bytes().into());
    Expressions::Other {
        expression_type: name.to_owned(),
        attributes: attributes.into_iter().map(attribute).collect(),
    }
}
