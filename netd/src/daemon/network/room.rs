//! Room for one more endpoint: shards made on demand, and what somebody else removed made again.

use rnet_kernel::KernelError;
use rnet_model::{Endpoint, EndpointId, HostFacts, Network, NetworkId, Place, Resource};

use super::{find_driver, refused_by};
use crate::daemon::Daemon;
use crate::error::{Result, chain};
use crate::state::State;

/// The networks that lack the shard one of these endpoints joins, each with what it is to stand on.
pub(in crate::daemon) fn grown(
    state: &State,
    endpoints: &[Endpoint],
    facts: &HostFacts,
) -> Result<Vec<Network>> {
    let grow = |endpoint: &Endpoint| {
        let network = state.network(endpoint.network)?;
        let more = find_driver(&network.driver).and_then(|driver| {
            driver
                .shard_resources(network, endpoint.shard, facts)
                .map_err(refused_by(driver, network))
        });
        let lacks = |it: &Resource| !network.resources.contains(it);
        match more {
            Err(error) => Some(Err(error)),
            Ok(more) => {
                let more: Vec<_> = more.into_iter().filter(lacks).collect();
                (!more.is_empty()).then(|| {
                    let mut network = network.clone();
                    network.resources.extend(more);
                    Ok(network)
                })
            }
        }
    };
    endpoints.iter().filter_map(grow).collect()
}

impl Daemon {
    /// Lets what endpoints stand on exist.
    ///
    /// A link of the host that is not there is one of their networks': a shard that was recorded a moment ago, here or
    /// by another attach, or a bridge that somebody removed. Then all that the networks stand on is made, and what
    /// lost its bridge joins it again.
    pub(in crate::daemon) fn build_endpoints(
        &self,
        resources: &[Resource],
        endpoints: &[EndpointId],
    ) -> Result<()> {
        let ensure = || self.hands.kernel.ensure_all(resources);
        match ensure() {
            Err(KernelError::NoLink {
                place: Place::Host, ..
            }) => {}
            outcome => return Ok(outcome?),
        }
        let networks: Vec<NetworkId> = self.read(|state| {
            let endpoints = endpoints.iter().filter_map(|id| state.endpoint(*id));
            endpoints.map(|endpoint| endpoint.network).collect()
        });
        networks
            .into_iter()
            .try_for_each(|id| self.heal_network(id))?;
        Ok(ensure()?)
    }

    pub(super) fn heal_network(&self, id: NetworkId) -> Result<()> {
        let Some(network) = self.read(|state| state.network(id).cloned()) else {
            return Ok(());
        };
        self.hands.kernel.ensure_all(&network.resources)?;
        let ports: Vec<Vec<Resource>> = self.read(|state| {
            let attached = state
                .endpoints_on(id)
                .filter(|endpoint| endpoint.phase == rnet_model::Phase::Attached);
            attached.map(|it| it.resources.clone()).collect()
        });
        for resources in ports {
            if let Err(error) = self.hands.kernel.ensure_all(&resources) {
                tracing::warn!(
                    network = network.name,
                    "an endpoint is not healed: {}",
                    chain(&error)
                );
            }
        }
        Ok(())
    }
}
