//! The bridge driver: endpoints are veth ports of one bridge, which the host routes and translates for.

use std::iter::once;
use std::net::{IpAddr, Ipv6Addr};

use rnet_model::{
    Bridge as BridgeLink, Cidr, Endpoint, HostFacts, IfName, InterfaceSysctl, MacAddress, Network,
    NetworkPolicy, Object, Resource, Subnet, Veth, VethPeer,
};

use crate::{Announcements, Driver, DriverError};

mod options;
mod reach;
#[cfg(test)]
mod tests;

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
        let bridge = BridgeLink {
            name: options.bridge.clone(),
            mac: bridge_mac(network),
            mtu: options.link_mtu(network, facts),
        };
        let objects = [
            forwarding(network),
            vec![Object::Bridge(bridge)],
            bridge_sysctls(network, &options, facts),
            bridge_addresses(network, &options),
        ];
        Ok(objects.into_iter().flatten().map(Resource::host).collect())
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
            mtu: options.link_mtu(network, facts),
            bridge: options.bridge,
            isolated: !options.icc,
            hairpin: facts.bridges_filter,
            peer: VethPeer {
                sandbox: endpoint.sandbox,
                name: endpoint.ifname.clone(),
                mac: endpoint.mac,
            },
        });
        let ifname = &endpoint.ifname;
        let own = endpoint.addresses.iter().copied();
        let addresses = own.chain(endpoint.settings.link_local_cidrs());
        let addresses = addresses.map(|cidr| address(ifname, cidr));
        let asked = InterfaceSysctl::of(&endpoint.settings)?;
        let inside = endpoint_sysctls(endpoint, facts)
            .into_iter()
            .chain(addresses)
            .chain(asked.iter().map(|sysctl| sysctl.on(ifname)))
            .chain(once(Object::Up(endpoint.ifname.clone())))
            .map(|object| Resource::sandbox(endpoint.sandbox, object));
        Ok(once(Resource::host(veth)).chain(inside).collect())
    }

    fn announcements(&self, network: &Network) -> Result<Announcements, DriverError> {
        Options::of(network).map(|options| options.announcements)
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
        Ok(Some(reach.policy(network, bridge, icc)))
    }

    fn host_interface(&self, network: &Network) -> Result<Option<IfName>, DriverError> {
        Options::of(network).map(|options| Some(options.bridge))
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

/// Fixed for the life of the network, so that neighbours' caches stay true when `netd` makes its bridge again.
fn bridge_mac(network: &Network) -> MacAddress {
    let [a, b, c, d, ..] = network.id.bytes();
    MacAddress::local([0x02, 0x42, a, b, c, d])
}

fn host_end(endpoint: &Endpoint) -> IfName {
    let id = endpoint.id.to_string();
    format!("veth{}", &id[..11])
        .parse()
        .expect("veth and 11 hex digits are a valid name")
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

fn bridge_sysctls(network: &Network, options: &Options, facts: &HostFacts) -> Vec<Object> {
    let bridge = &options.bridge;
    let mut sysctls = Vec::new();
    if network.enable_ipv4 && !network.internal {
        // Ports published on 127.0.0.1 are translated, so packets to the bridge have a loopback source.
        sysctls.push(sysctl(
            format!("net/ipv4/conf/{bridge}/route_localnet"),
            "1",
        ));
    }
    // without IPv6 a bridge has no link-local address either, and still passes its frames
    let ipv6 = network.enable_ipv6 && !options.reach.is_isolated(false);
    sysctls.extend(ipv6_sysctls(bridge, ipv6, facts));
    sysctls
}

fn endpoint_sysctls(endpoint: &Endpoint, facts: &HostFacts) -> Vec<Object> {
    let own = endpoint.addresses.iter().copied();
    let mut addresses = own.chain(endpoint.settings.link_local_cidrs());
    ipv6_sysctls(&endpoint.ifname, addresses.any(|it| it.is_ipv6()), facts)
}

/// IPv6 is off where it was not asked for; where it is on, nobody on the link may change the link's routes.
fn ipv6_sysctls(link: &IfName, enable: bool, facts: &HostFacts) -> Vec<Object> {
    let on = |key, value| sysctl(format!("net/ipv6/conf/{link}/{key}"), value);
    match (facts.ipv6, enable) {
        (false, _) => Vec::new(),
        (true, false) => vec![on("disable_ipv6", "1")],
        (true, true) => vec![on("disable_ipv6", "0"), on("accept_ra", "0")],
    }
}

fn bridge_addresses(network: &Network, options: &Options) -> Vec<Object> {
    let reachable = |v4| !options.reach.is_isolated(v4);
    let gateways = network
        .subnets
        .iter()
        .filter(|subnet| reachable(subnet.subnet.is_ipv4()))
        .filter_map(|subnet| Cidr::new(subnet.gateway?, subnet.subnet.prefix()).ok());
    gateways
        .chain((network.enable_ipv6 && reachable(false)).then(link_local))
        .map(|cidr| address(&options.bridge, cidr))
        .collect()
}

/// The same on every bridge, as in libnetwork: a router's address that needs no configuration.
fn link_local() -> Cidr {
    let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    Cidr::new(router.into(), 64).expect("64 is within an IPv6 address")
}

fn address(link: &IfName, cidr: Cidr) -> Object {
    Object::Address {
        link: link.clone(),
        cidr,
    }
}

fn sysctl(key: String, value: &str) -> Object {
    Object::Sysctl {
        key,
        value: value.to_owned(),
    }
}
