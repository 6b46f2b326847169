//! The null driver: containers with a loopback and nothing else.

use rnet_model::{Endpoint, HostFacts, Network, Resource};

use crate::{Driver, DriverError};

/// Answers for the network that leads nowhere.
pub(crate) struct Null;

impl Driver for Null {
    fn name(&self) -> &'static str {
        "null"
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
