//! Making and removing networks.

mod mtu;
mod plan;
mod predefined;
mod request;
mod room;
mod vanished;

use std::collections::BTreeSet;

use rnet_drivers::{Driver, Remote, driver};
use rnet_model::{Endpoint, Network, NetworkId};

pub use predefined::{DefaultBridge, DefaultSubnet};
pub use request::NetworkRequest;
pub(super) use room::grown;

use super::plugins::{Debtor, Removed, has_plugin};
use super::{Daemon, lookup, random_bytes};
use crate::error::{Error, Result, chain};
use crate::state::Change;

impl Daemon {
    /// Makes a network: records it, then lets its kernel resources exist.
    pub fn create_network(&self, request: NetworkRequest) -> Result<NetworkId> {
        self.create_network_as(NetworkId::from_bytes(random_bytes()), request)
    }

    /// The same with an id that somebody else gave it, which no network may have.
    pub fn create_network_as(&self, id: NetworkId, request: NetworkRequest) -> Result<NetworkId> {
        let name = request.name.clone();
        if name.trim().is_empty() {
            return Err(Error::invalid("invalid network name: it is empty"));
        }
        if Network::is_predefined_name(&name) {
            let refusal = format!("operation is not permitted on predefined {name} network");
            return Err(Error::Forbidden(refusal));
        }
        let driver_name = request.driver.as_deref().unwrap_or("bridge");
        if !request.config_only {
            self.find_plugins(request.driver.as_deref(), request.ipam_driver.as_deref())?;
        }
        if !request.config_only && find_driver(driver_name)?.is_singleton() {
            let refusal = format!("only one instance of \"{driver_name}\" network is allowed");
            return Err(Error::Forbidden(refusal));
        }
        self.make_network(id, request)
    }

    /// Gives a network a label of that value, or takes it away.
    pub fn label_network(&self, id: NetworkId, label: &str, value: Option<&str>) -> Result<()> {
        let mut state = self.state();
        let Some(mut network) = state.network(id).cloned() else {
            return Err(Error::no_such_network(id.to_string()));
        };
        match value {
            Some(value) => network.labels.insert(label.to_owned(), value.to_owned()),
            None => network.labels.remove(label),
        };
        self.commit(&mut state, vec![Change::PutNetwork(network)])
    }

    /// Removes a network nobody is attached to.
    ///
    /// Where it is a plugin's, that is told first. A plugin that does not answer is told when it does: until then the network
    /// stays, of no more use.
    pub fn delete_network(&self, reference: &str) -> Result<()> {
        self.delete(reference, false)
    }

    /// The same, but what a plugin that does not answer was to be told is forgotten.
    pub fn forget_network(&self, reference: &str) -> Result<()> {
        self.delete(reference, true)
    }

    fn delete(&self, reference: &str, force: bool) -> Result<()> {
        let network = {
            let known = self.find_network(reference)?;
            let _turn = has_plugin(&known).then(|| self.owing.turn());
            self.settle_endpoints(known.id, force)?;
            let _one_at_a_time = self.one_network_at_a_time();
            self.withdraw_network(reference)?
        };
        if force {
            self.unmake_network(&network);
            self.drop_network(network.id);
        } else if let Some(owed) = self.remove_network(&network) {
            return Err(owed);
        }
        self.events
            .send("network", "destroy", network.id, labels(&network));
        Ok(())
    }

    fn make_network(&self, id: NetworkId, request: NetworkRequest) -> Result<NetworkId> {
        let (network, asked) = {
            let _one_at_a_time = self.one_network_at_a_time();
            let (network, asked) = self.plan_network(id, request)?;
            self.record_network(&network)?;
            if !network.unsettled {
                self.build_network(&network)
                    .inspect_err(|_| _ = self.remove_network(&network))?;
            }
            (network, asked)
        };
        if network.unsettled {
            self.settle_network(network.clone(), asked)
                .inspect_err(|_| {
                    let recorded = self.read(|state| state.network(id).cloned());
                    recorded.iter().for_each(|it| _ = self.remove_network(it));
                })?;
        }
        self.events
            .send("network", "create", network.id, labels(&network));
        Ok(network.id)
    }

