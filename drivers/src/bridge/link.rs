//! The bridge that has the host's addresses: one of rnet's, or one that somebody else made.

use std::iter::once;
use std::net::Ipv6Addr;

use rnet_model::{
    Adopted, Bridge, Cidr, ForeignBridge, HostFacts, IfName, MacAddress, Mtu, Network, Object,
};

use super::address;
use super::options::Options;
use crate::inside::{ipv6_sysctls, sysctl};

/// A bridge of rnet's, with all that makes it the network's.
pub(super) fn own(network: &Network, options: &Options, facts: &HostFacts) -> Vec<Object> {
    let bridge = Bridge {
        name: options.bridge.clone(),
        mac: bridge_mac(network),
        mtu: options.link_mtu(network, facts),
    };
    let addresses = bridge_addresses(network, options);
    let addresses = addresses.map(|cidr| address(&options.bridge, cidr));
    once(Object::Bridge(bridge))
        .chain(loopback_sysctl(network, &options.bridge))
        .chain(ipv6_sysctls(
            &options.bridge,
            has_ipv6(network, options),
            facts,
        ))
        .chain(addresses)
        .collect()
}

/// A bridge of somebody else: it gets the addresses it lacks, and IPv6 where the network has it.
pub(super) fn adopted(
    network: &Network,
    options: &Options,
    foreign: &ForeignBridge,
) -> Vec<Object> {
    let lacks = |cidr: &Cidr| !foreign.addresses.contains(cidr);
    let bridge = Adopted {
        name: options.bridge.clone(),
        mtu: options.mtu.unwrap_or(foreign.mtu),
        addresses: bridge_addresses(network, options).filter(lacks).collect(),
    };
    let ipv6 = format!("net/ipv6/conf/{}/disable_ipv6", bridge.name);
    let ipv6 = has_ipv6(network, options).then(|| sysctl(ipv6, "0"));
    let loopback = loopback_sysctl(network, &bridge.name);
    ipv6.into_iter()
        .chain(once(Object::Adopted(bridge)))
        .chain(loopback)
        .collect()
}

/// The bridge with the host's addresses that the network has on record.
pub(super) fn main_bridge(network: &Network) -> Option<&IfName> {
    network.resources.iter().find_map(|it| match &it.object {
        Object::Bridge(bridge) => Some(&bridge.name),
        Object::Adopted(bridge) => Some(&bridge.name),
        _ => None,
    })
}

/// Whether the network's bridge is somebody else's.
pub(super) fn is_adopted(network: &Network) -> bool {
    let mut resources = network.resources.iter();
    resources.any(|it| matches!(it.object, Object::Adopted(_)))
}

/// The MTU of the bridge on record, which its ports share.
pub(super) fn port_mtu(network: &Network, options: &Options, facts: &HostFacts) -> Option<Mtu> {
    let recorded = network.resources.iter().find_map(|it| match &it.object {
        Object::Bridge(bridge) => Some(bridge.mtu),
        Object::Adopted(bridge) => Some(Some(bridge.mtu)),
        _ => None,
    });
    recorded.unwrap_or_else(|| options.link_mtu(network, facts))
}

/// The addresses of the host on the bridge, each once.
fn bridge_addresses<'a>(
    network: &'a Network,
    options: &'a Options,
) -> impl Iterator<Item = Cidr> + 'a {
    let inhibited = |cidr: &Cidr| {
        let v4 = cidr.is_ipv4();
        options.reach.is_isolated(v4) || options.inhibit_ipv4 && v4
    };
    let gateways = network
        .subnets
        .iter()
        .filter_map(|subnet| Cidr::new(subnet.gateway?, subnet.subnet.prefix()).ok());
    let distinct = gateways.filter(|cidr| *cidr != link_local());
    distinct
        .chain(network.enable_ipv6.then(link_local))
        .filter(move |cidr| !inhibited(cidr))
}

/// The same on every bridge, as in libnetwork: a router's address that needs no configuration.
pub(super) fn link_local() -> Cidr {
    let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    Cidr::new(router.into(), 64).expect("64 is within an IPv6 address")
}

/// Fixed for the life of the network, so that neighbours' caches stay true when `netd` makes its bridge again.
fn bridge_mac(network: &Network) -> MacAddress {
    let [a, b, c, d, ..] = network.id.bytes();
    MacAddress::local([0x02, 0x42, a, b, c, d])
}

