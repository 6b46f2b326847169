//! What plugins are told of networks and endpoints, and what becomes of the links they name.

use std::collections::BTreeMap;

use rnet_model::{EndpointId, EndpointSettings, NetworkId, Phase, SandboxId};

use super::*;

fn network() -> Network {
    Network {
        id: NetworkId::from_bytes([1; 32]),
        name: "n".to_owned(),
        created: Default::default(),
        driver: "vx".to_owned(),
        subnets: Vec::new(),
        enable_ipv4: true,
        enable_ipv6: true,
        internal: false,
        attachable: false,
        config_only: false,
        config_from: None,
        options: BTreeMap::new(),
        ipam_driver: None,
        unsettled: false,
        ipam_options: BTreeMap::new(),
        labels: BTreeMap::new(),
        resources: Vec::new(),
    }
}

fn endpoint(joined: Option<Joined>) -> Endpoint {
    Endpoint {
        id: EndpointId::from_bytes([2; 32]),
        network: NetworkId::from_bytes([1; 32]),
        sandbox: SandboxId::from_bytes([3; 32]),
        phase: Phase::Attaching,
        ifname: "eth0".parse().unwrap(),
        mac: "02:00:00:00:00:01".parse().unwrap(),
        addresses: vec![
            "10.0.0.2/24".parse().unwrap(),
            "fd00::2/64".parse().unwrap(),
        ],
        shard: 0,
        names: Vec::new(),
        settings: EndpointSettings::default(),
        joined,
        resources: Vec::new(),
    }
}

fn resources(joined: Option<Joined>) -> String {
    let facts = HostFacts {
        ipv6: true,
        ..HostFacts::default()
    };
    let resources = Remote
        .endpoint_resources(&network(), &endpoint(joined), &facts)
        .unwrap();
    let lines: Vec<_> = resources.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn what_a_plugin_is_told_is_on_record_before_it_has_answered() {
    assert_eq!(
        resources(None),
        "plugin vx: endpoint 020202020202\n\
         plugin vx: endpoint 020202020202 in its sandbox"
    );
}

#[test]
fn a_plugin_leaves_before_it_gets_its_link_back_and_deletes_its_endpoint_after() {
    let joined = Joined {
        link: "veth7".parse().ok(),
        mac: "02:00:00:00:00:07".parse().ok(),
        gateways: vec!["10.0.0.1".parse().unwrap()],
        routes: vec![
            ("10.9.0.0/16".parse().unwrap(), "10.0.0.9".parse().ok()),
            ("fd09::/64".parse().unwrap(), None),
        ],
    };
    assert_eq!(
        resources(Some(joined)),
        "plugin vx: endpoint 020202020202\n\
         link set veth7 netns 030303030303 name eth0 address 02:00:00:00:00:07\n\
         -n 030303030303 sysctl net/ipv6/conf/eth0/disable_ipv6=0\n\
         -n 030303030303 sysctl net/ipv6/conf/eth0/accept_ra=0\n\
         -n 030303030303 address add 10.0.0.2/24 dev eth0\n\
         -n 030303030303 address add fd00::2/64 dev eth0\n\
         -n 030303030303 link set eth0 up\n\
         -n 030303030303 route replace 10.9.0.0/16 via 10.0.0.9 dev eth0\n\
         -n 030303030303 route replace fd09::/64 dev eth0\n\
         plugin vx: endpoint 020202020202 in its sandbox"
    );
}

#[test]
fn an_endpoint_may_have_no_link_at_all() {
    let joined = Joined {
        link: None,
        mac: None,
        gateways: Vec::new(),
        routes: Vec::new(),
    };
    assert_eq!(resources(Some(joined)), resources(None));
}
