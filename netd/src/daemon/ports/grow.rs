//! Ports of a sandbox that one more network lets it have: one that was on routed networks only holds none of the host's.

use rnet_model::{PublishedPorts, SandboxId};

use super::{Claim, Families, Held, PortRequest, Ports};
use crate::daemon::Daemon;
use crate::error::{Result, chain};
use crate::state::Change;

impl Daemon {
    /// Publishes what of the requests a sandbox has not published yet and now can: all of it, or nothing.
    ///
    /// To be called when it has joined the network already. Gives what it published before.
    pub(in crate::daemon) fn publish_more(
        &self,
        sandbox: SandboxId,
        requests: &[PortRequest],
        families: Families,
    ) -> Result<Vec<PublishedPorts>> {
        let present = self.published(sandbox);
        let claim = self.claim_ports(requests, families, &present)?;
        let more = claim.published();
        if more.is_empty() {
            return Ok(present);
        }
        // what was reached at the container's own address only takes a port of the host now
        let replaced = |it: &PublishedPorts| {
            let same = |new: &PublishedPorts| {
                (new.protocol, new.host_address, new.container_ports)
                    == (it.protocol, it.host_address, it.container_ports)
            };
            !it.is_bound() && more.iter().any(same)
        };
        let kept = present.iter().filter(|it| !replaced(it)).cloned();
        let all: Vec<_> = kept.chain(more.iter().cloned()).collect();
        self.ports.add(sandbox, claim);
        self.publish(sandbox, all)
            .inspect_err(|_| self.publish_less(sandbox, &present))?;
        Ok(present)
    }

    /// Lets a sandbox publish no more than it did before.
    pub(in crate::daemon) fn publish_less(&self, sandbox: SandboxId, before: &[PublishedPorts]) {
        if self.published(sandbox) != before {
            if let Err(error) = self.publish(sandbox, before.to_vec()) {
                tracing::warn!(
                    sandbox = sandbox.short(),
                    "not withdrawn: {}",
                    chain(&error)
                );
            }
            self.ports.keep_only(sandbox, before);
        }
    }

    fn publish(&self, id: SandboxId, ports: Vec<PublishedPorts>) -> Result<()> {
        {
            let mut state = self.state();
            let Some(sandbox) = state.sandbox(id).cloned() else {
                return Ok(());
            };
            let sandbox = rnet_model::Sandbox { ports, ..sandbox };
            self.commit(&mut state, vec![Change::PutSandbox(sandbox)])?;
        }
        self.protect()?;
        self.lead_ports(id)
    }

    fn published(&self, sandbox: SandboxId) -> Vec<PublishedPorts> {
        self.read(|state| state.sandbox(sandbox).map(|it| it.ports.clone()))
            .unwrap_or_default()
    }
}

impl Ports {
    /// Holds a claim beside what the sandbox holds; it is to be led anew.
    fn add(&self, sandbox: SandboxId, claim: Claim) {
        let mut of = self.of();
        let held = of.entry(sandbox).or_insert_with(|| Held {
            ranges: Vec::new(),
            targets: None,
        });
        held.ranges.extend(claim.ranges);
        held.targets = None;
    }

    /// Lets go of all ports of a sandbox but these.
    fn keep_only(&self, sandbox: SandboxId, ports: &[PublishedPorts]) {
        if let Some(held) = self.of().get_mut(&sandbox) {
            let is_kept = |it: &PublishedPorts| ports.contains(it);
            held.ranges
                .retain(|range| range.published.iter().any(is_kept));
        }
    }
}
