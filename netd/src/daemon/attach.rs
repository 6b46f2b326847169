//! Attaching: a sandbox and its endpoints, or one more endpoint of a sandbox that lives.
//!
//! ```text
//! reserve   state lock: lease -> driver's answer -> Endpoint { Attaching, resources } -> commit
//! consult   no lock held: plugins of others are asked and told, where a network is theirs
//! protect   rules stand before the first packet
//! build     no lock held: one netlink batch
//! confirm   state lock: Attached -> commit -> names published -> neighbours told, while the request goes on
//!           any failure -> undo
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;

use rnet_ipam::{Holder, IpamError, LeaseRequest, lease};
use rnet_model::{
    Endpoint, EndpointId, EndpointSettings, HostFacts, IfName, Network, NetworkId, Object, Phase,
    Resource, Sandbox, SandboxId,
};

use super::interface::{IFNAME_OPTION, hardware_address, ifname};
use super::network::{find_driver, grown, refused_by};
use super::plugins::is_owed;
use super::ports::{Families, PortRequest};
use super::{Daemon, lookup, random_bytes};
use crate::error::{Error, Result};
use crate::project;
use crate::state::{Change, State};

/// An endpoint someone asks for.
#[derive(Clone, Debug)]
pub struct EndpointRequest {
    /// The network it is to be on.
    pub network: NetworkId,
    /// What is asked of it.
    pub settings: EndpointSettings,
    /// The names it shall answer to, the container's own first.
    pub names: Vec<String>,
    /// The addresses it had before, which it gets again where they are free.
    pub before: Vec<IpAddr>,
}

/// What was reserved: on record, and not yet in the kernel.
struct Plan {
    sandbox: SandboxId,
    endpoints: Vec<EndpointId>,
    /// In the order they are to be made.
    resources: Vec<Resource>,
    /// Whether the sandbox itself is part of it.
    whole: bool,
}

impl Daemon {
    /// Makes a sandbox with its endpoints, or nothing.
    ///
    /// Its resources are decided here; what it brings of its own comes before its endpoints. It is gone after the next
    /// start of the daemon unless a container that is on record as running calls it its own.
    pub fn create_sandbox(&self, mut sandbox: Sandbox, requests: &[EndpointRequest]) -> Result<()> {
        let namespace = match &sandbox.guest {
            None => Some(Object::Namespace(sandbox.id)),
            Some(guest) => guest.namespace.clone().map(|path| Object::GuestNamespace {
                sandbox: sandbox.id,
                path,
            }),
        };
        if let Some(namespace) = namespace {
            let made_first = [
                Resource::host(namespace),
                Resource::sandbox(sandbox.id, Object::Up(loopback())),
            ];
            sandbox.resources.splice(0..0, made_first);
        }
        self.realise(self.reserve(sandbox, requests, true)?)
    }

    /// The same, with ports of the host that are published for it.
    pub(super) fn publish_sandbox(
        &self,
        sandbox: Sandbox,
        requests: &[EndpointRequest],
        wanted: &[PortRequest],
        families: Families,
    ) -> Result<()> {
        let id = sandbox.id;
        let claim = self.claim_ports(wanted, families, &[])?;
        let ports = claim.published();
        self.ports.keep(id, claim);
        self.create_sandbox(Sandbox { ports, ..sandbox }, requests)
            .inspect_err(|_| self.ports.release(id))
    }

    /// Removes a sandbox with its endpoints; one that is gone already is no error.
    pub fn delete_sandbox(&self, sandbox: SandboxId) {
        self.undo(sandbox, &[], true);
    }

    /// Makes one more endpoint in a sandbox that lives, or nothing.
    pub fn connect_sandbox(&self, sandbox: SandboxId, request: EndpointRequest) -> Result<()> {
        let sandbox = self.read(|state| state.sandbox(sandbox).cloned());
        let sandbox = sandbox.ok_or_else(|| Error::Conflict("the container has stopped".into()))?;
        self.realise(self.reserve(sandbox, &[request], false)?)
    }

