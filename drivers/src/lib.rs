//! The answers of rnet: what each kind of network means in kernel resources.
//!
//! A driver knows only the words of the model; it cannot touch the machine. Adding one takes a folder and a line
//! in [`DRIVERS`].

use std::net::IpAddr;

use rnet_model::{Endpoint, HostFacts, IfName, Mtu, Network, NetworkPolicy, Resource};

mod announcements;
mod bridge;
mod error;
mod host;
mod inside;
mod null;
mod remote;

pub use announcements::Announcements;
pub use error::DriverError;
pub use remote::Remote;

/// Answers which kernel resources should exist for a network of one kind.
///
/// **Contract:** pure. Equal arguments give equal answers, in the order the resources are to be made. A network or
/// an endpoint that the driver cannot honour in full is an error; nothing that was asked for is ignored.
pub trait Driver: Send + Sync {
    /// The name users choose it by, as in [`Network::driver`].
    fn name(&self) -> &'static str;

    /// Whether its only network is the predefined one, so that nobody may create another.
    fn is_singleton(&self) -> bool;

    /// What the host needs once, whatever the number of endpoints. Validates everything asked of the network.
    fn network_resources(
        &self,
        _network: &Network,
        _facts: &HostFacts,
    ) -> Result<Vec<Resource>, DriverError> {
        Ok(Vec::new())
    }

    /// The MTU its links should have, now that the host is like this; none where they are not the driver's to size.
    fn mtu(&self, _network: &Network, _facts: &HostFacts) -> Result<Option<Mtu>, DriverError> {
        Ok(None)
    }

    /// Which of the network's bridges a new endpoint joins, given how many endpoints each has; the first is 0.
    fn shard(&self, _network: &Network, _taken: &[usize]) -> Result<usize, DriverError> {
        Ok(0)
    }

    /// What the host needs once a shard is joined, beside what the network stands on; nothing for the first.
    fn shard_resources(
        &self,
        _network: &Network,
        _shard: usize,
        _facts: &HostFacts,
    ) -> Result<Vec<Resource>, DriverError> {
        Ok(Vec::new())
    }

    /// What attaches one endpoint, default routes left out: those are the sandbox's, chosen among its endpoints.
    fn endpoint_resources(
        &self,
        _network: &Network,
        _endpoint: &Endpoint,
        _facts: &HostFacts,
    ) -> Result<Vec<Resource>, DriverError> {
        Ok(Vec::new())
    }

    /// How a new endpoint tells its neighbours which hardware address its addresses have now; `mixed` says that some
    /// of them may have had another on this network before.
    fn announcements(
        &self,
        _network: &Network,
        _mixed: bool,
    ) -> Result<Announcements, DriverError> {
        Ok(Announcements::NONE)
    }

    /// What interface names inside a sandbox begin with; a number follows.
    fn interface_prefix(&self, _network: &Network) -> Result<String, DriverError> {
        Ok("eth".to_owned())
    }

    /// The default gateways its endpoints may use, at most one a family, IPv4 first; none where nothing leads out.
    fn gateways(&self, _network: &Network) -> Vec<IpAddr> {
        Vec::new()
    }

    /// What the host's packet filter allows and translates for the network; none where it has no say.
    fn firewall(&self, _network: &Network) -> Result<Option<NetworkPolicy>, DriverError> {
        Ok(None)
    }

    /// The host's interface that the network is, if any: no two networks may be the same one.
    fn host_interface(&self, _network: &Network) -> Result<Option<IfName>, DriverError> {
        Ok(None)
    }

    /// Whether the host has the gateway's address in the subnets of a family; where it has not, nobody needs one.
    fn has_gateway(&self, _network: &Network, _v4: bool) -> Result<bool, DriverError> {
        Ok(true)
    }

    /// The host's address that ports are published on where none was named; none stands for all of them.
    fn host_binding(&self, _network: &Network) -> Result<Option<IpAddr>, DriverError> {
        Ok(None)
    }
}

/// The drivers, each under every name it has.
const DRIVERS: &[(&str, &dyn Driver)] = &[
    ("bridge", &bridge::Bridge),
    ("host", &host::Host),
    ("null", &null::Null),
    ("none", &null::Null),
];

/// The driver called `name`, if there is one; `none` is another name of `null`.
pub fn driver(name: &str) -> Option<&'static dyn Driver> {
    DRIVERS
        .iter()
        .find_map(|&(known, driver)| (known == name).then_some(driver))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_is_found_under_each_of_its_names() {
        let found = |name| driver(name).map(|driver| (driver.name(), driver.is_singleton()));
        assert_eq!(found("bridge"), Some(("bridge", false)));
        assert_eq!(found("host"), Some(("host", true)));
        assert_eq!(found("null"), Some(("null", true)));
        assert_eq!(found("none"), Some(("null", true)));
        assert_eq!(found("Bridge"), None);
    }
}
