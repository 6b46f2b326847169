//! Where a sandbox's published ports lead.

use std::net::IpAddr;

use rnet_model::SandboxId;

use super::gateways;
use super::policy::address;
use crate::state::State;

/// The addresses of a sandbox's gateway endpoints.
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
    Targets {
        v4: gateways
            .v4
            .and_then(|(endpoint, _)| address(endpoint, true)),
        v6: gateways
            .v6
            .and_then(|(endpoint, _)| address(endpoint, false)),
    }
}
