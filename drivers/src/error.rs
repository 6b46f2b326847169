//! Why a driver cannot answer.

use rnet_model::{Cidr, InvalidBandwidth, InvalidInterfaceSysctl};

/// What was asked of a network or an endpoint that its driver cannot honour.
///
/// All are the asker's to mend; only [`DriverError::MultipleSubnets`] is a refusal (403 in the Docker Engine API)
/// rather than a bad parameter (400).
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DriverError {
    /// An option has a value it cannot have.
    #[error("invalid value {value:?} for option {label}: expected {expected}")]
    InvalidOption {
        /// The option.
        label: String,
        /// Its value.
        value: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// A label in Docker's name space that names no option, most likely misspelt.
    #[error("unknown option {label}: correct its spelling or leave it out")]
    UnknownOption {
        /// The label.
        label: String,
    },
    /// An endpoint is to set what is no variable of its interface.
    #[error(transparent)]
    InvalidSysctl(#[from] InvalidInterfaceSysctl),
    /// An endpoint is to be limited to what is no limit.
    #[error(transparent)]
    InvalidBandwidth(#[from] InvalidBandwidth),
    /// A network has more than one subnet of a family.
    #[error(
        "bridge driver doesn't support multiple subnets: give network {network} at most one IPv4 and one IPv6 subnet"
    )]
    MultipleSubnets {
        /// The network's name.
        network: String,
    },
    /// A network is to have no address of the host's, and a way out.
    #[error(
        "gateway mode 'isolated' can only be used for an internal network: create {network} with --internal"
    )]
    IsolatedButNotInternal {
        /// The network's name.
        network: String,
    },
    /// A network has as many endpoints as its bridges have ports.
    #[error(
        "network {network} is full: it has {endpoints} endpoints, and no bridge has a port left"
    )]
    NetworkFull {
        /// The network's name.
        network: String,
        /// How many endpoints it has room for.
        endpoints: usize,
    },
    /// A subnet is of addresses that no interface may have.
    #[error("multicast subnet {subnet} is not allowed: choose another")]
    Multicast {
        /// The subnet.
        subnet: Cidr,
    },
    /// A subnet takes part of the addresses that every bridge with IPv6 has.
    #[error(
        "subnet {subnet} clashes with the link-local prefix fe80::/64: choose another, or all of it"
    )]
    ClashesWithLinkLocal {
        /// The subnet.
        subnet: Cidr,
    },
    /// A network has IPv6 and the host's kernel has not.
    #[error(
        "network {network} enables IPv6, but the kernel of this host has none: create it without"
    )]
    HostWithoutIpv6 {
        /// The network's name.
        network: String,
    },
}