    /// Decides and records; the kernel knows nothing of it yet.
    fn reserve(
        &self,
        mut sandbox: Sandbox,
        requests: &[EndpointRequest],
        whole: bool,
    ) -> Result<Plan> {
        let facts = self.hands.host.facts()?;
        let mut state = self.state();
        lookup::refuse_shared_namespace(&state, sandbox.guest.as_ref().filter(|_| whole))?;
        let mut endpoints: Vec<Endpoint> = Vec::with_capacity(requests.len());
        let asked = requests
            .iter()
            .filter_map(|it| it.settings.driver_options.get(IFNAME_OPTION));
        let asked: Vec<&str> = asked.map(String::as_str).collect();
        for request in requests {
            let present = state.endpoints_of(sandbox.id).chain(&endpoints);
            let present = present.filter(|it| !is_owed(it));
            endpoints.push(endpoint(
                &state, &sandbox, present, request, &asked, &facts,
            )?);
        }
        let routes = if sandbox.takes_interface() {
            Vec::new()
        } else {
            let all = state.endpoints_of(sandbox.id).chain(&endpoints);
            project::default_routes(&state, sandbox.id, all)
        };
        let mut resources = if whole {
            sandbox.resources.clone()
        } else {
            Vec::new()
        };
        resources.extend(
            endpoints
                .iter()
                .flat_map(|endpoint| endpoint.resources.clone()),
        );
        resources.extend(
            routes
                .iter()
                .filter(|&it| !sandbox.resources.contains(it))
                .cloned(),
        );
        sandbox.replace_routes(routes);
        let plan = Plan {
            sandbox: sandbox.id,
            endpoints: endpoints.iter().map(|endpoint| endpoint.id).collect(),
            resources,
            whole,
        };
        let networks = grown(&state, &endpoints, &facts)?;
        let mut changes = vec![Change::PutSandbox(sandbox)];
        changes.extend(networks.into_iter().map(Change::PutNetwork));
        for (endpoint, request) in endpoints.into_iter().zip(requests) {
            let addresses = state.addresses(endpoint.network);
            let mark = addresses.mark(&endpoint, &request.before);
            changes.extend([Change::PutEndpoint(endpoint), Change::PutMark(mark)]);
        }
        self.commit(&mut state, changes)?;
        Ok(plan)
    }

    /// Lets what was reserved exist, or undoes it.
    fn realise(&self, plan: Plan) -> Result<()> {
        let made = self
            .consult(plan.sandbox, &plan.endpoints, plan.whole)
            .and_then(|decided| {
                self.protect()?;
                let resources = decided.as_ref().unwrap_or(&plan.resources);
                self.build_endpoints(resources, &plan.endpoints)
            })
            .and_then(|()| self.lead_outside(plan.sandbox))
            .and_then(|()| self.lead_ports(plan.sandbox))
            .and_then(|()| self.confirm(&plan));
        made.inspect_err(|_| self.undo(plan.sandbox, &plan.endpoints, plan.whole))
    }

    fn confirm(&self, plan: &Plan) -> Result<()> {
        {
            let mut state = self.state();
            let attached = plan
                .endpoints
                .iter()
                .filter_map(|id| state.endpoint(*id))
                .cloned();
            let changes = attached
                .map(|endpoint| {
                    Change::PutEndpoint(Endpoint {
                        phase: Phase::Attached,
                        ..endpoint
                    })
                })
                .collect();
            self.commit(&mut state, changes)?;
        }
        self.publish_names(plan.sandbox, &plan.endpoints)?;
        self.announce(&plan.endpoints);
        for id in &plan.endpoints {
            self.tell_of_endpoint("connect", *id);
        }
        Ok(())
    }

    /// Makes the firewall equal to what the state means.
    pub(super) fn protect(&self) -> Result<()> {
        let _in_order = self
            .protecting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let policy = self.read(|state| state.policy().clone());
        Ok(self.hands.firewall.apply(&policy)?)
    }