/// Without IPv6 a bridge has no link-local address either, and still passes its frames.
fn has_ipv6(network: &Network, options: &Options) -> bool {
    network.enable_ipv6 && !options.reach.is_isolated(false)
}

/// Ports published on 127.0.0.1 are translated, so packets to the bridge have a loopback source.
fn loopback_sysctl(network: &Network, bridge: &IfName) -> Option<Object> {
    let key = format!("net/ipv4/conf/{bridge}/route_localnet");
    (network.enable_ipv4 && !network.internal).then(|| sysctl(key, "1"))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::Driver;
    use crate::bridge::tests::{HOST, V4, V6, network, text};

    const NAME: (&str, &str) = ("com.docker.network.bridge.name", "lan0");

    fn answer(network: &Network, addresses: &[&str]) -> String {
        let foreign = ForeignBridge {
            addresses: addresses.iter().map(|cidr| cidr.parse().unwrap()).collect(),
            mtu: 9000.try_into().unwrap(),
        };
        let facts = HostFacts {
            bridge: Some(foreign),
            ..HOST
        };
        text(crate::bridge::Bridge.network_resources(network, &facts))
    }

    #[test]
    fn a_bridge_of_others_is_used_as_it_is() {
        let golden = "\
sysctl net/ipv4/ip_forward=1
link show lan0 type bridge
sysctl net/ipv4/conf/lan0/route_localnet=1
";
        assert_eq!(answer(&network(&[NAME], &[V4]), &["172.25.0.1/16"]), golden);
    }

    #[test]
    fn an_adopted_bridge_gets_the_addresses_it_lacks_and_no_others() {
        let golden = "\
sysctl net/ipv4/ip_forward=1
sysctl net/ipv6/conf/all/forwarding=1
sysctl net/ipv6/conf/lan0/disable_ipv6=0
link show lan0 type bridge && address add fd00:25::1/64 dev lan0 && address add fe80::1/64 dev lan0
sysctl net/ipv4/conf/lan0/route_localnet=1
";
        let network = network(&[NAME], &[V4, V6]);
        assert_eq!(answer(&network, &["172.25.0.1/16", "10.9.0.1/24"]), golden);
    }

    #[test]
    fn the_ports_of_a_bridge_are_as_large_as_it_was_recorded() {
        let mut network = network(&[NAME], &[V4]);
        let options = Options::of(&network).unwrap();
        assert_eq!(port_mtu(&network, &options, &HOST), None);
        let adopted = Adopted {
            name: "lan0".parse().unwrap(),
            mtu: 9000.try_into().unwrap(),
            addresses: Vec::new(),
        };
        let resource = rnet_model::Resource::host(Object::Adopted(adopted));
        network.resources.push(resource);
        assert_eq!(
            port_mtu(&network, &options, &HOST).map(u32::from),
            Some(9000)
        );
        assert_eq!(main_bridge(&network), "lan0".parse().ok().as_ref());
    }

    #[test]
    fn a_gateway_that_is_another_machine_is_no_address_of_the_bridge() {
        let inhibit = ("com.docker.network.bridge.inhibit_ipv4", "true");
        let network = network(&[inhibit], &[V4, V6]);
        let made = text(crate::bridge::Bridge.network_resources(&network, &HOST));
        assert!(
            !made.contains("172.25.0.1") && made.contains("fd00:25::1/64"),
            "{made}"
        );
        let gateways = crate::bridge::Bridge.gateways(&network);
        assert!(gateways.contains(&"172.25.0.1".parse::<IpAddr>().unwrap()));
    }

    #[test]
    fn subnets_that_no_bridge_can_have_are_refused() {
        let refusal = |subnet: &str, gateway: &str| {
            let network = network(&[], &[(subnet, gateway)]);
            let refused = crate::bridge::Bridge.network_resources(&network, &HOST);
            refused.map_err(|error| error.to_string())
        };
        let multicast = refusal("ff05::/64", "ff05::1").unwrap_err();
        assert!(multicast.contains("multicast subnet ff05::/64 is not allowed"));
        for clash in ["fe80::/10", "fe80::/80"] {
            let clash = refusal(clash, "fe80::1").unwrap_err();
            assert!(clash.contains("link-local prefix fe80::/64"), "{clash}");
        }
        assert!(refusal("fe80::/64", "fe80::1").is_ok());
        assert!(refusal("fe80:1::/64", "fe80:1::1").is_ok());
    }
}
