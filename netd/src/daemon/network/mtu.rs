//! The MTU of networks follows the host's way out.

use rnet_model::{Endpoint, HostFacts, Mtu, Network, Object, Phase, Resource};

use super::find_driver;
use crate::daemon::Daemon;
use crate::error::{Result, chain};
use crate::state::{Change, State};

impl Daemon {
    /// Lets the links of every network, on the host and in the sandboxes, be as large as the way out allows now.
    ///
    /// A host without a way out says nothing of its next one: the links stay as they are.
    pub(in crate::daemon) fn follow_egress(&self) {
        match self.resize_links() {
            Ok(resized) if resized.is_empty() => {}
            Ok(resized) => {
                tracing::info!(
                    links = resized.len(),
                    "the MTU of the host's way out changed: followed"
                );
                for link in resized {
                    // one that is going, or gone with its sandbox, keeps no other from being resized
                    if let Err(error) = self.hands.kernel.ensure_all(&[link]) {
                        tracing::warn!("an MTU is not followed: {}", chain(&error));
                    }
                }
            }
            Err(error) => tracing::error!("the MTU of networks is not followed: {}", chain(&error)),
        }
    }

    /// Records other sizes; gives what is to be made so.
    fn resize_links(&self) -> Result<Vec<Resource>> {
        let facts = self.hands.host.facts()?;
        if facts.egress_mtu.is_none() {
            return Ok(Vec::new());
        }
        let mut state = self.state();
        let networks: Vec<Network> = state.networks().cloned().collect();
        let (mut resized, mut changes) = (Vec::new(), Vec::new());
        for mut network in networks {
            let Some(mtu) = mtu(&network, &facts) else {
                continue;
            };
            let links = resize(&mut network.resources, mtu);
            if links.is_empty() {
                continue;
            }
            resized.extend(links);
            for mut endpoint in attached(&state, &network) {
                resized.extend(resize(&mut endpoint.resources, mtu));
                changes.push(Change::PutEndpoint(endpoint));
            }
            changes.push(Change::PutNetwork(network));
        }
        if !changes.is_empty() {
            self.commit(&mut state, changes)?;
        }
        Ok(resized)
    }
}

fn mtu(network: &Network, facts: &HostFacts) -> Option<Mtu> {
    let driver = find_driver(&network.driver).ok()?;
    // options were checked when the network was created
    driver.mtu(network, facts).ok().flatten()
}

fn attached(state: &State, network: &Network) -> Vec<Endpoint> {
    let endpoints = state.endpoints_on(network.id);
    let staying = endpoints.filter(|endpoint| endpoint.phase != Phase::Detaching);
    staying.cloned().collect()
}

/// Gives links another size; tells which had not that size, as they are to be.
fn resize(resources: &mut [Resource], mtu: Mtu) -> Vec<Resource> {
    let resized = resources.iter_mut().filter_map(|resource| {
        let size = match &mut resource.object {
            Object::Bridge(bridge) => &mut bridge.mtu,
            Object::Patch(patch) => &mut patch.mtu,
            Object::Veth(veth) => &mut veth.mtu,
            _ => return None,
        };
        if size.unwrap_or(Mtu::ETHERNET) == mtu {
            return None;
        }
        *size = Some(mtu);
        Some(resource.clone())
    });
    resized.collect()
}
