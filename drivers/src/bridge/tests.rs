//! The bridge driver's answers, as text.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rnet_model::{
    Endpoint, EndpointId, EndpointSettings, HostFacts, Mtu, Network, NetworkId, Phase, Resource,
    SandboxId, SourceNat, Subnet,
};

use super::Bridge;
use crate::{Driver, DriverError};

pub(super) const HOST: HostFacts = HostFacts {
    egress_mtu: None,
    ipv6: true,
    bridges_filter: false,
    bridge: None,
};

pub(super) fn network(options: &[(&str, &str)], subnets: &[(&str, &str)]) -> Network {
    let subnets: Vec<Subnet> = subnets
        .iter()
        .map(|(subnet, gateway)| Subnet {
            subnet: subnet.parse().unwrap(),
            ip_range: None,
            gateway: Some(gateway.parse().unwrap()),
            auxiliary_addresses: BTreeMap::new(),
        })
        .collect();
    let has = |v4| subnets.iter().any(|s| s.subnet.is_ipv4() == v4);
    Network {
        id: NetworkId::from_bytes([0xab; 32]),
        name: "my-bridge".to_owned(),
        created: Default::default(),
        driver: "bridge".to_owned(),
        enable_ipv4: has(true),
        enable_ipv6: has(false),
        subnets,
        internal: false,
        attachable: false,
        config_only: false,
        config_from: None,
        options: pairs(options),
        ipam_driver: None,
        unsettled: false,
        ipam_options: BTreeMap::new(),
        labels: BTreeMap::new(),
        resources: Vec::new(),
    }
}

pub(super) const V4: (&str, &str) = ("172.25.0.0/16", "172.25.0.1");
pub(super) const V6: (&str, &str) = ("fd00:25::/64", "fd00:25::1");

