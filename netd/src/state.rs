//! The state: everything the daemon has decided, and the indexes that follow from it.
//!
//! It changes only by [`Change`]s, the same that the store commits: memory and store cannot drift apart.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rnet_model::{
    ContainerId, Endpoint, EndpointId, Network, NetworkId, Phase, Sandbox, SandboxId,
};

use crate::container::Container;

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
    /// A container is new, or different.
    PutContainer(Box<Container>),
    /// A container is gone.
    DropContainer(ContainerId),
}

/// All records, by identity.
#[derive(Clone, Debug, Default)]
pub struct State {
    networks: BTreeMap<NetworkId, Network>,
    sandboxes: BTreeMap<SandboxId, Sandbox>,
    endpoints: BTreeMap<EndpointId, Endpoint>,
    containers: BTreeMap<ContainerId, Container>,
    /// Addresses that endpoints hold, by network: follows `endpoints`.
    taken: BTreeMap<NetworkId, BTreeSet<IpAddr>>,
    /// Endpoints by sandbox, in the order they were attached: follows `endpoints`.
    attached: BTreeMap<SandboxId, Vec<EndpointId>>,
}

impl State {
    /// Takes one step.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::PutNetwork(network) => {
                self.networks.insert(network.id, network);
            }
            Change::DropNetwork(id) => {
                self.networks.remove(&id);
            }
            Change::PutSandbox(sandbox) => {
                self.sandboxes.insert(sandbox.id, sandbox);
            }
            Change::DropSandbox(id) => {
                self.sandboxes.remove(&id);
            }
            Change::PutEndpoint(endpoint) => self.put_endpoint(endpoint),
            Change::DropEndpoint(id) => self.drop_endpoint(id),
            Change::PutContainer(container) => {
                self.containers.insert(container.id, *container);
            }
            Change::DropContainer(id) => {
                self.containers.remove(&id);
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
    pub fn sandboxes(&self) -> impl Iterator<Item = &Sandbox> {
        self.sandboxes.values()
    }

    /// The sandbox of that id.
    pub fn sandbox(&self, id: SandboxId) -> Option<&Sandbox> {
        self.sandboxes.get(&id)
    }

    /// All endpoints, by id.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.values()
    }

    /// The endpoint of that id.
    pub fn endpoint(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.get(&id)
    }

    /// The endpoints of a sandbox, in the order they were attached; those on their way out included.
    pub fn endpoints_of(&self, sandbox: SandboxId) -> impl Iterator<Item = &Endpoint> + Clone {
        self.attached
            .get(&sandbox)
            .into_iter()
            .flatten()
            .filter_map(|id| self.endpoints.get(id))
    }

    /// The endpoints on a network.
    pub fn endpoints_on(&self, network: NetworkId) -> impl Iterator<Item = &Endpoint> {
        self.endpoints
            .values()
            .filter(move |endpoint| endpoint.network == network)
    }

    /// The addresses endpoints of a network hold, those on their way in or out included.
    pub fn taken(&self, network: NetworkId) -> &BTreeSet<IpAddr> {
        static NONE: BTreeSet<IpAddr> = BTreeSet::new();
        self.taken.get(&network).unwrap_or(&NONE)
    }

    /// All containers, by id.
    pub fn containers(&self) -> impl Iterator<Item = &Container> + Clone {
        self.containers.values()
    }

    /// The container of that id.
    pub fn container(&self, id: ContainerId) -> Option<&Container> {
        self.containers.get(&id)
    }

    /// The sandbox a container lives in, while it runs.
    pub fn sandbox_of(&self, container: ContainerId) -> Option<&Sandbox> {
        self.container(container)?
            .run
            .sandbox()
            .and_then(|id| self.sandboxes.get(&id))
    }

    fn put_endpoint(&mut self, endpoint: Endpoint) {
        self.drop_addresses(endpoint.id);
        let addresses = endpoint.addresses.iter().map(|cidr| cidr.ip());
        self.taken
            .entry(endpoint.network)
            .or_default()
            .extend(addresses);
        let attached = self.attached.entry(endpoint.sandbox).or_default();
        if !attached.contains(&endpoint.id) {
            attached.push(endpoint.id);
        }
        self.endpoints.insert(endpoint.id, endpoint);
    }

    fn drop_endpoint(&mut self, id: EndpointId) {
        self.drop_addresses(id);
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

    fn drop_addresses(&mut self, id: EndpointId) {
        let Some(endpoint) = self.endpoints.get(&id) else {
            return;
        };
        if let Some(taken) = self.taken.get_mut(&endpoint.network) {
            for cidr in &endpoint.addresses {
                taken.remove(&cidr.ip());
            }
        }
    }
}

/// Whether an endpoint still counts for gateways, names and published ports.
pub fn is_live(endpoint: &Endpoint) -> bool {
    endpoint.phase != Phase::Detaching
}
