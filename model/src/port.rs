//! Published ports: a host address and port that lead to a port of a sandbox.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Cidr, HostPorts};

/// A transport protocol that ports can be published for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// RFC 9260.
    Sctp,
}

/// A text that names no protocol ports can be published for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid protocol {0:?}: use tcp, udp or sctp")]
pub struct InvalidProtocol(String);

impl Protocol {
    /// The protocol's lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }

    /// Its number in the IP header (IANA, "Assigned Internet Protocol Numbers").
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Protocol {
    type Err = InvalidProtocol;

    fn from_str(name: &str) -> Result<Self, InvalidProtocol> {
        [Self::Tcp, Self::Udp, Self::Sctp]
            .into_iter()
            .find(|protocol| protocol.as_str().eq_ignore_ascii_case(name))
            .ok_or_else(|| InvalidProtocol(name.to_owned()))
    }
}

/// Successive ports, at least one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "(u16, u16)", try_from = "(u16, u16)")]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// A range whose last port comes before its first.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid port range {0}-{1}: the last port comes before the first")]
pub struct InvalidPortRange(u16, u16);

impl PortRange {
    /// One port.
    pub const fn one(port: u16) -> Self {
        Self {
            first: port,
            last: port,
        }
    }

    /// From `first` to `last`, both included.
    pub const fn new(first: u16, last: u16) -> Result<Self, InvalidPortRange> {
        if first <= last {
            Ok(Self { first, last })
        } else {
            Err(InvalidPortRange(first, last))
        }
    }

    /// The lowest port.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub const fn last(self) -> u16 {
        self.last
    }

    /// How many ports, 1 to 65,536.
    pub const fn count(self) -> u32 {
        self.last as u32 - self.first as u32 + 1
    }

    /// Whether a port is in both.
    pub const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// As many ports, from another first one; none where they would pass 65,535.
    pub fn moved_to(self, first: u16) -> Option<Self> {
        let last = first.checked_add(self.last - self.first)?;
        Some(Self { first, last })
    }

    /// This range and the next in one, if that goes on where this one ends.
    pub fn followed_by(self, next: Self) -> Option<Self> {
        (self.last.checked_add(1) == Some(next.first)).then_some(Self {
            first: self.first,
            last: next.last,
        })
    }

    /// Its ports, in order.
    pub const fn ports(self) -> RangeInclusive<u16> {
        self.first..=self.last
    }
}

impl From<PortRange> for (u16, u16) {
    fn from(range: PortRange) -> Self {
        (range.first, range.last)
    }
}

impl TryFrom<(u16, u16)> for PortRange {
    type Error = InvalidPortRange;

    fn try_from((first, last): (u16, u16)) -> Result<Self, InvalidPortRange> {
        Self::new(first, last)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { first, last } if first == last => first.fmt(f),
            Self { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

/// Successive ports of the host that lead, each in step, to as many of a sandbox.
///
/// `host_address` may be unspecified (`0.0.0.0` or `::`), which stands for every address of that family.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PublishedPorts {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The host's address.
    pub host_address: IpAddr,
    /// The host's ports; those from 0 on stand for none: the sandbox is reached at its own address.
    pub host_ports: PortRange,
    /// The sandbox's ports, as many.
    pub container_ports: PortRange,
    /// The clients for whom they are published; none listed stands for everyone.
    pub from: BTreeSet<Cidr>,
}

impl PublishedPorts {
    /// Whether a port of the sandbox is among those published.
    pub fn leads_to(&self, port: u16, protocol: Protocol) -> bool {
        self.protocol == protocol && self.container_ports.overlaps(PortRange::one(port))
    }

    /// The host's side of them.
    pub const fn host(&self) -> HostPorts {
        HostPorts {
            protocol: self.protocol,
            address: self.host_address,
            ports: self.host_ports,
        }
    }

    /// Whether ports of the host lead to the sandbox's.
    pub const fn is_bound(&self) -> bool {
        self.host_ports.first() > 0
    }

    /// Each host port with the sandbox's port it leads to.
    pub fn pairs(&self) -> impl Iterator<Item = (u16, u16)> + use<> {
        self.host_ports.ports().zip(self.container_ports.ports())
    }
}

impl fmt::Display for PublishedPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.host(), self.container_ports)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_counts_moves_and_reads_as_people_write_it() {
        let range = PortRange::new(8000, 8010).unwrap();
        assert_eq!(
            (range.count(), range.to_string().as_str()),
            (11, "8000-8010")
        );
        assert_eq!(range.moved_to(80), Some(PortRange::new(80, 90).unwrap()));
        assert_eq!(range.moved_to(65_530), None);
        let next = PortRange::new(8011, 8020).unwrap();
        assert_eq!(range.followed_by(next), PortRange::new(8000, 8020).ok());
        assert_eq!(next.followed_by(range), None);
        assert_eq!(PortRange::one(80).to_string(), "80");
        assert!(range.overlaps(PortRange::one(8010)) && !range.overlaps(PortRange::one(8011)));
        assert_eq!(PortRange::new(2, 1), Err(InvalidPortRange(2, 1)));
    }

    #[test]
    fn a_stored_range_is_checked_when_it_is_read() {
        let text = serde_json::to_string(&PortRange::new(80, 90).unwrap()).unwrap();
        assert_eq!(text, "[80,90]");
        assert!(serde_json::from_str::<PortRange>("[90,80]").is_err());
    }
}
