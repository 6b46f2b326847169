//! Why there is no subnet for a network, or no address for an endpoint.

use std::fmt;
use std::net::IpAddr;

use rnet_model::{Cidr, NetworkId};

use crate::Family;

/// What kind of failure an [`IpamError`] is, for those who must assign a status to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The request can never be met (400 in the Docker Engine API).
    Invalid,
    /// The request is for something another holds (403).
    InUse,
    /// No subnet is left for a new network (400).
    NoSubnetLeft,
    /// No address is left on a network (500).
    NoAddressLeft,
}

/// Who has an address that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Holder {
    /// An endpoint of the same network.
    Endpoint,
    /// A container that does not run, as its configured address.
    Container(String),
    /// The network itself, as its gateway.
    Gateway,
    /// Something outside rnet, under this name in the network's auxiliary addresses.
    Auxiliary(String),
}

/// A request for subnets or addresses that cannot be met.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IpamError {
    /// A network has neither family.
    #[error("a network needs IPv4 or IPv6: enable at least one of them")]
    NoFamily,
    /// There are subnets of a family that the network has not.
    #[error("{family} is not enabled on this network: enable it or leave out its {family} subnets")]
    FamilyDisabled {
        /// The family.
        family: Family,
    },
    /// One or more subnets are not as they should be: all that is wrong, each in a line.
    #[error("invalid network config:\n{}", lines(.0))]
    InvalidConfig(Vec<IpamError>),
    /// Something that lies in a subnet was given without the subnet.
    #[error(
        "invalid subnet: an ip-range, gateway or auxiliary address needs the subnet it lies in"
    )]
    NoSubnet,
    /// A subnet, an ip-range or a pool's base has bits beyond its prefix.
    #[error("invalid {what} {cidr}: it should be {}/{}", cidr.network(), cidr.prefix())]
    HostBits {
        /// `subnet`, `ip-range` or `pool`.
        what: &'static str,
        /// What was given.
        cidr: Cidr,
    },
    /// A range no network can have.
    #[error(
        "invalid {what} {cidr}: it overlaps {special}, which is set aside for {purpose} addresses"
    )]
    SpecialRange {
        /// `subnet` or `pool`.
        what: &'static str,
        /// What was given.
        cidr: Cidr,
        /// What it overlaps.
        special: Cidr,
        /// What that is for.
        purpose: &'static str,
    },
    /// A pool that cannot be cut into subnets of its size.
    #[error("invalid pool {base}: the size {size} of its subnets must be from {} to {greatest}", base.prefix())]
    PoolSize {
        /// The pool's base.
        base: Cidr,
        /// The prefix length asked for.
        size: u8,
        /// The longest prefix that leaves room for endpoints.
        greatest: u8,
    },
    /// An ip-range that is not a part of its subnet.
    #[error("invalid ip-range {ip_range}: {reason}")]
    RangeOutside {
        /// The ip-range.
        ip_range: Cidr,
        /// What is wrong with it.
        reason: String,
    },
    /// A gateway, auxiliary or fixed address that no machine of the subnet can have.
    #[error("invalid {what} {address}: {reason}")]
    AddressOutside {
        /// `gateway`, `address`, or `auxiliary address` with its name.
        what: String,
        /// The address.
        address: IpAddr,
        /// What is wrong with it.
        reason: String,
    },
    /// An auxiliary address that is the gateway's.
    #[error(
        "invalid auxiliary address {name}={address}: it is the gateway's; leave it out or choose another gateway"
    )]
    AuxiliaryIsGateway {
        /// The auxiliary address's name.
        name: String,
        /// The address.
        address: IpAddr,
    },
    /// A subnet so small that its auxiliary addresses leave none for a gateway.
    #[error("invalid subnet {subnet}: no address is left in it for the gateway")]
    NoGatewayLeft {
        /// The subnet.
        subnet: Cidr,
    },
    /// A pool that shares addresses with one before it.
    #[error("invalid pool {base}: it overlaps the pool {other}")]
    PoolOverlap {
        /// The pool's base.
        base: Cidr,
        /// The other's.
        other: Cidr,
    },
    /// A pool that is not written as it should be.
    #[error(
        "invalid pool {text:?}: write base=CIDR,size=PREFIX, for instance base=10.200.0.0/16,size=24"
    )]
    PoolSyntax {
        /// What was written.
        text: String,
    },
    /// A subnet that another network, or the same, has.
    #[error("invalid pool request: Pool overlaps with other one on this address space: {subnet}")]
    Overlap {
        /// The subnet asked for.
        subnet: Cidr,
    },
    /// Every automatic subnet is in use by a network or a route of the host.
    #[error(
        "all predefined address pools have been fully subnetted: no {family} subnet is free; \
         delete unused networks, give a subnet, or configure more pools"
    )]
    PoolsExhausted {
        /// The family.
        family: Family,
    },
    /// An address of the wrong family for the place it was given in.
    #[error("invalid {expected} address {address}: it is of the other family")]
    WrongFamily {
        /// The address.
        address: IpAddr,
        /// The family it should be of.
        expected: Family,
    },
    /// A fixed address that is in none of the network's subnets.
    #[error(
        "invalid endpoint settings:\nno configured subnet or ip-range contain the IP address {address}: \
         network {network} has {}",
        choice(subnets)
    )]
    OutsideSubnets {
        /// The address.
        address: IpAddr,
        /// The network's name.
        network: String,
        /// The network's subnets.
        subnets: Vec<Cidr>,
    },
    /// A fixed address that another has.
    #[error("Address already in use: {address} on network {network} is held by {holder}")]
    AddressInUse {
        /// The address.
        address: IpAddr,
        /// The network's name.
        network: String,
        /// Who has it.
        holder: Holder,
    },
    /// Every address that endpoints may have is taken.
    #[error("no available {family} addresses on this network's address pools: {network} ({id})")]
    NoAddressLeft {
        /// The family.
        family: Family,
        /// The network's name.
        network: String,
        /// The network.
        id: NetworkId,
    },
}

impl IpamError {
    /// What kind of failure this is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Overlap { .. } | Self::AddressInUse { .. } => Kind::InUse,
            Self::PoolsExhausted { .. } => Kind::NoSubnetLeft,
            Self::NoAddressLeft { .. } => Kind::NoAddressLeft,
            _ => Kind::Invalid,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint => f.write_str("another endpoint"),
            Self::Container(name) => write!(
                f,
                "container {name}, which does not run: remove it, or choose another address"
            ),
            Self::Gateway => f.write_str("its gateway"),
            Self::Auxiliary(name) => write!(f, "its auxiliary address {name:?}"),
        }
    }
}

/// Where an address could be chosen instead, if anywhere.
fn choice(subnets: &[Cidr]) -> String {
    let texts: Vec<_> = subnets.iter().map(Cidr::to_string).collect();
    match texts.is_empty() {
        true => "none".to_owned(),
        false => texts.join(" and "),
    }
}

fn lines(mistakes: &[IpamError]) -> String {
    let texts: Vec<_> = mistakes.iter().map(IpamError::to_string).collect();
    texts.join("\n")
}
