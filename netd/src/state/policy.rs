//! The firewall policy follows each step: only what the records of the step have to do with is projected again.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rnet_model::SandboxId;

use super::{Change, State};
use crate::project::Share;

/// What sandboxes had of the policy before a step.
pub(super) type Shares = BTreeMap<SandboxId, Share>;

impl State {
    /// What those sandboxes have of the policy that may have something else after `change`.
    pub(super) fn shares_affected_by(&self, change: &Change) -> Shares {
        let mut shares = Shares::new();
        let mut add = |id| drop(shares.insert(id, Share::of(self, id)));
        match change {
            Change::PutSandbox(sandbox) => add(sandbox.id),
            Change::DropSandbox(id) => add(*id),
            Change::PutEndpoint(endpoint) => add(endpoint.sandbox),
            Change::DropEndpoint(id) => {
                self.endpoint(*id)
                    .into_iter()
                    .for_each(|it| add(it.sandbox));
            }
            Change::PutNetwork(network) => {
                self.endpoints_on(network.id).for_each(|it| add(it.sandbox));
            }
            Change::DropNetwork(id) => self.endpoints_on(*id).for_each(|it| add(it.sandbox)),
            Change::PutMark(_)
            | Change::PutContainer(_)
            | Change::DropContainer(_)
            | Change::PutVolume(_)
            | Change::DropVolume(_) => {}
        }
        shares
    }

    /// Gives sandboxes their share of the policy as it is now in place of what they had.
    ///
    /// No two have the same part: ports are claimed, and addresses leased, by one at a time.
    pub(super) fn settle(&mut self, before: Shares) {
        for (sandbox, before) in before {
            let now = Share::of(self, sandbox);
            if now == before {
                continue;
            }
            for ports in before.published.keys() {
                self.policy.published.remove(ports);
            }
            for ports in &before.opened {
                self.policy.opened.remove(ports);
            }
            self.policy.published.extend(now.published);
            self.policy.opened.extend(now.opened);
        }
    }
}
