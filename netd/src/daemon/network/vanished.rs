//! Addresses that somebody took off rnet's bridges, or that went with a bridge, come back at once.

use std::os::fd::AsFd;
use std::sync::Arc;

use rnet_kernel::KernelError;
use rnet_model::{Cidr, Network, NetworkId, Object};

use crate::daemon::Daemon;
use crate::error::{Result, chain};

impl Daemon {
    /// Brings back what networks lose of their addresses, as long as the daemon's tasks run.
    pub(in crate::daemon) fn watch_addresses(self: &Arc<Self>) -> Result<()> {
        let Some(mut watch) = self.hands.host.watch_addresses()? else {
            return Ok(());
        };
        let bell = watch.as_fd().try_clone_to_owned();
        let listening = bell.and_then(|bell| {
            self.listen(bell, move |daemon| {
                let lost = watch.heard()?;
                daemon.bring_back(lost.as_deref());
                Ok(())
            })
        });
        Ok(listening.map_err(|source| KernelError::WatchAddresses { source })?)
    }

    /// Makes again what the networks of these addresses stand on; of all networks, if nobody knows which were lost.
    fn bring_back(&self, lost: Option<&[Cidr]>) {
        if lost.is_some_and(<[Cidr]>::is_empty) {
            return;
        }
        // what rnet itself removes is out of sight before its addresses go
        let _one_at_a_time = self.one_network_at_a_time();
        let bereft: Vec<NetworkId> = self.read(|state| {
            let settled = state.networks().filter(|it| !it.unsettled);
            let networks = settled.filter(|it| has_any_of(it, lost));
            networks.map(|it| it.id).collect()
        });
        for id in bereft {
            tracing::warn!(
                network = id.short(),
                "somebody took an address off the network's bridge: made again"
            );
            if let Err(error) = self.heal_network(id) {
                tracing::error!(network = id.short(), "not made again: {}", chain(&error));
            }
        }
    }
}

fn has_any_of(network: &Network, lost: Option<&[Cidr]>) -> bool {
    network.resources.iter().any(|it| match &it.object {
        Object::Address { cidr, .. } => lost.is_none_or(|lost| lost.contains(cidr)),
        _ => false,
    })
}
