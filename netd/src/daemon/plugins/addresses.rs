//! Addresses that a plugin gives: each is recorded as soon as it is known.

use std::net::IpAddr;

use rnet_model::{Cidr, Endpoint, EndpointId, Network, Step, Subnet};

use super::{ipam, telling};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::remote::{PluginError, Purpose, pool};

impl Daemon {
    /// Asks for an endpoint's addresses, one of each family that the network has: those it is to have, or any.
    pub(super) fn request_addresses(&self, network: &Network, endpoint: &Endpoint) -> Result<()> {
        let Some(plugin) = ipam(network) else {
            return Ok(());
        };
        let needs_mac = self.plugins.needs_mac(plugin)?;
        let mac = needs_mac.then_some(endpoint.mac);
        let settings = &endpoint.settings;
        for (v4, wanted) in [
            (true, settings.ipv4_address),
            (false, settings.ipv6_address),
        ] {
            let Some(subnet) = subnet(network, v4, wanted) else {
                continue;
            };
            let Some((pool, _)) = pool(network, subnet.subnet) else {
                continue;
            };
            let within = (pool, subnet.subnet);
            let purpose = Purpose::Endpoint(mac);
            let address = self
                .plugins
                .request_address(plugin, within, wanted, purpose)?;
            let cidr = Cidr::new(address, subnet.subnet.prefix())
                .map_err(|error| Error::invalid(error.to_string()))?;
            self.record_address(network, endpoint.id, plugin, pool, cidr)?;
        }
        Ok(())
    }

    fn record_address(
        &self,
        network: &Network,
        endpoint: EndpointId,
        plugin: &str,
        pool: &str,
        cidr: Cidr,
    ) -> Result<()> {
        self.amend(endpoint, |state, endpoint| {
            // an address that another endpoint has is not this one's to give back
            if state.addresses(network.id).held().taken.overlaps(cidr.ip()) {
                let reason = format!("address {} is that of another endpoint", cidr.ip());
                let call = "IpamDriver.RequestAddress";
                return Err(PluginError::nonsense(plugin, call, reason).into());
            }
            let step = Step::Address {
                pool: pool.to_owned(),
                address: cidr.ip(),
            };
            endpoint.addresses.push(cidr);
            endpoint.resources.insert(0, telling(plugin, step));
            Ok(())
        })
        .map(drop)
    }
}

/// The subnet of a family that an address is to be of: the one that has the wanted one, or the first.
fn subnet(network: &Network, v4: bool, wanted: Option<IpAddr>) -> Option<&Subnet> {
    let mut subnets = network.subnets.iter();
    subnets.find(|it| {
        it.subnet.is_ipv4() == v4 && wanted.is_none_or(|wanted| it.subnet.contains(wanted))
    })
}
