//! The state: everything the daemon has decided, and the indexes that follow from it.
//!
//! It changes only by [`Change`]s, the same that the store commits: memory and store cannot drift apart.

mod addresses;
mod network;
mod policy;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use rnet_ipam::Space;
use rnet_model::{
    ContainerId, Endpoint, EndpointId, FirewallPolicy, IfName, Network, NetworkId, NetworkPolicy,
    Phase, Sandbox, SandboxId,
};

pub use addresses::{Addresses, LeaseMark};

use crate::container::Container;
use crate::volume::Volume;

/// One step from a state to the next.
#[derive(Clone, Debug)]
pub enum Change {
    /// A network is new, or different.
    PutNetwork(Network),
    /// A network is gone.
    DropNetwork(NetworkId),
    /// A sandbox is new, or different.
    PutSandbox(Sandbox),
    /// A sandbox is gone.
    DropSandbox(SandboxId),
    /// An endpoint is new, or different.
    PutEndpoint(Endpoint),
    /// An endpoint is gone.
    DropEndpoint(EndpointId),
    /// Addresses were leased on a network.
    PutMark(LeaseMark),
    /// A container is new, or different.
    PutContainer(Box<Container>),
    /// A container is gone.
    DropContainer(ContainerId),
    /// A volume is new, or different.
    PutVolume(Volume),
    /// A volume is gone.
    DropVolume(String),
}

/// All records, by identity.
#[derive(Clone, Debug, Default)]
pub struct State {
    networks: BTreeMap<NetworkId, Network>,
    // each of the large ones by itself: a tree keeps room for more than it has
    sandboxes: BTreeMap<SandboxId, Box<Sandbox>>,
    endpoints: BTreeMap<EndpointId, Box<Endpoint>>,
    containers: BTreeMap<ContainerId, Box<Container>>,
    /// By name.
    volumes: BTreeMap<String, Volume>,
    /// What endpoints hold of their networks: follows `endpoints`.
    occupied: BTreeMap<NetworkId, Occupied>,
    /// What the packet filter does for networks: follows `networks`.
    policies: BTreeMap<NetworkId, NetworkPolicy>,
    /// What the packet filter does in all: follows `policies`, `sandboxes` and `endpoints`.
    policy: FirewallPolicy,
    /// The host's interfaces that networks are: follows `networks`.
    interfaces: BTreeMap<IfName, NetworkId>,
    /// The subnets of all networks: follows `networks`.
    subnets: Space,
    /// The addresses of each network: follows `endpoints` and `containers`, but for the marks.
    addresses: BTreeMap<NetworkId, Addresses>,
    /// Endpoints by sandbox, in the order they were attached: follows `endpoints`.
    attached: BTreeMap<SandboxId, Vec<EndpointId>>,
}

/// What endpoints hold of a network, those on their way in or out included.
#[derive(Clone, Debug, Default)]
struct Occupied {
    endpoints: BTreeSet<EndpointId>,
    /// How many ports of each of its bridges.
    ports: Vec<usize>,
}

impl State {
    /// Takes one step.
    pub fn apply(&mut self, change: Change) {
        let affected = self.shares_affected_by(&change);
        self.take(change);
        self.settle(affected);
    }

    /// All of a step but for what follows from several records: [`State::policy`].
    fn take(&mut self, change: Change) {
        match change {
            Change::PutNetwork(network) => self.put_network(network),
            Change::DropNetwork(id) => self.drop_network(id),
            Change::PutSandbox(sandbox) => {
                self.sandboxes.insert(sandbox.id, Box::new(sandbox));
            }
            Change::DropSandbox(id) => {
                self.sandboxes.remove(&id);
            }
            Change::PutEndpoint(endpoint) => self.put_endpoint(endpoint),
            Change::DropEndpoint(id) => self.drop_endpoint(id),
            Change::PutMark(mark) => {
                let addresses = self.addresses.entry(mark.network).or_default();
                addresses.set_mark(mark);
            }
            Change::PutContainer(container) => self.put_container(container),
            Change::DropContainer(id) => self.drop_container(id),
            Change::PutVolume(volume) => {
                self.volumes.insert(volume.name.clone(), volume);
            }
            Change::DropVolume(name) => {
                self.volumes.remove(&name);
            }
        }
    }

    /// All networks, by id.
    pub fn networks(&self) -> impl Iterator<Item = &Network> + Clone {
        self.networks.values()
    }

    /// The network of that id.
    pub fn network(&self, id: NetworkId) -> Option<&Network> {
        self.networks.get(&id)
    }

    /// All sandboxes, by id.
    pub fn sandboxes(&self) -> impl Iterator<Item = &Sandbox> + Clone {
        self.sandboxes.values().map(Box::as_ref)
    }

    /// The sandbox of that id.
    pub fn sandbox(&self, id: SandboxId) -> Option<&Sandbox> {
        self.sandboxes.get(&id).map(Box::as_ref)
    }

