//! Making a network that plugins have a say in: with no lock held, and each step recorded.

use rnet_ipam::SubnetRequest;
use rnet_model::{Network, Step, Subnet};

use super::{ipam, is_remote, telling};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::remote::{Kind, Pool, Purpose};

impl Daemon {
    /// Refuses plugins that are not there, before anything is recorded.
    pub(in crate::daemon) fn find_plugins(
        &self,
        driver: Option<&str>,
        ipam: Option<&str>,
    ) -> Result<()> {
        let driver = driver.filter(|it| rnet_drivers::driver(it).is_none());
        if let Some(plugin) = driver {
            self.plugins.find(plugin, Kind::Network)?;
        }
        if let Some(plugin) = ipam.filter(|it| *it != super::NO_IPAM) {
            self.plugins.find(plugin, Kind::Ipam)?;
        }
        Ok(())
    }

    /// Lets plugins decide what is theirs to decide about a network that is on record as unsettled, and tells them.
    pub(in crate::daemon) fn settle_network(
        &self,
        mut network: Network,
        asked: Vec<SubnetRequest>,
    ) -> Result<()> {
        if ipam(&network).is_some() {
            self.request_pools(&mut network, asked)?;
        }
        if network.ipam_driver.is_some() {
            let answered = self.network_resources(&network)?;
            network.resources.extend(answered);
            self.record_network(&network)?;
        }
        self.protect()?;
        self.hands.kernel.ensure_all(&network.resources)?;
        if is_remote(&network) {
            self.plugins.create_network(&network)?;
        }
        network.unsettled = false;
        self.record_network(&network)
    }

    /// One pool for each subnet that is asked for, and one for each family that is asked for without.
    fn request_pools(&self, network: &mut Network, mut asked: Vec<SubnetRequest>) -> Result<()> {
        let Some(plugin) = ipam(network).map(str::to_owned) else {
            return Ok(());
        };
        let space = self.plugins.address_space(&plugin)?;
        asked.retain(|it| it.subnet.is_some());
        let families = [(network.enable_ipv4, true), (network.enable_ipv6, false)];
        let mut wanted = Vec::new();
        for (_, v4) in families.into_iter().filter(|(enabled, _)| *enabled) {
            let of_family = |it: &SubnetRequest| it.subnet.is_some_and(|it| it.is_ipv4() == v4);
            let before = wanted.len();
            wanted.extend(asked.extract_if(.., |it| of_family(it)).map(|it| (v4, it)));
            if wanted.len() == before {
                wanted.push((v4, SubnetRequest::default()));
            }
        }
        if !asked.is_empty() {
            return Err(Error::invalid(
                "a subnet is of a family that the network is to have no addresses of",
            ));
        }
        for (v4, asked) in wanted {
            let ranges = (asked.subnet, asked.ip_range);
            let options = &network.ipam_options;
            let pool = self
                .plugins
                .request_pool(&plugin, &space, ranges, v4, options)?;
            self.record_pool(network, &plugin, &space, &pool)?;
            self.request_gateway(network, &plugin, &pool, asked)?;
        }
        Ok(())
    }

    fn record_pool(
        &self,
        network: &mut Network,
        plugin: &str,
        space: &str,
        Pool { id, subnet, .. }: &Pool,
    ) -> Result<()> {
        let step = Step::Pool {
            id: id.clone(),
            space: space.to_owned(),
            subnet: *subnet,
        };
        network.resources.push(telling(plugin, step));
        self.record_network(network)?;
        if self.read(|state| state.subnets().overlaps(*subnet)) {
            // libnetwork, `ipamapi.ErrPoolOverlap`
            let refusal = "Pool overlaps with other one on this address space";
            return Err(Error::Forbidden(format!("{refusal}: {subnet} of {plugin}")));
        }
        Ok(())
    }

    /// The addresses of a pool that are no endpoint's: the gateway, unless the pool came with one, and what is set aside.
    fn request_gateway(
        &self,
        network: &mut Network,
        plugin: &str,
        pool: &Pool,
        asked: SubnetRequest,
    ) -> Result<()> {
        let within = (pool.id.as_str(), pool.subnet);
        let request = |wanted, purpose| {
            self.plugins
                .request_address(plugin, within, wanted, purpose)
        };
        let mut given = Vec::new();
        let gateway = match pool
            .gateway
            .filter(|it| asked.gateway.is_none_or(|own| own == *it))
        {
            Some(gateway) => gateway,
            None => {
                let gateway = request(asked.gateway, Purpose::Gateway)?;
                given.push(gateway);
                gateway
            }
        };
        let subnet = Subnet {
            subnet: pool.subnet,
            ip_range: asked.ip_range,
            gateway: Some(gateway),
            auxiliary_addresses: asked.auxiliary_addresses,
        };
        let auxiliary: Vec<_> = subnet.auxiliary_addresses.values().copied().collect();
        network.subnets.push(subnet);
        let mut record = |address| {
            let step = Step::Address {
                pool: pool.id.clone(),
                address,
            };
            network.resources.push(telling(plugin, step));
            self.record_network(network)
        };
        given.into_iter().try_for_each(&mut record)?;
        for wanted in auxiliary {
            record(request(Some(wanted), Purpose::Auxiliary)?)?;
        }
        Ok(())
    }

    /// Names of plugins that can be drivers of networks.
    pub fn network_plugins(&self) -> Vec<String> {
        self.plugins.names(Kind::Network)
    }
}
