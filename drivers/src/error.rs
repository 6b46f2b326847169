//! Why a driver cannot answer.

use rnet_model::InvalidInterfaceSysctl;

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
    /// An option of Docker's that rnet cannot honour with this value.
    #[error("option {label} is not supported with the value {value:?} yet: leave it out")]
    UnsupportedOption {
        /// The option.
        label: String,
        /// Its value.
        value: String,
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
    /// A network has IPv6 and the host's kernel has not.
    #[error(
        "network {network} enables IPv6, but the kernel of this host has none: create it without"
    )]
    HostWithoutIpv6 {
        /// The network's name.
        network: String,
    },
}