fn endpoint(addresses: &[&str]) -> Endpoint {
    Endpoint {
        id: EndpointId::from_bytes([0xcd; 32]),
        network: NetworkId::from_bytes([0xab; 32]),
        sandbox: SandboxId::from_bytes([0xef; 32]),
        phase: Phase::Attaching,
        ifname: "intf0".parse().unwrap(),
        mac: "02:42:ac:19:64:02".parse().unwrap(),
        addresses: addresses.iter().map(|cidr| cidr.parse().unwrap()).collect(),
        shard: 0,
        joined: None,
        names: Vec::new(),
        settings: EndpointSettings::default(),
        resources: Vec::new(),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

pub(super) fn text(resources: Result<Vec<Resource>, DriverError>) -> String {
    resources
        .unwrap()
        .iter()
        .map(|resource| format!("{resource}\n"))
        .collect()
}

#[test]
fn a_network_is_a_bridge_with_the_gateway_address() {
    let golden = "\
sysctl net/ipv4/ip_forward=1
link add br-abababababab up address 02:42:ab:ab:ab:ab type bridge
sysctl net/ipv4/conf/br-abababababab/route_localnet=1
sysctl net/ipv6/conf/br-abababababab/disable_ipv6=1
address add 172.25.0.1/16 dev br-abababababab
";
    assert_eq!(
        text(Bridge.network_resources(&network(&[], &[V4]), &HOST)),
        golden
    );
}

#[test]
fn a_network_of_both_families_routes_both_and_takes_no_advertised_routes() {
    let golden = "\
sysctl net/ipv4/ip_forward=1
sysctl net/ipv6/conf/all/forwarding=1
link add rnet0 up address 02:42:ab:ab:ab:ab mtu 9000 type bridge
sysctl net/ipv4/conf/rnet0/route_localnet=1
sysctl net/ipv6/conf/rnet0/disable_ipv6=0
sysctl net/ipv6/conf/rnet0/accept_ra=0
address add 172.25.0.1/16 dev rnet0
address add fd00:25::1/64 dev rnet0
address add fe80::1/64 dev rnet0
";
    let options = [
        ("com.docker.network.bridge.name", "rnet0"),
        ("com.docker.network.driver.mtu", "9000"),
    ];
    assert_eq!(
        text(Bridge.network_resources(&network(&options, &[V4, V6]), &HOST)),
        golden
    );
}

#[test]
fn an_internal_network_makes_no_router_of_the_host_and_leads_nowhere() {
    let golden = "\
link add br-abababababab up address 02:42:ab:ab:ab:ab type bridge
sysctl net/ipv6/conf/br-abababababab/disable_ipv6=1
address add 172.25.0.1/16 dev br-abababababab
";
    let internal = Network {
        internal: true,
        ..network(&[], &[V4])
    };
    assert_eq!(text(Bridge.network_resources(&internal, &HOST)), golden);
    assert_eq!(Bridge.gateways(&internal), [] as [IpAddr; 0]);
    let policy = Bridge.firewall(&internal).unwrap().unwrap();
    assert!(policy.internal && policy.ipv4.source == SourceNat::Keep);
}

#[test]
fn an_endpoint_is_a_veth_with_its_addresses_and_no_route() {
    let golden = "\
link add vethcdcdcdcdcdc up master br-abababababab type veth peer intf0 address 02:42:ac:19:64:02 netns efefefefefef
-n efefefefefef sysctl net/ipv6/conf/intf0/disable_ipv6=1
-n efefefefefef address add 172.25.100.2/16 dev intf0
-n efefefefefef link set intf0 up
";
    let endpoint = endpoint(&["172.25.100.2/16"]);
    assert_eq!(
        text(Bridge.endpoint_resources(&network(&[], &[V4]), &endpoint, &HOST)),
        golden
    );
}

#[test]
fn an_endpoint_has_the_variables_and_link_local_addresses_asked_for_before_it_is_up() {
    let mut endpoint = endpoint(&["172.25.100.2/16"]);
    endpoint.settings.link_local = vec![ip("169.254.7.7"), ip("fe80::77")];
    let label = rnet_model::ENDPOINT_SYSCTLS.to_owned();
    let list = "net.ipv4.conf.IFNAME.log_martians=1".to_owned();
    endpoint.settings.driver_options.insert(label, list);
    let resources = text(Bridge.endpoint_resources(&network(&[], &[V4]), &endpoint, &HOST));
    let inside: Vec<_> = resources.lines().skip(1).collect();
    let expected = [
        "sysctl net/ipv6/conf/intf0/disable_ipv6=0",
        "sysctl net/ipv6/conf/intf0/accept_ra=0",
        "address add 172.25.100.2/16 dev intf0",
        "address add 169.254.7.7/16 dev intf0",
        "address add fe80::77/64 dev intf0",
        "sysctl net/ipv4/conf/intf0/log_martians=1",
        "link set intf0 up",
    ];
    let sandbox = endpoint.sandbox.short();
    assert_eq!(inside, expected.map(|it| format!("-n {sandbox} {it}")));
}

#[test]
fn endpoints_that_may_not_talk_are_isolated_ports() {
    let golden = "\
link add vethcdcdcdcdcdc up master br-abababababab mtu 1400 type veth peer intf0 address 02:42:ac:19:64:02 netns efefefefefef isolated on
-n efefefefefef sysctl net/ipv6/conf/intf0/disable_ipv6=0
-n efefefefefef sysctl net/ipv6/conf/intf0/accept_ra=0
-n efefefefefef address add 172.25.100.2/16 dev intf0
-n efefefefefef address add fd00:25::2/64 dev intf0
-n efefefefefef link set intf0 up
";
    let options = [
        ("com.docker.network.bridge.enable_icc", "false"),
        ("com.docker.network.driver.mtu", "1400"),
    ];
    let network = network(&options, &[V4, V6]);
    let endpoint = endpoint(&["172.25.100.2/16", "fd00:25::2/64"]);
    assert_eq!(
        text(Bridge.endpoint_resources(&network, &endpoint, &HOST)),
        golden
    );
    assert!(!Bridge.firewall(&network).unwrap().unwrap().icc);
}

#[test]
fn where_bridges_filter_a_container_may_be_reached_by_the_port_it_asks_by() {
    let host = HostFacts {
        bridges_filter: true,
        ..HOST
    };
    let veth = |facts: &HostFacts| {
        let network = network(&[], &[V4]);
        text(Bridge.endpoint_resources(&network, &endpoint(&["172.25.0.2/16"]), facts))
    };
    assert!(veth(&host).contains(" hairpin on\n"));
    assert!(!veth(&HOST).contains("hairpin"));
}

#[test]
fn a_host_without_ipv6_has_no_ipv6_sysctls_and_no_ipv6_networks() {
    let host = HostFacts {
        ipv6: false,
        ..HOST
    };
    let v4 = network(&[], &[V4]);
    let resources = [
        text(Bridge.network_resources(&v4, &host)),
        text(Bridge.endpoint_resources(&v4, &endpoint(&["172.25.0.2/16"]), &host)),
    ];
    assert!(!resources.concat().contains("ipv6"), "{resources:?}");
    assert_eq!(
        Bridge.network_resources(&network(&[], &[V6]), &host),
        Err(DriverError::HostWithoutIpv6 {
            network: "my-bridge".to_owned()
        })
    );
}

#[test]
fn links_carry_no_more_than_the_way_out_unless_told_to() {
    let mtu = |options: &[_], egress: u32, subnet| {
        let host = HostFacts {
            egress_mtu: Mtu::try_from(egress).ok(),
            ..HOST
        };
        let bridge = text(Bridge.network_resources(&network(options, &[subnet]), &host));
        let mtu = bridge.split(" mtu ").nth(1)?.split(' ').next()?;
        Some(mtu.to_owned())
    };
    let option = "com.docker.network.driver.mtu";
    assert_eq!(mtu(&[], 1420, V4).as_deref(), Some("1420"));
    assert_eq!(mtu(&[], 1500, V4), None);
    assert_eq!(mtu(&[], 9001, V4), None);
    assert_eq!(mtu(&[], 0, V4), None);
    assert_eq!(mtu(&[], 1000, V6).as_deref(), Some("1280"));
    assert_eq!(mtu(&[(option, "1500")], 1420, V4).as_deref(), Some("1500"));
    assert_eq!(mtu(&[(option, "0")], 1420, V4).as_deref(), Some("1420"));
}

#[test]
fn the_toggles_reach_the_firewall_and_the_names() {
    let options = [
        ("com.docker.network.bridge.enable_ip_masquerade", "0"),
        ("com.docker.network.bridge.host_binding_ipv4", "192.0.2.7"),
        ("com.docker.network.bridge.name", "shop"),
        ("com.docker.network.container_iface_prefix", "intf"),
    ];
    let network = network(&options, &[V4]);
    let policy = Bridge.firewall(&network).unwrap().unwrap();
    assert_eq!(policy.bridge.as_str(), "shop");
    assert!(policy.icc && policy.ipv4.source == SourceNat::Keep && !policy.internal);
    assert_eq!(Bridge.interface_prefix(&network), Ok("intf".to_owned()));
    assert_eq!(Bridge.host_interface(&network), Ok("shop".parse().ok()));
    assert_eq!(Bridge.host_binding(&network), Ok("192.0.2.7".parse().ok()));
}

#[test]
fn the_default_gateway_may_be_another_machine_than_the_bridge() {
    let mut network = network(&[], &[V4, V6]);
    assert_eq!(
        Bridge.gateways(&network),
        ["172.25.0.1", "fd00:25::1"].map(ip)
    );
    network.subnets[0].auxiliary_addresses =
        BTreeMap::from([("DefaultGatewayIPv4".to_owned(), ip("172.25.0.254"))]);
    assert_eq!(
        Bridge.gateways(&network),
        ["172.25.0.254", "fd00:25::1"].map(ip)
    );
    assert!(text(Bridge.network_resources(&network, &HOST)).contains("add 172.25.0.1/16"));
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn one_subnet_a_family_is_all_a_bridge_has() {
    let network = network(&[], &[V4, ("10.1.0.0/16", "10.1.0.1")]);
    assert_eq!(
        Bridge.network_resources(&network, &HOST),
        Err(DriverError::MultipleSubnets {
            network: "my-bridge".to_owned()
        })
    );
}

#[test]
fn an_endpoint_announces_itself_once_unless_neighbours_may_remember_another_or_its_network_says_how_often()
 {
    let count = |options: &[(&str, &str)], mixed| {
        let network = network(options, &[V4]);
        Bridge.announcements(&network, mixed).unwrap().count
    };
    assert_eq!([count(&[], false), count(&[], true)], [1, 3]);
    let twice = [("com.docker.network.advertise_addr_nmsgs", "2")];
    assert_eq!([count(&twice, false), count(&twice, true)], [2, 2]);
}
