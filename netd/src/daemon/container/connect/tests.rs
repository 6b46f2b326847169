//! Connecting a container that runs, over a store that can refuse what it is told of containers.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use rnet_kernel::fake::FakeKernel;
use rnet_model::{ContainerId, DnsConfig, Resource, Sandbox};
use tempfile::TempDir;

use super::*;
use crate::container::Run;
use crate::daemon::{Hands, NetworkRequest, Settings};
use crate::state::State;
use crate::store::{Store, StoreError};

const SANDBOX: SandboxId = SandboxId::from_bytes([5; 32]);

/// A store in memory that does not survive its daemon.
#[derive(Default)]
struct Moody {
    refuses_containers: AtomicBool,
}

impl Store for Moody {
    fn load(&self) -> Result<State, StoreError> {
        Ok(State::default())
    }

    fn commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        let of_container = changes
            .iter()
            .any(|it| matches!(it, Change::PutContainer(_)));
        if of_container && self.refuses_containers.load(Ordering::SeqCst) {
            return Err(StoreError::InUse {
                path: "moody".into(),
            });
        }
        Ok(())
    }
}

/// A daemon with the networks `one` and `two`, and a container `c1` that runs on the first.
struct Stage {
    machine: Arc<FakeKernel>,
    store: Arc<Moody>,
    daemon: Arc<Daemon>,
    _directory: TempDir,
}

