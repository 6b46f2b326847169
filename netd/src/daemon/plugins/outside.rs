//! The way out: a plugin is told when its endpoint becomes the one that leads out of its sandbox, and when it is no more.

use rnet_model::{Endpoint, EndpointId, Network, Resource, Sandbox, SandboxId, Step};

use super::{is_remote, telling, told};
use crate::daemon::Daemon;
use crate::error::{Result, chain};
use crate::project;
use crate::state::{State, is_live};

impl Daemon {
    /// Tells plugins which of their endpoints lead out of a sandbox now. Those that led out before are told first, so that
    /// their ports are free.
    pub(in crate::daemon) fn lead_outside(&self, sandbox: SandboxId) -> Result<()> {
        let (ending, beginning) = self.read(|state| changes(state, sandbox));
        for (id, resource) in ending {
            if let Some(told) = told(&resource)
                && let Err(error) = self.plugins.untell(told)
            {
                tracing::warn!("{}", chain(&error));
                if !error.is_answer() {
                    // it is told when the endpoint goes
                    continue;
                }
            }
            self.amend(id, |_, endpoint| {
                endpoint.resources.retain(|it| *it != resource);
                Ok(())
            })?;
        }
        for (network, endpoint, sandbox) in beginning {
            let step = Step::Outside(network.id, endpoint.id);
            let resource = telling(&network.driver, step);
            self.amend(endpoint.id, |_, endpoint| {
                endpoint.resources.push(resource);
                Ok(())
            })?;
            self.plugins.lead_out(&network, &endpoint, &sandbox)?;
        }
        Ok(())
    }
}

type Ending = (EndpointId, Resource);
type Beginning = (Network, Endpoint, Sandbox);

fn changes(state: &State, id: SandboxId) -> (Vec<Ending>, Vec<Beginning>) {
    let Some(sandbox) = state.sandbox(id) else {
        return Default::default();
    };
    let gateways = project::gateways(state, state.endpoints_of(id));
    let leads = [gateways.v4, gateways.v6].into_iter().flatten();
    let leads: Vec<EndpointId> = leads.map(|(endpoint, _)| endpoint.id).collect();
    let (mut ending, mut beginning) = (Vec::new(), Vec::new());
    for endpoint in state.endpoints_of(id).filter(|it| is_live(it)) {
        let Some(network) = state.network(endpoint.network).filter(|it| is_remote(it)) else {
            continue;
        };
        let outside = Step::Outside(network.id, endpoint.id);
        let is_outside = |it: &&Resource| told(it).is_some_and(|it| it.step == outside);
        let known = endpoint.resources.iter().find(is_outside);
        match (leads.contains(&endpoint.id), known) {
            (true, None) => beginning.push((network.clone(), endpoint.clone(), sandbox.clone())),
            (false, Some(known)) => ending.push((endpoint.id, known.clone())),
            _ => {}
        }
    }
    (ending, beginning)
}
