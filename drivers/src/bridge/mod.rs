//! The bridge driver: endpoints are veth ports of one bridge, which the host routes and translates for.

use std::iter::once;
use std::net::IpAddr;

use rnet_model::{
    Bandwidth, Cidr, Endpoint, HostFacts, IfName, Mtu, Network, NetworkPolicy, Object, Resource,
    Subnet, Veth, VethPeer,
};

use crate::inside::{inside, sysctl};
use crate::{Announcements, Driver, DriverError};

mod link;
mod options;
mod reach;
mod shard;
#[cfg(test)]
mod tests;
mod value;

use options::Options;

/// Answers for bridge networks.
pub(crate) struct Bridge;

impl Driver for Bridge {
    fn name(&self) -> &'static str {
        "bridge"
    }

    fn is_singleton(&self) -> bool {
        false
    }

    fn network_resources(
        &self,
        network: &Network,
        facts: &HostFacts,
    ) -> Result<Vec<Resource>, DriverError> {
        check(network, facts)?;
        let options = Options::of(network)?;
        let objects = match &facts.bridge {
            Some(foreign) => link::adopted(network, &options, foreign),
            None => link::own(network, &options, facts),
        };
        let objects = [forwarding(network), objects];
        Ok(objects.into_iter().flatten().map(Resource::host).collect())
    }

    fn mtu(&self, network: &Network, facts: &HostFacts) -> Result<Option<Mtu>, DriverError> {
        let options = Options::of(network)?;
        let own = || options.link_mtu(network, facts).unwrap_or(Mtu::ETHERNET);
        Ok((!link::is_adopted(network)).then(own))
    }

    fn shard(&self, network: &Network, taken: &[usize]) -> Result<usize, DriverError> {
        shard::with_room(network, taken)
    }

    fn shard_resources(
        &self,
        network: &Network,
        shard: usize,
        facts: &HostFacts,
    ) -> Result<Vec<Resource>, DriverError> {
        let options = Options::of(network)?;
        Ok(shard::resources(network, &options, shard, facts))
    }

    fn endpoint_resources(
        &self,
        network: &Network,
        endpoint: &Endpoint,
        facts: &HostFacts,
    ) -> Result<Vec<Resource>, DriverError> {
        options::check_endpoint(&endpoint.settings.driver_options)?;
        let options = Options::of(network)?;
        let veth = Object::Veth(Veth {
            name: host_end(endpoint),
            mtu: link::port_mtu(network, &options, facts),
            bridge: shard::bridge(network, &options, endpoint.shard),
            isolated: !options.icc,
            hairpin: facts.bridges_filter,
            peer: VethPeer {
                sandbox: Some(endpoint.sandbox),
                name: endpoint.ifname.clone(),
                mac: endpoint.mac,
            },
        });
        let bandwidth = Bandwidth::of(&endpoint.settings.driver_options)?;
        let limits = bandwidth.objects(&host_end(endpoint), intake(endpoint));
        let outside = once(veth).chain(limits).map(Resource::host);
        Ok(outside.chain(inside(endpoint, facts)?).collect())
    }

    fn announcements(&self, network: &Network, mixed: bool) -> Result<Announcements, DriverError> {
        let options = Options::of(network)?;
        // who else is on somebody else's bridge, and with which addresses, nobody knows
        let usual = match mixed || link::is_adopted(network) {
            true => Announcements::REPEATED,
            false => Announcements::ONCE,
        };
        Ok(Announcements {
            count: options.advertise_count.unwrap_or(usual.count),
            interval: options.advertise_interval.unwrap_or(usual.interval),
        })
    }

    fn interface_prefix(&self, network: &Network) -> Result<String, DriverError> {
        Options::of(network).map(|options| options.interface_prefix)
    }

    fn gateways(&self, network: &Network) -> Vec<IpAddr> {
        if network.internal {
            return Vec::new();
        }
        let of = |v4| subnets(network, v4).find_map(gateway);
        [of(true), of(false)].into_iter().flatten().collect()
    }

    fn firewall(&self, network: &Network) -> Result<Option<NetworkPolicy>, DriverError> {
        let options = Options::of(network)?;
        let Options {
            bridge, icc, reach, ..
        } = options;
        Ok(Some(NetworkPolicy {
            shards: shard::recorded(network).cloned().collect(),
            ..reach.policy(network, bridge, icc)
        }))
    }

    fn host_interface(&self, network: &Network) -> Result<Option<IfName>, DriverError> {
        Options::of(network).map(|options| Some(options.bridge))
    }

    fn has_gateway(&self, network: &Network, v4: bool) -> Result<bool, DriverError> {
        Options::of(network).map(|options| !options.reach.is_isolated(v4))
    }

    fn host_binding(&self, network: &Network) -> Result<Option<IpAddr>, DriverError> {
        Options::of(network).map(|options| options.host_binding)
    }
}

fn check(network: &Network, facts: &HostFacts) -> Result<(), DriverError> {
    if [true, false]
        .into_iter()
        .any(|v4| subnets(network, v4).count() > 1)
    {
        return Err(DriverError::MultipleSubnets {
            network: network.name.clone(),
        });
    }
    for subnet in subnets(network, false).map(|it| it.subnet) {
        let link_local =
            Cidr::new(link::link_local().network(), 64).expect("64 is within an IPv6 address");
        if subnet.ip().is_multicast() {
            return Err(DriverError::Multicast { subnet });
        }
        let clash = subnet.contains(link_local.network()) || link_local.contains(subnet.network());
        if clash && subnet != link_local {
            return Err(DriverError::ClashesWithLinkLocal { subnet });
        }
    }
    if network.enable_ipv6 && !facts.ipv6 {
        return Err(DriverError::HostWithoutIpv6 {
            network: network.name.clone(),
        });
    }
    Ok(())
}

fn subnets(network: &Network, v4: bool) -> impl Iterator<Item = &Subnet> {
    network
        .subnets
        .iter()
        .filter(move |subnet| subnet.subnet.is_ipv4() == v4)
}

/// The default route of endpoints: the subnet's gateway, unless the user names another machine in an auxiliary
/// address with a name that libnetwork sets aside for it (drivers/bridge: `DefaultGatewayIPv4`, `…IPv6`).
fn gateway(subnet: &Subnet) -> Option<IpAddr> {
    ["DefaultGatewayIPv4", "DefaultGatewayIPv6"]
        .into_iter()
        .find_map(|name| subnet.auxiliary_addresses.get(name).copied())
        .or(subnet.gateway)
}

fn host_end(endpoint: &Endpoint) -> IfName {
    let id = endpoint.id.to_string();
    format!("veth{}", &id[..11])
        .parse()
        .expect("veth and 11 hex digits are a valid name")
}

/// What the endpoint's packets go through where they are limited.
fn intake(endpoint: &Endpoint) -> IfName {
    let id = endpoint.id.to_string();
    format!("ifb{}", &id[..11])
        .parse()
        .expect("ifb and 11 hex digits are a valid name")
}

/// The host becomes a router; an internal network needs none.
fn forwarding(network: &Network) -> Vec<Object> {
    let families = [
        (network.enable_ipv4, "net/ipv4/ip_forward"),
        (network.enable_ipv6, "net/ipv6/conf/all/forwarding"),
    ];
    families
        .into_iter()
        .filter(|(enabled, _)| *enabled && !network.internal)
        .map(|(_, key)| sysctl(key.to_owned(), "1"))
        .collect()
}

fn address(link: &IfName, cidr: Cidr) -> Object {
    Object::Address {
        link: link.clone(),
        cidr,
    }
}
