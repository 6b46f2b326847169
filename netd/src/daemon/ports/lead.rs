//! Where published ports lead: the relay and old flows of datagrams follow the sandbox's gateways, as the packet filter
//! does.

use std::net::SocketAddr;
use std::sync::Arc;

use rnet_model::{HostPorts, Protocol, PublishedPorts, Sandbox, SandboxId};
use rnet_relay::Passage;

use super::{Held, Ports, Range};
use crate::daemon::Daemon;
use crate::error::Result;
use crate::project::{self, Targets};

impl Daemon {
    /// Lets a sandbox's ports lead where its gateways are now, and datagrams of clients that came before with them.
    ///
    /// To be called when the packet filter knows already.
    pub(in crate::daemon) fn lead_ports(&self, sandbox: SandboxId) -> Result<()> {
        let known = self.read(|state| {
            let ports = state.sandbox(sandbox)?.ports.clone();
            Some((ports, project::targets(state, sandbox)))
        });
        let Some((ports, targets)) = known.filter(|(ports, _)| !ports.is_empty()) else {
            return Ok(());
        };
        if !self.ports.lead(sandbox, targets)? {
            return Ok(());
        }
        let datagrams = ports.iter().filter(|it| it.protocol != Protocol::Tcp);
        let datagrams: Vec<HostPorts> = datagrams.map(PublishedPorts::host).collect();
        if datagrams.is_empty() {
            return Ok(());
        }
        Ok(self.hands.host.forget_flows(&datagrams)?)
    }

    /// Holds and leads again the ports of a sandbox that outlived the last daemon; the flows through them are as they
    /// should be.
    pub(in crate::daemon) fn lead_ports_again(&self, sandbox: &Sandbox) -> Result<()> {
        if sandbox.ports.is_empty() {
            return Ok(());
        }
        let by_client = sandbox.guest.as_ref().is_some_and(|it| it.holds_ports);
        let claim = self.claim_again(&sandbox.ports, by_client);
        self.ports.keep(sandbox.id, claim);
        let targets = self.read(|state| project::targets(state, sandbox.id));
        self.ports.lead(sandbox.id, targets).map(drop)
    }
}

impl Ports {
    /// Lets a sandbox's ports lead to these addresses; whether that is news.
    fn lead(&self, sandbox: SandboxId, targets: Targets) -> Result<bool> {
        let mut of = self.of();
        let Some(held) = of.get_mut(&sandbox) else {
            return Ok(true);
        };
        if held.targets == Some(targets) {
            return Ok(false);
        }
        self.relay.lead(sandbox, passages(held, targets))?;
        held.targets = Some(targets);
        Ok(true)
    }
}

/// What the relay is to carry.
fn passages(held: &Held, targets: Targets) -> Vec<Passage> {
    let Some(target) = targets.v6.or(targets.v4) else {
        return Vec::new();
    };
    let ranges = held.ranges.iter();
    ranges
        .flat_map(|range| range.published.iter().map(move |it| (range, it)))
        .filter(|(_, it)| it.host_address.is_ipv6() && it.protocol != Protocol::Sctp)
        .filter_map(|(range, published)| passage(range, published, target))
        .collect()
}

fn passage(range: &Range, published: &PublishedPorts, target: std::net::IpAddr) -> Option<Passage> {
    Some(Passage {
        protocol: published.protocol,
        sockets: Arc::clone(&range.held.as_ref()?.sockets),
        target: SocketAddr::new(target, published.container_ports.first()),
        from: published.from.clone(),
    })
}
