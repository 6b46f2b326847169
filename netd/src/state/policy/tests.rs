//! The policy that follows each step, beside one made anew.

use std::net::IpAddr;

use proptest::prelude::*;
use rnet_model::{
    Cidr, DnsConfig, Endpoint, EndpointId, EndpointSettings, FirewallPolicy, Network, NetworkId,
    Phase, PortRange, Protocol, PublishedPorts, Sandbox, SandboxId, Subnet,
};

use crate::project::Share;
use crate::state::{Change, State};

const OPTIONS: [&[(&str, &str)]; 5] = [
    &[],
    &[("com.docker.network.bridge.gateway_mode_ipv4", "routed")],
    &[("com.docker.network.bridge.gateway_mode_ipv6", "routed")],
    &[(
        "com.docker.network.bridge.trusted_host_interfaces",
        "eth7:eth8",
    )],
    &[("com.docker.network.bridge.enable_icc", "false")],
];

fn network(number: u8, options: usize, internal: bool, name: u8) -> Network {
    let subnet = |subnet: String, gateway: String| Subnet {
        subnet: subnet.parse().unwrap(),
        ip_range: None,
        gateway: gateway.parse().ok(),
        auxiliary_addresses: Default::default(),
    };
    let options = OPTIONS[options].iter();
    Network {
        id: NetworkId::from_bytes([number; 32]),
        // the name decides which network of several leads out
        name: format!("{name}-{number}"),
        created: Default::default(),
        driver: "bridge".into(),
        subnets: vec![
            subnet(format!("10.{number}.0.0/16"), format!("10.{number}.0.1")),
            subnet(format!("fd00:{number}::/64"), format!("fd00:{number}::1")),
        ],
        enable_ipv4: true,
        enable_ipv6: true,
        internal,
        attachable: false,
        config_only: false,
        config_from: None,
        options: options
            .map(|&(label, value)| (label.into(), value.into()))
            .collect(),
        ipam_driver: None,
        unsettled: false,
        ipam_options: Default::default(),
        labels: Default::default(),
        resources: vec![],
    }
}

fn sandbox(number: u8, ports: u16) -> Sandbox {
    let port = |index| {
        let v4 = index % 2 == 0;
        let (any, client) = match v4 {
            true => ("0.0.0.0", "192.0.2.0/24"),
            false => ("::", "2001:db8::/32"),
        };
        let from: Option<Cidr> = (index == 2).then(|| client.parse().unwrap());
        PublishedPorts {
            protocol: Protocol::Tcp,
            host_address: any.parse().unwrap(),
            // ports from 0 on are none of the host's
            host_ports: PortRange::one(if index == 4 {
                0
            } else {
                u16::from(number) * 100 + index
            }),
            container_ports: PortRange::one(80 + index / 2),
            from: from.into_iter().collect(),
        }
    };
    Sandbox {
        id: SandboxId::from_bytes([number; 32]),
        container: rnet_model::ContainerId::from_bytes([number; 32]),
        guest: None,
        dns: DnsConfig::default(),
        ports: (0..ports).map(port).collect(),
        resources: vec![],
    }
}

fn endpoint(sandbox: u8, network: u8, phase: Phase, gw_priority: i64) -> Endpoint {
    let address = |text: String, prefix| Cidr::new(text.parse::<IpAddr>().unwrap(), prefix);
    Endpoint {
        id: endpoint_id(sandbox, network),
        network: NetworkId::from_bytes([network; 32]),
        sandbox: SandboxId::from_bytes([sandbox; 32]),
        phase,
        ifname: format!("eth{network}").parse().unwrap(),
        mac: "02:00:00:00:00:01".parse().unwrap(),
        addresses: vec![
            address(format!("10.{network}.0.{}", sandbox + 2), 16).unwrap(),
            address(format!("fd00:{network}::{}", sandbox + 2), 64).unwrap(),
        ],
        shard: 0,
        joined: None,
        names: vec![],
        settings: EndpointSettings {
            gw_priority,
            ..EndpointSettings::default()
        },
        resources: vec![],
    }
}

fn endpoint_id(sandbox: u8, network: u8) -> EndpointId {
    let mut id = [network; 32];
    id[0] = sandbox;
    EndpointId::from_bytes(id)
}

fn change() -> impl Strategy<Value = Change> {
    let (networks, sandboxes) = (0..3_u8, 0..4_u8);
    let phases = prop::sample::select(vec![Phase::Attaching, Phase::Attached, Phase::Detaching]);
    let put_network = (networks.clone(), 0..OPTIONS.len(), any::<bool>(), 0..2_u8);
    let put_sandbox = (sandboxes.clone(), 0..6_u16);
    let put_endpoint = (sandboxes.clone(), networks.clone(), phases, 0..2_i64);
    prop_oneof![
        3 => put_network.prop_map(|(id, options, internal, name)| {
            Change::PutNetwork(network(id, options, internal, name))
        }),
        1 => networks.clone().prop_map(|id| Change::DropNetwork(NetworkId::from_bytes([id; 32]))),
        3 => put_sandbox.prop_map(|(id, ports)| Change::PutSandbox(sandbox(id, ports))),
        1 => sandboxes.clone().prop_map(|id| Change::DropSandbox(SandboxId::from_bytes([id; 32]))),
        6 => put_endpoint.prop_map(|(sandbox, network, phase, priority)| {
            Change::PutEndpoint(endpoint(sandbox, network, phase, priority))
        }),
        1 => (sandboxes, networks).prop_map(|(sandbox, network)| {
            Change::DropEndpoint(endpoint_id(sandbox, network))
        }),
    ]
}

fn made_anew(state: &State) -> FirewallPolicy {
    let mut policy = FirewallPolicy {
        networks: state.network_policies().values().cloned().collect(),
        ..FirewallPolicy::default()
    };
    for sandbox in state.sandboxes() {
        let share = Share::of(state, sandbox.id);
        policy.published.extend(share.published);
        policy.opened.extend(share.opened);
    }
    policy
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_policy_that_follows_each_step_is_the_one_that_is_made_anew(
        changes in prop::collection::vec(change(), 1..60),
    ) {
        let mut state = State::default();
        for change in changes {
            state.apply(change);
            prop_assert_eq!(state.policy(), &made_anew(&state));
        }
    }
}

#[test]
fn a_step_that_has_nothing_to_do_with_ports_leaves_the_policy_as_it_is() {
    let mut state = State::default();
    state.apply(Change::PutNetwork(network(1, 0, false, 0)));
    state.apply(Change::PutSandbox(sandbox(1, 6)));
    state.apply(Change::PutEndpoint(endpoint(1, 1, Phase::Attaching, 0)));
    let before = state.policy().clone();
    assert_eq!(before.published.len(), 5);
    state.apply(Change::PutEndpoint(endpoint(1, 1, Phase::Attached, 0)));
    state.apply(Change::PutSandbox(sandbox(2, 0)));
    assert!(state.policy().published.ptr_eq(&before.published));
}
