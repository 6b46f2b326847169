//! The daemon's last act: where no container lives on, it leaves the kernel as it found it.

use rnet_model::Network;

use super::Daemon;
use crate::error::chain;
use crate::state::Change;

impl Daemon {
    /// Takes networks and rules out of the kernel, unless a sandbox is in use; the records stay, and the next start
    /// rebuilds from them.
    pub fn rest(&self) {
        let _one_at_a_time = self.one_network_at_a_time();
        let networks: Vec<Network> = {
            let mut state = self.state();
            if state.sandboxes().next().is_some() {
                return;
            }
            let networks: Vec<Network> = state.networks().cloned().collect();
            // out of sight first, or what goes would be taken for lost, and made again
            for network in &networks {
                state.apply(Change::DropNetwork(network.id));
            }
            networks
        };
        let resources = networks.into_iter().flat_map(|network| network.resources);
        let unmade = self.hands.kernel.remove_all(&resources.collect::<Vec<_>>());
        for error in unmade.into_iter().chain(self.hands.firewall.remove().err()) {
            tracing::warn!("not taken out of the kernel: {}", chain(&error));
        }
    }
}
