//! Where a sandbox's published ports lead.

use std::net::IpAddr;

use rnet_model::{Endpoint, SandboxId};

use super::gateways;
use super::policy::{address, is_routed};
use crate::state::State;

/// The addresses of a sandbox's gateway endpoints that ports of the host lead to: none where the gateway's network is
/// routed to, for there containers are reached at their own addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Targets {
    /// In IPv4.
    pub v4: Option<IpAddr>,
    /// In IPv6.
    pub v6: Option<IpAddr>,
}

/// Where the ports of a sandbox lead in this state.
pub fn targets(state: &State, sandbox: SandboxId) -> Targets {
    let gateways = gateways(state, state.endpoints_of(sandbox));
    let target = |gateway: Option<(&Endpoint, IpAddr)>, v4| {
        // a plugin publishes the ports of what it leads out
        let (endpoint, _) = gateway.filter(|(it, _)| it.joined.is_none())?;
        address(endpoint, v4).filter(|_| !is_routed(state.network_policies(), endpoint, v4))
    };
    Targets {
        v4: target(gateways.v4, true),
        v6: target(gateways.v6, false),
    }
}
