//! What a table consists of.

use std::collections::BTreeMap;
use std::fmt;

use netlink_packet_netfilter::NetfilterProtoFamily;
use netlink_packet_netfilter::nftables::InetHookNumber;

use super::{Term, Value};

/// A table: named sets and maps, and chains of rules that look things up in them.
pub(crate) struct Table {
    pub(crate) family: Family,
    pub(crate) name: &'static str,
    pub(crate) sets: Vec<Set>,
    pub(crate) chains: Vec<Chain>,
}

/// Which packets a table sees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4.
    Ip,
    /// IPv4 and IPv6.
    Inet,
}

/// A set, or a map if it has data.
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) comment: &'static str,
    pub(crate) key: &'static [Kind],
    pub(crate) data: &'static [Kind],
    /// Whether its elements are intervals, which takes a key of several parts; else it is a hash table.
    ///
    /// The kernel keeps such intervals in nft_set_pipapo.c: a look-up costs a few table accesses for each part of the
    /// key, and a transaction that changes one copies the set.
    pub(crate) intervals: bool,
}

/// The kinds of value that keys and data are made of; in nft's words "data types".
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Family,
    InterfaceName,
    Ipv4,
    Ipv6,
    Protocol,
    Port,
}

/// One element of a set.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Element {
    /// What it is found by; in a set of intervals, the lowest value of each part.
    pub(crate) key: Value,
    /// In a set of intervals, the highest value of each part; else empty.
    pub(crate) end: Value,
    /// Empty in a set.
    pub(crate) data: Value,
}

/// Elements by the name of their set.
pub(crate) type Elements = BTreeMap<&'static str, Vec<Element>>;

/// A chain; without a hook, one that rules go to.
pub(crate) struct Chain {
    pub(crate) name: &'static str,
    pub(crate) hook: Option<Hook>,
    pub(crate) rules: Vec<Rule>,
}

/// Where packets enter a chain of their own accord; the policy is always to accept.
pub(crate) enum Hook {
    /// A chain that lets packets through or not, at a point of their way and with a priority among others there.
    Filter(Point, i32),
    /// A chain that translates addresses; it sees the first packet of a connection.
    Nat(Point, i32),
}

/// A point of a packet's way through the host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    Prerouting,
    Forward,
    Output,
    Postrouting,
}

/// What is done with a packet that meets every term before the last one.
pub(crate) struct Rule {
    pub(crate) terms: Vec<Term>,
    /// At most 127 bytes.
    pub(crate) comment: &'static str,
}

impl Rule {
    pub(crate) fn new(comment: &'static str, terms: impl Into<Vec<Term>>) -> Self {
        Self {
            terms: terms.into(),
            comment,
        }
    }
}

impl Element {
    /// What the element is found by.
    pub(crate) fn without_data(&self) -> Self {
        Self {
            key: self.key.clone(),
            end: self.end.clone(),
            data: Value::default(),
        }
    }
}

impl Kind {
    /// The number nft gives the type (include/datatype.h of nftables); the kernel only keeps it.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Family => 2,
            Self::Ipv4 => 7,
            Self::Ipv6 => 8,
            Self::Protocol => 12,
            Self::Port => 13,
            Self::InterfaceName => 41,
        }
    }

    /// The length of a value in bytes.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Family | Self::Protocol => 1,
            Self::Port => 2,
            Self::Ipv4 => 4,
            Self::Ipv6 | Self::InterfaceName => 16,
        }
    }

    /// The same, padded to the kernel's 32-bit registers.
    pub(super) const fn padded_len(self) -> usize {
        self.len().next_multiple_of(4)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Family => "nf_proto",
            Self::InterfaceName => "ifname",
            Self::Ipv4 => "ipv4_addr",
            Self::Ipv6 => "ipv6_addr",
            Self::Protocol => "inet_proto",
            Self::Port => "inet_service",
        })
    }
}

impl Point {
    pub(super) const fn number(self) -> InetHookNumber {
        match self {
            Self::Prerouting => InetHookNumber::PreRouting,
            Self::Forward => InetHookNumber::Forward,
            Self::Output => InetHookNumber::LocalOut,
            Self::Postrouting => InetHookNumber::PostRouting,
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prerouting => "prerouting",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        })
    }
}

impl Family {
    pub(super) const fn number(self) -> NetfilterProtoFamily {
        match self {
            Self::Ip => NetfilterProtoFamily::IPv4,
            Self::Inet => NetfilterProtoFamily::Inet,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip => "ip",
            Self::Inet => "inet",
        })
    }
}
