//! Making and removing networks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rnet_drivers::{Driver, driver};
use rnet_ipam::SubnetRequest;
use rnet_model::{Endpoint, Network, NetworkId};

use super::{Daemon, lookup, random_bytes};
use crate::error::{Error, Result, chain};
use crate::state::Change;

/// A network someone asks for.
#[derive(Clone, Debug, Default)]
pub struct NetworkRequest {
    /// Its name.
    pub name: String,
    /// Its driver; none means `bridge`.
    pub driver: Option<String>,
    /// Whether it has IPv4; none means yes.
    pub enable_ipv4: Option<bool>,
    /// Whether it has IPv6; none means no.
    pub enable_ipv6: Option<bool>,
    /// Whether it is cut off from everything else.
    pub internal: bool,
    /// Whether standalone containers may attach to it.
    pub attachable: bool,
    /// Its subnets; a family that is enabled and has none gets one.
    pub subnets: Vec<SubnetRequest>,
    /// Options of the IPAM driver.
    pub ipam_options: BTreeMap<String, String>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Free metadata.
    pub labels: BTreeMap<String, String>,
}

impl Daemon {
    /// Makes a network: records it, then lets its kernel resources exist.
    pub fn create_network(&self, request: NetworkRequest) -> Result<NetworkId> {
        let name = request.name.clone();
        if name.trim().is_empty() {
            return Err(Error::invalid("invalid network name: it is empty"));
        }
        if Network::is_predefined_name(&name) {
            let refusal = format!("operation is not permitted on predefined {name} network");
            return Err(Error::Forbidden(refusal));
        }
        let driver_name = request.driver.as_deref().unwrap_or("bridge");
        if find_driver(driver_name)?.is_singleton() {
            let refusal = format!("only one instance of \"{driver_name}\" network is allowed");
            return Err(Error::Forbidden(refusal));
        }
        self.make_network(request)
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

    /// Makes the networks every daemon has, where they are missing.
    pub(super) fn make_predefined_networks(&self) -> Result<()> {
        let bridge = BTreeMap::from([
            (
                "com.docker.network.bridge.default_bridge".to_owned(),
                "true".to_owned(),
            ),
            (
                "com.docker.network.bridge.name".to_owned(),
                self.settings.default_bridge.clone(),
            ),
        ]);
        for (name, driver, options) in [
            ("bridge", "bridge", bridge),
            ("host", "host", BTreeMap::new()),
            ("none", "null", BTreeMap::new()),
        ] {
            if self.read(|state| state.networks().any(|network| network.name == name)) {
                continue;
            }
            self.make_network(NetworkRequest {
                name: name.to_owned(),
                driver: Some(driver.to_owned()),
                options,
                ..NetworkRequest::default()
            })?;
        }
        Ok(())
    }

    fn make_network(&self, request: NetworkRequest) -> Result<NetworkId> {
        let _one_at_a_time = self.one_network_at_a_time();
        let network = self.plan_network(request)?;
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

    /// Decides everything about a new network; touches nothing.
    fn plan_network(&self, request: NetworkRequest) -> Result<Network> {
        let name = request.driver.as_deref().unwrap_or("bridge");
        let driver = find_driver(name)?;
        let mut network = Network {
            id: NetworkId::from_bytes(random_bytes()),
            name: request.name.clone(),
            created: Timestamp::now(),
            driver: driver.name().to_owned(),
            subnets: Vec::new(),
            enable_ipv4: request.enable_ipv4.unwrap_or(true),
            enable_ipv6: request.enable_ipv6.unwrap_or(false),
            internal: request.internal,
            attachable: request.attachable,
            config_only: false,
            config_from: None,
            options: request.options,
            ipam_options: request.ipam_options,
            labels: request.labels,
            resources: Vec::new(),
        };
        self.read(|state| {
            if state.networks().any(|other| other.name == network.name) {
                return Err(Error::Conflict(format!(
                    "network with name {} already exists",
                    network.name
                )));
            }
            refuse_shared_bridge(driver, &network, state.networks())
        })?;
        if !driver.is_singleton() {
            network.subnets = self.plan_subnets(&network, request.subnets)?;
        }
        let facts = self.hands.host.facts()?;
        network.resources = driver
            .network_resources(&network, &facts)
            .and_then(|resources| driver.firewall(&network).map(|_| resources))
            .map_err(refused_by(driver, &network))?;
        Ok(network)
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
            state.apply(Change::DropNetwork(network.id));
            network
        };
        self.remove_network(&network);
        Ok(network)
    }

    /// Removes a network's resources, rules and record, whatever of them exists; goes on after a failure.
    fn remove_network(&self, network: &Network) {
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

    fn one_network_at_a_time(&self) -> std::sync::MutexGuard<'_, ()> {
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

fn refuse_shared_bridge<'a>(
    driver: &dyn Driver,
    network: &Network,
    others: impl Iterator<Item = &'a Network>,
) -> Result<()> {
    let wanted = driver
        .host_interface(network)
        .map_err(refused_by(driver, network))?;
    let Some(bridge) = wanted else { return Ok(()) };
    for other in others {
        if find_driver(&other.driver)?
            .host_interface(other)
            .ok()
            .flatten()
            .as_ref()
            == Some(&bridge)
        {
            return Err(Error::Forbidden(format!(
                "cannot create network {} ({}): conflicts with network {} ({}): \
                 networks have same bridge name {bridge}",
                network.id, network.name, other.id, other.name
            )));
        }
    }
    Ok(())
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
