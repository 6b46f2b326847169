//! What a driver may know of the host before it answers.

use serde::{Deserialize, Serialize};

use crate::Mtu;

/// Facts of the host, read once per operation and handed to the drivers, which never look for themselves.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HostFacts {
    /// The MTU of the link the IPv4 default route leaves by; none without a default route.
    pub egress_mtu: Option<Mtu>,
    /// Whether the host has IPv6 at all.
    pub ipv6: bool,
}