impl Stage {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (machine, store) = (Arc::new(FakeKernel::new()), Arc::new(Moody::default()));
        let hands = Hands {
            kernel: machine.clone(),
            firewall: machine.clone(),
            host: machine.clone(),
        };
        let settings = Settings {
            state_dir: directory.path().join("state"),
            run_dir: directory.path().join("run"),
            pools: rnet_ipam::Pools::default(),
            default_bridge: Default::default(),
            default_network_options: Default::default(),
            default_log: Default::default(),
            plugins: Default::default(),
            cgroup_parent: "rnet-test".to_owned(),
            registries: Default::default(),
        };
        let tasks = tokio::runtime::Handle::current();
        let shim = "/nonexistent/rnet-shim".into();
        let daemon = Daemon::open(settings, hands, store.clone(), shim, tasks).unwrap();
        for name in ["one", "two"] {
            let request = NetworkRequest {
                name: name.to_owned(),
                ..Default::default()
            };
            daemon.create_network(request).unwrap();
        }
        let stage = Self {
            machine,
            store,
            daemon,
            _directory: directory,
        };
        stage.run_container();
        stage
    }

    fn run_container(&self) {
        let network = self.daemon.find_network("one").unwrap();
        let container = Container {
            id: ContainerId::from_bytes([6; 32]),
            name: "c1".to_owned(),
            created: Timestamp::UNIX_EPOCH,
            image_id: String::new(),
            config: bollard_stubs::models::ContainerConfig {
                hostname: Some("c1".to_owned()),
                ..Default::default()
            }
            .into(),
            host_config: bollard_stubs::models::HostConfig::default().into(),
            volumes: Default::default(),
            links: Vec::new(),
            network_mode: NetworkMode::Attached,
            networks: [(network.id, Box::default())].into(),
            addresses: Default::default(),
            restarts: Default::default(),
            run: Run::Running {
                sandbox: Some(SANDBOX),
                pid: 0,
                started: Timestamp::UNIX_EPOCH,
                paused: false,
            },
        };
        let sandbox = Sandbox {
            id: SANDBOX,
            container: container.id,
            guest: None,
            dns: DnsConfig::default(),
            ports: Vec::new(),
            resources: Vec::new(),
        };
        let request = endpoint_request(&container, &network, &EndpointSettings::default());
        self.daemon.put_container(container).unwrap();
        self.daemon.create_sandbox(sandbox, &[request]).unwrap();
    }

    fn connect(&self) -> Result<()> {
        self.daemon
            .connect("two", "c1", EndpointSettings::default())
    }

    /// What exists in the kernel, the networks of the container's record, and those it has endpoints on.
    fn seen(&self) -> (Vec<Resource>, usize, usize) {
        let recorded = self.daemon.find_container("c1").unwrap().networks.len();
        let attached = self
            .daemon
            .read(|state| state.endpoints_of(SANDBOX).count());
        (self.machine.resources(), recorded, attached)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_that_cannot_be_recorded_is_undone() {
    let stage = Stage::new();
    let before = stage.seen();
    stage.store.refuses_containers.store(true, Ordering::SeqCst);
    assert!(matches!(stage.connect(), Err(Error::Store(_))));
    assert_eq!(stage.seen(), before);
    stage
        .store
        .refuses_containers
        .store(false, Ordering::SeqCst);
    stage.connect().unwrap();
    assert_eq!((stage.seen().1, stage.seen().2), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_whose_files_cannot_be_written_is_undone() {
    let stage = Stage::new();
    let before = stage.seen();
    let container = stage.daemon.find_container("c1").unwrap().id;
    // a directory where the file should be
    let hosts = stage.daemon.container_file(container, "hosts");
    std::fs::create_dir_all(&hosts).unwrap();
    assert!(matches!(stage.connect(), Err(Error::File { .. })));
    assert_eq!(stage.seen(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_that_cannot_be_recorded_changes_nothing() {
    let stage = Stage::new();
    let before = stage.seen();
    stage.store.refuses_containers.store(true, Ordering::SeqCst);
    assert!(stage.daemon.disconnect("one", "c1", false).is_err());
    assert_eq!(stage.seen(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_whose_container_is_gone_leaves_by_force_only() {
    let stage = Stage::new();
    let container = stage.daemon.find_container("c1").unwrap();
    let gone = vec![Change::DropContainer(container.id)];
    stage
        .daemon
        .commit(&mut stage.daemon.state(), gone)
        .unwrap();
    let disconnect = |force| stage.daemon.disconnect("one", "c1", force);
    assert!(matches!(disconnect(false), Err(Error::NoSuchContainer(_))));
    disconnect(true).unwrap();
    assert_eq!(stage.daemon.read(|state| state.endpoints().count()), 0);
    assert!(
        disconnect(true)
            .unwrap_err()
            .to_string()
            .contains("is not connected to network one")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_takes_the_place_of_the_old_and_of_no_alias() {
    let stage = Stage::new();
    let settings = EndpointSettings {
        aliases: vec!["c1".to_owned(), "web".to_owned()],
        ..Default::default()
    };
    stage.daemon.connect("two", "c1", settings).unwrap();
    stage.daemon.rename_container("c1", "c2").unwrap();
    let names = stage.daemon.read(|state| {
        let endpoints = state.endpoints_of(SANDBOX).map(|it| it.names.clone());
        endpoints.collect::<Vec<_>>()
    });
    let id = ContainerId::from_bytes([6; 32]).short();
    assert_eq!(names[0], ["c2", &id, "c1"], "c1 is its host name");
    assert_eq!(names[1], ["c2", "c1", "web", &id]);
    let again = stage
        .daemon
        .rename_container("c2", "c2")
        .unwrap_err()
        .to_string();
    assert_eq!(
        again,
        "Renaming a container with the same name as its current name"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_automatic_interface_name_leaves_alone_one_that_is_asked_for_with_it() {
    let stage = Stage::new();
    stage.daemon.disconnect("one", "c1", false).unwrap();
    stage.daemon.delete_sandbox(SANDBOX);
    let container = stage.daemon.find_container("c1").unwrap();
    let named = EndpointSettings {
        driver_options: [(
            "com.docker.network.endpoint.ifname".to_owned(),
            "eth0".to_owned(),
        )]
        .into(),
        ..Default::default()
    };
    let requests =
        [("one", EndpointSettings::default()), ("two", named)].map(|(network, settings)| {
            let network = stage.daemon.find_network(network).unwrap();
            endpoint_request(&container, &network, &settings)
        });
    let sandbox = Sandbox {
        id: SANDBOX,
        container: container.id,
        guest: None,
        dns: DnsConfig::default(),
        ports: Vec::new(),
        resources: Vec::new(),
    };
    stage.daemon.create_sandbox(sandbox, &requests).unwrap();
    let names = stage.daemon.read(|state| {
        let endpoints = state.endpoints_of(SANDBOX).map(|it| it.ifname.to_string());
        endpoints.collect::<Vec<_>>()
    });
    assert_eq!(names, ["eth1", "eth0"]);
}
