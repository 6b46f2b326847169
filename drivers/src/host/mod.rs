//! The host driver: containers that share the host's own network.

use rnet_model::{Endpoint, HostFacts, Network, Resource};

use crate::{Driver, DriverError};

/// Answers for the network that is the host itself.
pub(crate) struct Host;

impl Driver for Host {
    fn name(&self) -> &'static str {
        "host"
    }

    fn is_singleton(&self) -> bool {
        true
    }

    fn network_resources(
        &self,
        _network: &Network,
        _facts: &HostFacts,
    ) -> Result<Vec<Resource>, DriverError> {
        Ok(Vec::new())
    }

    fn endpoint_resources(
        &self,
        _network: &Network,
        _endpoint: &Endpoint,
        _facts: &HostFacts,
    ) -> Result<Vec<Resource>, DriverError> {
        Ok(Vec::new())
    }
}