    /// Makes the record of a network last that nobody else changes now; no lock is held while a disk is waited for.
    pub(super) fn record_network(&self, network: &Network) -> Result<()> {
        let change = Change::PutNetwork(network.clone());
        self.store.commit(std::slice::from_ref(&change))?;
        self.state().apply(change);
        Ok(())
    }

    fn build_network(&self, network: &Network) -> Result<()> {
        // rules stand before the first packet
        self.protect()?;
        Ok(self.hands.kernel.ensure_all(&network.resources)?)
    }

    /// Takes a network out of use, so that nothing can attach to it any more.
    fn withdraw_network(&self, reference: &str) -> Result<Network> {
        let mut state = self.state();
        let network = lookup::network(&state, reference)?.clone();
        if Network::is_predefined_name(&network.name) {
            return Err(Error::Forbidden(format!(
                "{} is a pre-defined network and cannot be removed",
                network.name
            )));
        }
        if let Some(endpoint) = state.endpoints_on(network.id).next() {
            return Err(Error::Forbidden(active_endpoints(&network, endpoint)));
        }
        request::check_unused(&network, &state)?;
        if network.unsettled && !self.take_over(&network) {
            return Err(Error::Conflict(format!(
                "network {} is being created, or removed: try again when that is done",
                network.name
            )));
        }
        if has_plugin(&network) {
            let withdrawn = Network {
                unsettled: true,
                ..network.clone()
            };
            self.commit(&mut state, vec![Change::PutNetwork(withdrawn)])?;
        } else {
            state.apply(Change::DropNetwork(network.id));
        }
        Ok(network)
    }

    /// Removes a network's resources, rules and record, whatever of them exists; goes on after a failure.
    ///
    /// What a plugin could not be told stays on record, and is the answer.
    pub(super) fn remove_network(&self, network: &Network) -> Option<Error> {
        let removed = self.unmake_network(network);
        if removed.owed.is_empty() {
            self.drop_network(network.id);
            return None;
        }
        let left = Network {
            unsettled: true,
            resources: removed.owed,
            ..network.clone()
        };
        let kept = self.record_network(&left);
        self.owing.add(Debtor::Network(network.id));
        let failed = removed.failures.into_iter();
        kept.err().or(failed.last()).map(|source| Error::StillOwed {
            network: network.name.clone(),
            source: Box::new(source),
        })
    }

    fn unmake_network(&self, network: &Network) -> Removed {
        self.leave_gateway(network.id);
        if !has_plugin(network) {
            // nobody is to heal it meanwhile
            self.state().apply(Change::DropNetwork(network.id));
        }
        let removed = self.remove_resources(&network.resources, &mut BTreeSet::new());
        for error in &removed.failures {
            let network = &network.name;
            tracing::warn!(network, "not removed whole: {}", chain(error));
        }
        removed
    }

    fn drop_network(&self, id: NetworkId) {
        let change = Change::DropNetwork(id);
        self.state().apply(change.clone());
        let unruled = self.protect().err();
        let kept = self.store.commit(&[change]).err().map(Error::from);
        for error in unruled.into_iter().chain(kept) {
            tracing::warn!(network = id.short(), "not removed whole: {}", chain(&error));
        }
    }

    pub(super) fn one_network_at_a_time(&self) -> std::sync::MutexGuard<'_, ()> {
        self.networks
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The driver of that name; any that is none of rnet's own is a plugin's.
pub(super) fn find_driver(name: &str) -> Result<&'static dyn Driver> {
    Ok(driver(name).unwrap_or(&Remote))
}

pub(super) fn refused_by(
    driver: &dyn Driver,
    network: &Network,
) -> impl FnOnce(rnet_drivers::DriverError) -> Error {
    let (driver, network) = (driver.name().to_owned(), network.name.clone());
    move |source| Error::Driver {
        driver,
        network,
        source,
    }
}

fn active_endpoints(network: &Network, endpoint: &Endpoint) -> String {
    let name = endpoint.names.first().map_or("", String::as_str);
    format!(
        "error while removing network: network {} has active endpoints (name:\"{name}\" id:\"{}\"): \
         disconnect them or remove their containers first",
        network.name,
        endpoint.id.short()
    )
}

fn labels(network: &Network) -> [(&'static str, String); 2] {
    [
        ("name", network.name.clone()),
        ("type", network.driver.clone()),
    ]
}
