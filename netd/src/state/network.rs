//! What follows from the record of a network: its subnets, its interface, what the packet filter does for it.

use rnet_drivers::driver;
use rnet_model::{Cidr, IfName, Network, NetworkId};

use super::State;

impl State {
    pub(super) fn put_network(&mut self, network: Network) {
        self.free(network.id);
        self.interfaces
            .extend(host_interface(&network).map(|it| (it, network.id)));
        self.subnets.extend(held_subnets(&network));
        // options were checked when the network was created: one that has no policy now has no driver any more
        let policy = driver(&network.driver).and_then(|it| it.firewall(&network).ok().flatten());
        self.drop_policy(network.id);
        if let Some(policy) = policy {
            self.policy.networks.insert(policy.clone());
            self.policies.insert(network.id, policy);
        }
        self.networks.insert(network.id, network);
    }

    pub(super) fn drop_network(&mut self, id: NetworkId) {
        self.free(id);
        self.drop_policy(id);
        self.networks.remove(&id);
        self.addresses.remove(&id);
    }

    fn drop_policy(&mut self, id: NetworkId) {
        if let Some(policy) = self.policies.remove(&id) {
            self.policy.networks.remove(&policy);
        }
    }

    fn free(&mut self, id: NetworkId) {
        if let Some(network) = self.networks.get(&id) {
            if let Some(interface) = host_interface(network) {
                self.interfaces.remove(&interface);
            }
            held_subnets(network).for_each(|subnet| self.subnets.remove(subnet));
        }
    }
}

/// What no other network may have: the subnets of a template are nobody's.
fn held_subnets(network: &Network) -> impl Iterator<Item = Cidr> + '_ {
    let made = network.subnets.iter().filter(|_| !network.config_only);
    made.map(|subnet| subnet.subnet)
}

/// The interface of the host that a network is; a template is none.
fn host_interface(network: &Network) -> Option<IfName> {
    let driver = driver(&network.driver).filter(|_| !network.config_only)?;
    driver.host_interface(network).ok().flatten()
}