    /// All endpoints, by id.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.values().map(Box::as_ref)
    }

    /// The endpoint of that id.
    pub fn endpoint(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.get(&id).map(Box::as_ref)
    }

    /// The endpoints of a sandbox, in the order they were attached; those on their way out included.
    pub fn endpoints_of(&self, sandbox: SandboxId) -> impl Iterator<Item = &Endpoint> + Clone {
        self.attached
            .get(&sandbox)
            .into_iter()
            .flatten()
            .filter_map(|id| self.endpoint(*id))
    }

    /// The endpoints on a network.
    pub fn endpoints_on(&self, network: NetworkId) -> impl Iterator<Item = &Endpoint> {
        let occupied = self.occupied.get(&network);
        let ids = occupied.into_iter().flat_map(|it| &it.endpoints);
        ids.filter_map(|id| self.endpoint(*id))
    }

    /// The networks that containers or endpoints are on.
    pub fn used_networks(&self) -> BTreeSet<NetworkId> {
        let by_containers = self.containers.values().flat_map(|it| it.networks.keys());
        by_containers.chain(self.occupied.keys()).copied().collect()
    }

    /// How many endpoints are ports of each of a network's bridges, the first bridge first.
    pub fn ports_taken(&self, network: NetworkId) -> &[usize] {
        let occupied = self.occupied.get(&network);
        occupied.map_or(&[], |it| it.ports.as_slice())
    }

    /// What the packet filter allows and translates for each network it has a say on.
    pub fn network_policies(&self) -> &BTreeMap<NetworkId, NetworkPolicy> {
        &self.policies
    }

    /// What the packet filter allows, translates and drops; a copy of it costs nothing.
    pub const fn policy(&self) -> &FirewallPolicy {
        &self.policy
    }

    /// The network that this interface of the host is.
    pub fn network_of(&self, interface: &IfName) -> Option<&Network> {
        self.networks.get(self.interfaces.get(interface)?)
    }

    /// The subnets of all networks.
    pub fn subnets(&self) -> &Space {
        &self.subnets
    }

    /// The addresses of a network.
    pub fn addresses(&self, network: NetworkId) -> &Addresses {
        static NONE: LazyLock<Addresses> = LazyLock::new(Addresses::default);
        self.addresses.get(&network).unwrap_or(&NONE)
    }

    /// All containers, by id.
    pub fn containers(&self) -> impl Iterator<Item = &Container> + Clone {
        self.containers.values().map(Box::as_ref)
    }

    /// The container of that id.
    pub fn container(&self, id: ContainerId) -> Option<&Container> {
        self.containers.get(&id).map(Box::as_ref)
    }

    /// The sandbox a container lives in, while it runs.
    pub fn sandbox_of(&self, container: ContainerId) -> Option<&Sandbox> {
        self.container(container)?
            .run
            .sandbox()
            .and_then(|id| self.sandbox(id))
    }

    fn put_container(&mut self, container: Box<Container>) {
        self.drop_container(container.id);
        for (network, settings) in &container.networks {
            let addresses = self.addresses.entry(*network).or_default();
            addresses.reserve(settings, (container.created, container.id));
        }
        self.containers.insert(container.id, container);
    }

    fn drop_container(&mut self, id: ContainerId) {
        let Some(container) = self.containers.remove(&id) else {
            return;
        };
        for (network, settings) in &container.networks {
            if let Some(addresses) = self.addresses.get_mut(network) {
                addresses.release(settings, (container.created, id));
            }
        }
    }

    fn put_endpoint(&mut self, endpoint: Endpoint) {
        self.vacate(endpoint.id);
        let occupied = self.occupied.entry(endpoint.network).or_default();
        occupied.take(&endpoint);
        let addresses = self.addresses.entry(endpoint.network).or_default();
        addresses.take(&endpoint);
        let attached = self.attached.entry(endpoint.sandbox).or_default();
        if !attached.contains(&endpoint.id) {
            attached.push(endpoint.id);
        }
        self.endpoints.insert(endpoint.id, Box::new(endpoint));
    }

    fn drop_endpoint(&mut self, id: EndpointId) {
        self.vacate(id);
        let Some(endpoint) = self.endpoints.remove(&id) else {
            return;
        };
        if let Some(attached) = self.attached.get_mut(&endpoint.sandbox) {
            attached.retain(|other| *other != id);
            if attached.is_empty() {
                self.attached.remove(&endpoint.sandbox);
            }
        }
    }

    fn vacate(&mut self, id: EndpointId) {
        let Some(endpoint) = self.endpoints.get(&id) else {
            return;
        };
        if let Some(addresses) = self.addresses.get_mut(&endpoint.network) {
            addresses.free(endpoint);
        }
        if let Some(occupied) = self.occupied.get_mut(&endpoint.network) {
            occupied.free(endpoint);
            if occupied.endpoints.is_empty() {
                self.occupied.remove(&endpoint.network);
            }
        }
    }
}

impl Occupied {
    fn take(&mut self, endpoint: &Endpoint) {
        self.endpoints.insert(endpoint.id);
        if self.ports.len() <= endpoint.shard {
            self.ports.resize(endpoint.shard + 1, 0);
        }
        self.ports[endpoint.shard] += 1;
    }

    fn free(&mut self, endpoint: &Endpoint) {
        self.endpoints.remove(&endpoint.id);
        self.ports[endpoint.shard] -= 1;
    }
}

/// Whether an endpoint still counts for gateways, names and published ports.
pub fn is_live(endpoint: &Endpoint) -> bool {
    endpoint.phase != Phase::Detaching
}
