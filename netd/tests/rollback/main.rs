//! Rollback, disconnect and crash recovery over a fake machine: a failure at each call, a death at each call.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod alter;
mod machine;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use machine::Machine;
use netd::daemon::{Daemon, EndpointRequest, NetworkRequest};
use rnet_ipam::SubnetRequest;
use rnet_model::{
    ContainerId, DnsConfig, EndpointSettings, FirewallPolicy, NetworkId, PortRange, Protocol,
    PublishedPorts, Resource, Sandbox, SandboxId,
};
use tempfile::TempDir;

const SANDBOX: SandboxId = SandboxId::from_bytes([5; 32]);

/// A daemon with two networks, over a machine that can fail or die.
struct Stage {
    machine: Arc<Machine>,
    directory: TempDir,
    daemon: Arc<Daemon>,
    networks: [NetworkId; 2],
    before: Seen,
}

/// All that may not differ after something was undone.
#[derive(PartialEq, Debug)]
struct Seen {
    kernel: Vec<Resource>,
    policy: Option<FirewallPolicy>,
    endpoints: usize,
    sandboxes: usize,
}

impl Stage {
    fn new() -> Self {
        let machine = Arc::<Machine>::default();
        let directory = tempfile::tempdir().unwrap();
        let daemon = machine.daemon(directory.path());
        let networks = ["front", "back"].map(|name| {
            let subnets = vec![SubnetRequest::default()];
            let request = NetworkRequest {
                name: name.into(),
                subnets,
                ..Default::default()
            };
            daemon.create_network(request).unwrap()
        });
        let before = seen(&machine, &daemon);
        Self {
            machine,
            directory,
            daemon,
            networks,
            before,
        }
    }

    fn attach(&self) -> netd::error::Result<()> {
        let sandbox = Sandbox {
            id: SANDBOX,
            container: ContainerId::from_bytes([6; 32]),
            guest: None,
            dns: DnsConfig::default(),
            ports: vec![PublishedPorts {
                protocol: Protocol::Udp,
                host_address: "0.0.0.0".parse().unwrap(),
                host_ports: PortRange::one(8080),
                container_ports: PortRange::one(80),
                from: BTreeSet::new(),
            }],
            resources: Vec::new(),
        };
        self.daemon
            .create_sandbox(sandbox, &self.networks.map(request))
    }

    /// The daemon is gone, at whatever it was doing; another takes over.
    fn restart(&mut self) {
        self.daemon = self.machine.daemon(self.directory.path());
    }

    #[track_caller]
    fn assert_as_before(&self, what: &str) {
        assert_eq!(seen(&self.machine, &self.daemon), self.before, "{what}");
    }
}

fn request(network: NetworkId) -> EndpointRequest {
    let settings = EndpointSettings {
        driver_options: limits("1m"),
        ..Default::default()
    };
    EndpointRequest {
        network,
        settings,
        names: vec!["c1".into()],
        before: Vec::new(),
    }
}

/// Endpoint options that limit what a container receives and sends.
fn limits(rate: &str) -> BTreeMap<String, String> {
    ["rnet.ingress_rate", "rnet.egress_rate"]
        .map(|option| (option.to_owned(), rate.to_owned()))
        .into()
}

fn seen(machine: &Machine, daemon: &Daemon) -> Seen {
    daemon.read(|state| Seen {
        kernel: machine.kernel.resources(),
        policy: machine.kernel.policy(),
        endpoints: state.endpoints().count(),
        sandboxes: state.sandboxes().count(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attach_failing_at_any_call_leaves_only_the_networks() {
    let stage = Stage::new();
    let mut failures = 0;
    for call in 1.. {
        stage.machine.kernel.fail_at(call);
        let attached = stage.attach();
        stage.machine.kernel.fail_at(0);
        if attached.is_ok() {
            break;
        }
        failures += 1;
        stage.assert_as_before(&format!("failed at call {call}"));
    }
    assert!(failures > 10, "only {failures} calls can fail");
    stage.daemon.delete_sandbox(SANDBOX);
    stage.assert_as_before("detached");
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_of_datagrams_are_forgotten_when_their_port_comes_and_when_it_goes() {
    let stage = Stage::new();
    let forgotten = || stage.machine.kernel.forgotten().len();
    stage.attach().unwrap();
    assert_eq!(forgotten(), 1, "it came");
    stage.daemon.delete_sandbox(SANDBOX);
    assert_eq!(forgotten(), 2, "it went");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_dying_at_any_call_of_an_attach_leaves_only_the_networks_to_its_successor() {
    let mut stage = Stage::new();
    let mut deaths = 0;
    for call in 1.. {
        stage.machine.fuse.burn_at(call);
        let attached = stage.attach();
        let died = stage.machine.fuse.used() >= call;
        assert_eq!(attached.is_ok(), !died, "{call}: {attached:?}");
        stage.restart();
        stage.assert_as_before(&format!("died at call {call}"));
        if !died {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 12, "only {deaths} calls can be the last");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_dying_at_any_call_of_a_detach_leaves_only_the_networks_to_its_successor() {
    let mut stage = Stage::new();
    for call in 1.. {
        stage.attach().unwrap();
        stage.machine.fuse.burn_at(call);
        stage.daemon.delete_sandbox(SANDBOX);
        let died = stage.machine.fuse.used() >= call;
        stage.restart();
        stage.assert_as_before(&format!("died at call {call}"));
        if !died {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_failing_at_any_call_leaves_nothing_of_itself() {
    let stage = Stage::new();
    for call in 1.. {
        stage.machine.kernel.fail_at(call);
        let request = NetworkRequest {
            name: "third".into(),
            ..Default::default()
        };
        let created = stage.daemon.create_network(request);
        stage.machine.kernel.fail_at(0);
        if created.is_ok() {
            break;
        }
        stage.assert_as_before(&format!("failed at call {call}"));
        assert!(stage.daemon.find_network("third").is_err());
    }
    stage.daemon.delete_network("third").unwrap();
    stage.assert_as_before("deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_route_moves_to_the_endpoint_that_remains() {
    let stage = Stage::new();
    stage.attach().unwrap();
    let route = || {
        let existing = stage.machine.kernel.resources();
        let routes = existing
            .iter()
            .map(ToString::to_string)
            .filter(|it| it.contains("0.0.0.0/0"));
        routes.collect::<Vec<_>>()
    };
    assert!(
        route()[0].ends_with("dev eth1"),
        "{:?}: back is first by name",
        route()
    );
    stage.daemon.delete_sandbox(SANDBOX);
    assert_eq!(route(), Vec::<String>::new());
}
