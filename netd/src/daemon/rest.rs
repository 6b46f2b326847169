//! The daemon's last act: where no container lives on, it leaves the kernel as it found it.

use super::Daemon;
use crate::error::chain;

impl Daemon {
    /// Takes networks and rules out of the kernel, unless a sandbox is in use; the records stay, and the next start
    /// rebuilds from them.
    pub fn rest(&self) {
        let resources = self.read(|state| {
            let unused = state.sandboxes().next().is_none();
            unused.then(|| {
                let networks = state.networks();
                networks
                    .flat_map(|network| network.resources.clone())
                    .collect::<Vec<_>>()
            })
        });
        let Some(resources) = resources else { return };
        let unmade = self.hands.kernel.remove_all(&resources);
        for error in unmade.into_iter().chain(self.hands.firewall.remove().err()) {
            tracing::warn!("not taken out of the kernel: {}", chain(&error));
        }
    }
}