    pub(super) fn tell_of_endpoint(&self, action: &'static str, id: EndpointId) {
        let told = self.read(|state| {
            let endpoint = state.endpoint(id)?;
            let network = state.network(endpoint.network)?;
            let container = state.sandbox(endpoint.sandbox)?.container.to_string();
            Some((
                network.id,
                network.name.clone(),
                network.driver.clone(),
                container,
            ))
        });
        if let Some((network, name, driver, container)) = told {
            let attributes = [("name", name), ("type", driver), ("container", container)];
            self.events.send("network", action, network, attributes);
        }
    }
}

/// Decides everything about one new endpoint.
fn endpoint<'a>(
    state: &State,
    sandbox: &Sandbox,
    present: impl Iterator<Item = &'a Endpoint> + Clone,
    request: &EndpointRequest,
    asked: &[&str],
    facts: &HostFacts,
) -> Result<Endpoint> {
    let network = state
        .network(request.network)
        .ok_or_else(|| Error::no_such_network(request.network.to_string()))?;
    let name = request.names.first().map_or("", String::as_str);
    if present
        .clone()
        .any(|endpoint| endpoint.network == network.id)
    {
        return Err(Error::Forbidden(format!(
            "endpoint with name {name} already exists in network {}",
            network.name
        )));
    }
    if network.unsettled {
        return Err(Error::Conflict(format!(
            "network {} is being created, or removed: nothing can be connected to it",
            network.name
        )));
    }
    let driver = find_driver(&network.driver)?;
    let settings = request.settings.clone();
    let wanted = LeaseRequest {
        ipv4: settings.ipv4_address,
        ipv6: settings.ipv6_address,
        before: &request.before,
    };
    refuse_reserved(state, network, sandbox, &wanted)?;
    let addresses = match network.ipam_driver {
        Some(_) => Vec::new(),
        None => lease(network, &wanted, state.addresses(network.id).held())?,
    };
    let id = EndpointId::from_bytes(random_bytes());
    let mut endpoint = Endpoint {
        id,
        network: network.id,
        sandbox: sandbox.id,
        phase: Phase::Attaching,
        ifname: match sandbox.takes_interface() {
            true => project::offered_name(id),
            false => ifname(driver, network, &settings, present, asked)?,
        },
        mac: settings
            .mac_address
            .unwrap_or_else(|| hardware_address(network.id, &addresses)),
        addresses,
        shard: driver
            .shard(network, state.ports_taken(network.id))
            .map_err(refused_by(driver, network))?,
        names: request.names.clone(),
        settings,
        joined: None,
        resources: Vec::new(),
    };
    endpoint.resources = driver
        .endpoint_resources(network, &endpoint, facts)
        .map_err(refused_by(driver, network))?;
    if sandbox.takes_interface() {
        endpoint.resources = project::offered(endpoint.resources).ok_or_else(|| {
            Error::invalid(format!(
                "a network of driver {} has no interface to hand over: use one of driver bridge",
                network.driver
            ))
        })?;
    }
    Ok(endpoint)
}

/// Refuses an address that is set aside for another container, whether that one runs or not.
fn refuse_reserved(
    state: &State,
    network: &Network,
    sandbox: &Sandbox,
    wanted: &LeaseRequest<'_>,
) -> Result<()> {
    for address in wanted.ipv4.into_iter().chain(wanted.ipv6) {
        let owner = state.addresses(network.id).owner(address);
        let other = owner.filter(|owner| *owner != sandbox.container);
        if let Some(container) = other.and_then(|id| state.container(id)) {
            return Err(Error::Ipam(IpamError::AddressInUse {
                address,
                network: network.name.clone(),
                holder: Holder::Container(container.name.clone()),
            }));
        }
    }
    Ok(())
}

fn loopback() -> IfName {
    "lo".parse().expect("the loopback's name is valid")
}

/// A container's names on a network: its own, its aliases, its short id, its host name, each once.
pub(super) fn names(own: [&str; 3], settings: &EndpointSettings) -> Vec<String> {
    let [name, short_id, hostname] = own;
    let aliases = settings.aliases.iter().map(String::as_str);
    let mut seen = BTreeMap::new();
    let all = std::iter::once(name)
        .chain(aliases)
        .chain([short_id, hostname]);
    all.filter(|name| !name.is_empty() && seen.insert(name.to_lowercase(), ()).is_none())
        .map(str::to_owned)
        .collect()
}
