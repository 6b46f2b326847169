//! The host driver: containers that share the host's own network.

use crate::Driver;

/// Answers for the network that is the host itself.
pub(crate) struct Host;

impl Driver for Host {
    fn name(&self) -> &'static str {
        "host"
    }

    fn is_singleton(&self) -> bool {
        true
    }
}
