//! rnet: its daemon in this process, with its records on disk; asked as its API asks it.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use netd::daemon::{Daemon, EndpointRequest, Hands, NetworkRequest, Settings};
use netd::store::Durable;
use rnet_ipam::SubnetRequest;
use rnet_kernel::{Netlink, Nftables};
use rnet_model::{
    ContainerId, DnsConfig, EndpointSettings, NetworkId, PortRange, Protocol, PublishedPorts,
    Resource, Sandbox, SandboxId,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Contestant, SUBNET, host_port, lock, pins};
use crate::world::{self, World};

/// The daemon, with one user-defined network.
pub(crate) struct Rnet {
    world: World,
    daemon: Arc<Daemon>,
    network: NetworkId,
    made: Mutex<HashMap<u16, SandboxId>>,
    root: TempDir,
    /// The last, so that what the daemon has running there ends first.
    _tasks: Runtime,
}

impl Rnet {
    pub(crate) fn new() -> Result<Self> {
        let world = World::new()?;
        let root = TempDir::new_in("/run")?;
        let tasks = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let (state_dir, run_dir) = (root.path().join("state"), root.path().join("run"));
        let store = Durable::open(&state_dir, &run_dir)?;
        let netlink = Arc::new(Netlink::open(&run_dir)?);
        let hands = Hands {
            kernel: netlink.clone(),
            firewall: Arc::new(Nftables::open()?),
            host: netlink,
        };
        let settings = Settings {
            state_dir,
            run_dir,
            pools: rnet_ipam::Pools::default(),
            default_bridge: netd::daemon::DefaultBridge::default(),
            default_network_options: Default::default(),
            default_log: Default::default(),
            plugins: Default::default(),
            cgroup_parent: "rnet-bench".to_owned(),
            registries: Default::default(),
        };
        // no process of a container is ever started here
        let shim = PathBuf::from("/nonexistent");
        let tasks_handle = tasks.handle().clone();
        let daemon = Daemon::open(settings, hands, Arc::new(store), shim, tasks_handle)?;
        let subnet = SubnetRequest {
            subnet: Some(SUBNET.parse()?),
            ..Default::default()
        };
        let network = daemon.create_network(NetworkRequest {
            name: "bench".to_owned(),
            subnets: vec![subnet],
            ..Default::default()
        })?;
        Ok(Self {
            world,
            daemon,
            network,
            made: Mutex::default(),
            root,
            _tasks: tasks,
        })
    }

    /// Creates a network with an automatic subnet.
    pub(crate) fn create_network(&self, name: &str) -> Result<()> {
        self.world.enter()?;
        let request = NetworkRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        self.daemon.create_network(request).map(drop)?;
        Ok(())
    }

    /// What a network stands on.
    pub(crate) fn resources_of(&self, name: &str) -> Result<Vec<Resource>> {
        self.daemon.read(|state| {
            let network = state.networks().find(|it| it.name == name);
            let network = network.context("there is no such network")?;
            Ok(network.resources.clone())
        })
    }

    /// Where the network namespace of an endpoint is pinned.
    pub(crate) fn pin(&self, number: u16) -> PathBuf {
        rnet_kernel::pin_path(&self.root.path().join("run"), sandbox(number))
    }
}

impl Contestant for Rnet {
    fn name(&self) -> String {
        "rnet".to_owned()
    }

    fn attach(&self, number: u16, ports: u16) -> Result<()> {
        self.world.enter()?;
        let id = sandbox(number);
        let first = host_port(number);
        let sandbox = Sandbox {
            id,
            container: ContainerId::from_bytes(id.bytes()),
            guest: None,
            dns: DnsConfig::default(),
            ports: (first..first + ports).map(published).collect(),
            resources: Vec::new(),
        };
        let request = EndpointRequest {
            network: self.network,
            settings: EndpointSettings::default(),
            names: vec![format!("c{number}")],
            before: Vec::new(),
        };
        self.daemon.create_sandbox(sandbox, &[request])?;
        lock(&self.made).insert(number, id);
        Ok(())
    }

    fn detach(&self, number: u16) -> Result<()> {
        self.world.enter()?;
        let sandbox = lock(&self.made)
            .remove(&number)
            .context("it was not attached")?;
        self.daemon.delete_sandbox(sandbox);
        Ok(())
    }

    fn objects(&self) -> Result<usize> {
        Ok(self.world.links()? + world::pinned(&pins(&self.root.path().join("run")))?)
    }
}

fn sandbox(number: u16) -> SandboxId {
    let mut id = [0x5a; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    SandboxId::from_bytes(id)
}

fn published(port: u16) -> PublishedPorts {
    PublishedPorts {
        protocol: Protocol::Tcp,
        host_address: Ipv4Addr::UNSPECIFIED.into(),
        host_ports: PortRange::one(port),
        container_ports: PortRange::one(80),
        from: BTreeSet::new(),
    }
}
