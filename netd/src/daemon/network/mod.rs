//! Making and removing networks.

mod mtu;
mod plan;
mod predefined;
mod request;
mod room;
mod vanished;

use rnet_drivers::{Driver, driver};
use rnet_model::{Endpoint, Network, NetworkId};

pub use predefined::{DefaultBridge, DefaultSubnet};
pub use request::NetworkRequest;
pub(super) use room::grown;

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
    pub fn delete_network(&self, reference: &str) -> Result<()> {
        let network = {
            let _one_at_a_time = self.one_network_at_a_time();
            self.withdraw_network(reference)?
        };
        self.events
            .send("network", "destroy", network.id, labels(&network));
        Ok(())
    }

    fn make_network(&self, id: NetworkId, request: NetworkRequest) -> Result<NetworkId> {
        let _one_at_a_time = self.one_network_at_a_time();
        let network = self.plan_network(id, request)?;
        self.store.commit(&[Change::PutNetwork(network.clone())])?;
        self.state().apply(Change::PutNetwork(network.clone()));
        // rules stand before the first packet
        let made = self
            .protect()
            .and_then(|()| Ok(self.hands.kernel.ensure_all(&network.resources)?));
        if let Err(error) = made {
            self.remove_network(&network);
            return Err(error);
        }
        self.events
            .send("network", "create", network.id, labels(&network));
        Ok(network.id)
    }

    /// Takes a network out of sight, so that nothing can attach to it any more, then removes what it stands on.
    fn withdraw_network(&self, reference: &str) -> Result<Network> {
        let network = {
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
            state.apply(Change::DropNetwork(network.id));
            network
        };
        self.remove_network(&network);
        Ok(network)
    }

    /// Removes a network's resources, rules and record, whatever of them exists; goes on after a failure.
    fn remove_network(&self, network: &Network) {
        self.leave_gateway(network.id);
        self.state().apply(Change::DropNetwork(network.id));
        let unmade = self
            .hands
            .kernel
            .remove_all(&network.resources)
            .into_iter()
            .map(Error::from);
        let unruled = self.protect().err();
        let kept = self
            .store
            .commit(&[Change::DropNetwork(network.id)])
            .err()
            .map(Error::from);
        for error in unmade.chain(unruled).chain(kept) {
            tracing::warn!(
                network = network.name,
                "not removed whole: {}",
                chain(&error)
            );
        }
    }

    pub(super) fn one_network_at_a_time(&self) -> std::sync::MutexGuard<'_, ()> {
        self.networks
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

pub(super) fn find_driver(name: &str) -> Result<&'static dyn Driver> {
    driver(name).ok_or_else(|| Error::NotFound {
        kind: "could not find plugin",
        reference: format!("{name} in v1 plugin registry: plugin"),
    })
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
